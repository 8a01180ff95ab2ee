"""What a person's app does with the Python package: walk.py PART URL. Asks the test to act by a line, and waits for one."""

import asyncio
import base64
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
from doorward import AsyncDoorward, BadCredentials, Doorward, EmailTaken, InvalidInput, NotAuthenticated, SessionEnded, Tokens
from doorward.generated.api.roles import list_roles
from doorward.verify import IntrospectionVerifier, InvalidToken, JwksVerifier, VerifierUnavailable

PASSWORD = "an owl keeps the door"
PART, URL = sys.argv[1:3]


def ask(*words: str) -> str:
    print(*words, flush=True)
    return input()


def refused(kind, call, *arguments):
    try:
        call(*arguments)
    except kind as error:
        return error
    raise AssertionError(f"not refused: {call}")


def session() -> None:
    kept: list[Tokens] = []
    sent: list[httpx.Request] = []
    client = Doorward(URL, on_tokens=kept.append, event_hooks={"request": [sent.append]})
    me = client.register("alice@example.com", PASSWORD)
    assert (me.email, me.role, me.is_active) == ("alice@example.com", "user", True)
    wrong = refused(BadCredentials, client.login, "alice@example.com", "not the password")
    assert (wrong.status, wrong.code, wrong.detail) == (401, "bad_credentials", "Incorrect email or password") and wrong.request_id
    assert refused(EmailTaken, client.register, "alice@example.com", PASSWORD).status == 400
    assert refused(InvalidInput, client.register, "bob@example.com", "short").fields[0]["loc"] == ["body", "password"]
    refused(NotAuthenticated, client.me)
    assert client.login("alice@example.com", PASSWORD).expires_in > 0
    assert client.tokens.device and "doorward-device" not in sent[-1].headers
    assert client.me().email == "alice@example.com"
    before = client.tokens
    client.refresh()
    assert client.tokens.refresh_token != before.refresh_token and client.tokens.device == before.device
    [current] = client.sessions()
    assert current.current and current.ip == "127.0.0.1"
    second = Doorward(URL, tokens=client.tokens)
    assert second.me() == me
    client.logout()
    assert client.tokens.access_token is None and kept[-1] == client.tokens
    refused(SessionEnded, second.me)
    assert second.tokens.access_token is None
    client.login("alice@example.com", PASSWORD)
    assert sent[-1].headers["doorward-device"] == client.tokens.device == before.device
    assert "eyJ" not in repr(client.tokens)
    before = client.tokens
    client.change_password(PASSWORD, "two owls keep two doors")
    assert client.tokens.refresh_token != before.refresh_token and client.me() == me
    refused(SessionEnded, Doorward(URL, tokens=before).me)
    client.refresh()
    client.delete_me("two owls keep two doors")
    refused(BadCredentials, client.login, "alice@example.com", PASSWORD)
    refused(VerifierUnavailable, JwksVerifier("http://127.0.0.1:9").verify, forged("e30.e30.e30", {"typ": "at+jwt", "alg": "EdDSA", "kid": "x"}))


def expiry() -> None:
    client = Doorward(URL)
    client.register("carol@example.com", PASSWORD)
    seconds = client.login("carol@example.com", PASSWORD).expires_in
    time.sleep(seconds + 1)
    with ThreadPoolExecutor(20) as pool:
        assert {me.email for me in pool.map(lambda _: client.me(), range(20))} == {"carol@example.com"}


async def expiry_async() -> None:
    async with AsyncDoorward(URL) as client:
        await client.register("dora@example.com", PASSWORD)
        seconds = (await client.login("dora@example.com", PASSWORD)).expires_in
        await asyncio.sleep(seconds + 1)
        assert {me.email for me in await asyncio.gather(*(client.me() for _ in range(20)))} == {"dora@example.com"}


def forged(token: str, changes: dict[str, str]) -> str:
    head, rest = token.split(".", 1)
    header = json.loads(base64.urlsafe_b64decode(head + "==")) | changes
    return base64.urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=") + "." + rest


def kid(client: Doorward) -> str:
    return json.loads(base64.urlsafe_b64decode(client.tokens.access_token.split(".")[0] + "=="))["kid"]


def verify() -> None:
    client, boss = Doorward(URL), Doorward(URL)
    client.register("erin@example.com", PASSWORD)
    boss.register("boss@example.com", PASSWORD)
    ask("admin", "boss@example.com")
    client.login("erin@example.com", PASSWORD)
    boss.login("boss@example.com", PASSWORD)
    offline, asking = JwksVerifier(URL, cooldown=1), IntrospectionVerifier(boss)
    first = client.tokens.access_token
    assert offline.verify(first) == asking.verify(first) and offline.verify(first).role == "user"
    for bad in (forged(first, {"alg": "none"}), forged(first, {"typ": "JWT"}), first[:-10] + "AAAAAAAAAA", client.tokens.refresh_token, "x", ""):
        refused(InvalidToken, offline.verify, bad)
        refused(InvalidToken, asking.verify, bad)
    refused(InvalidToken, JwksVerifier(URL, "another", jwks_uri=URL + "/.well-known/jwks.json").verify, first)
    refused(VerifierUnavailable, IntrospectionVerifier(client).verify, first)
    service = IntrospectionVerifier(Doorward(URL), client_id="orders", client_secret=ask("client", "orders"))
    assert service.verify(first) == offline.verify(first)
    refused(VerifierUnavailable, IntrospectionVerifier(Doorward(URL), client_id="orders", client_secret="dwx_x").verify, first)
    assert {role.name for role in list_roles.sync(client=boss.api)} >= {"user", "admin"}
    before = kid(client)
    ask("rotate")
    time.sleep(1)
    while kid(client) == before:
        time.sleep(0.05)
        client.refresh()
    new = client.tokens.access_token
    assert offline.verify(new) == asking.verify(new)
    careful = JwksVerifier(URL, cooldown=60)
    careful.verify(new)
    for number in range(20):
        refused(InvalidToken, careful.verify, forged(new, {"kid": f"unknown-{number}"}))
    client.logout()
    refused(InvalidToken, asking.verify, new)
    offline.verify(new)


def offline() -> None:
    """Tokens of an issuer that the test plays: only the good one is believed."""
    tokens = json.load(sys.stdin)
    verifier = JwksVerifier(URL, leeway=0)
    assert verifier.verify(tokens.pop("good")).subject == "someone"
    believed = [name for name, token in tokens.items() if not isinstance(refused((InvalidToken, AssertionError), verifier.verify, token), InvalidToken)]
    assert not believed, believed


{"session": session, "expiry": expiry, "expiry_async": lambda: asyncio.run(expiry_async()), "verify": verify, "offline": offline}[PART]()
