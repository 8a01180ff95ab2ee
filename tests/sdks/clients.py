"""authlib and requests-oauthlib at Doorward, as their documentation uses them: clients.py URL."""

import sys

import requests
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.httpx_client import OAuth2Client
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from oauthlib.oauth2 import InvalidGrantError, LegacyApplicationClient
from requests_oauthlib import OAuth2Session

PASSWORD = "an owl keeps the door"
URL = sys.argv[1]
server = requests.get(f"{URL}/.well-known/oauth-authorization-server").json()
assert server["issuer"] == URL

for email in ("alice@example.com", "boss@example.com"):
    assert requests.post(f"{URL}/register", json={"email": email, "password": PASSWORD}).status_code == 201
print("admin", "boss@example.com", flush=True)
input()


def authlib(kind) -> None:
    options = {"token_endpoint_auth_method": "none", "revocation_endpoint_auth_method": "none"}
    client = kind("app", token_endpoint=server["token_endpoint"], **options)
    token = client.fetch_token(server["token_endpoint"], grant_type="password", username="alice@example.com", password=PASSWORD)
    assert client.get(f"{URL}/me").json()["email"] == "alice@example.com"
    new = client.refresh_token(server["token_endpoint"], refresh_token=token["refresh_token"])
    assert new["refresh_token"] != token["refresh_token"]
    boss = kind("app", **options)
    boss.fetch_token(server["token_endpoint"], grant_type="password", username="boss@example.com", password=PASSWORD)
    about = boss.post(server["introspection_endpoint"], data={"token": new["access_token"]}).json()
    assert about["active"] and about["username"] == "alice@example.com"
    assert client.revoke_token(server["revocation_endpoint"], token=new["refresh_token"], token_type_hint="refresh_token").status_code == 200
    assert boss.post(server["introspection_endpoint"], data={"token": new["access_token"]}).json() == {"active": False}
    try:
        kind("app", **options).fetch_token(server["token_endpoint"], grant_type="password", username="alice@example.com", password="wrong")
    except OAuthError as refused:
        assert refused.error == "invalid_grant", refused
    else:
        raise AssertionError("a wrong password got in")


def requests_oauthlib() -> None:
    session = OAuth2Session(client=LegacyApplicationClient(client_id="app"))
    account = {"username": "alice@example.com", "password": PASSWORD, "include_client_id": True, "auth": None}
    token = session.fetch_token(server["token_endpoint"], **account)
    assert session.get(f"{URL}/me").json()["email"] == "alice@example.com"
    new = session.refresh_token(server["token_endpoint"], refresh_token=token["refresh_token"], client_id="app")
    assert new["refresh_token"] != token["refresh_token"]
    assert session.post(server["revocation_endpoint"], data={"token": new["refresh_token"]}).status_code == 200
    assert session.get(f"{URL}/me").status_code == 401
    try:
        session.fetch_token(server["token_endpoint"], **(account | {"password": "wrong"}))
    except InvalidGrantError:
        pass
    else:
        raise AssertionError("a wrong password got in")


authlib(AuthlibSession)
authlib(OAuth2Client)
requests_oauthlib()
