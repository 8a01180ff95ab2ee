"""Checks Doorward's access tokens in your own services: offline by its public keys, or by asking it.

Offline costs no request, and a token that was ended early is believed until its `exp`; introspection costs one and sees every end at once.
"""

from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx
import jwt

from ._client import Doorward
from ._errors import DoorwardError
from .generated.api.oauth import introspect
from .generated.models import PresentedToken


class InvalidToken(Exception):
    """The token is not one to believe: answer 401."""


class VerifierUnavailable(Exception):
    """The keys or the service could not be asked: answer 503, never 401."""


@dataclass(frozen=True)
class Claims:
    """What a token says of who asks. `role` is what it was when the token was issued, or asked about."""

    subject: str
    session: str
    role: str
    expires_at: int
    raw: dict[str, Any] = field(repr=False, compare=False)


class TokenVerifier(Protocol):
    """Either of the two below."""

    def verify(self, token: str) -> Claims:
        """Raises `InvalidToken` or `VerifierUnavailable`."""
        ...


class JwksVerifier:
    """Offline, by the keys at `/.well-known/jwks.json` (the service signs with EdDSA, ES256 or RS256; with HS256 it publishes none).

    Keys are kept for `lifespan` seconds; an unknown `kid` fetches them anew, at most every `cooldown` seconds.
    """

    ALGORITHMS = ("EdDSA", "ES256", "RS256")
    REQUIRED = ("iss", "aud", "sub", "exp", "iat", "jti", "sid", "role", "client_id")

    def __init__(
        self,
        issuer: str,
        audience: str = "doorward",
        *,
        jwks_uri: str | None = None,
        algorithms: tuple[str, ...] = ALGORITHMS,
        lifespan: float = 300,
        cooldown: float = 30,
        timeout: float = 5,
        leeway: float = 5,
    ) -> None:
        if not set(algorithms) <= set(self.ALGORITHMS):
            raise ValueError(f"the algorithms are {', '.join(self.ALGORITHMS)}")
        self._issuer, self._audience, self._algorithms, self._leeway = issuer, audience, list(algorithms), leeway
        uri = jwks_uri or issuer.rstrip("/") + "/.well-known/jwks.json"
        self._keys = jwt.PyJWKClient(uri, lifespan=lifespan, cooldown_duration=cooldown, timeout=timeout)

    def verify(self, token: str) -> Claims:
        """The claims of a good access token."""
        try:
            header = jwt.get_unverified_header(token)
            # Another kind of token with the same signer is no access token (RFC 9068 section 4).
            if str(header.get("typ", "")).lower() not in ("at+jwt", "application/at+jwt"):
                raise InvalidToken("not an access token")
            if header.get("alg") not in self._algorithms or not isinstance(header.get("kid"), str):
                raise InvalidToken("no algorithm or key of ours")
            key = self._keys.get_signing_key(header["kid"])
            if key.algorithm_name != header["alg"]:
                raise InvalidToken("the key is for another algorithm")
            claims = jwt.decode(
                token,
                key,
                algorithms=[header["alg"]],
                audience=self._audience,
                issuer=self._issuer,
                leeway=self._leeway,
                options={"require": list(self.REQUIRED)},
            )
        except (jwt.exceptions.PyJWKClientConnectionError, jwt.exceptions.PyJWKSetError) as cause:
            raise VerifierUnavailable("the public keys could not be fetched") from cause
        except (jwt.exceptions.PyJWTError, ValueError) as cause:
            raise InvalidToken(str(cause)) from cause
        return _claims(claims)


class IntrospectionVerifier:
    """By asking the service (RFC 7662): with credentials of `doorward client create` and a client to which nobody is logged in,
    or with a client that is logged in to an account. Either needs the permission `tokens:introspect`.

    The session of an account ends at its maximal age; credentials do not.
    """

    def __init__(self, client: Doorward, *, client_id: str | None = None, client_secret: str | None = None) -> None:
        if (client_id is None) != (client_secret is None):
            raise ValueError("client_id and client_secret belong together")
        self._client = client
        self._credentials: dict[str, str] = {} if client_id is None or client_secret is None else {"client_id": client_id, "client_secret": client_secret}

    def verify(self, token: str) -> Claims:
        """The claims of an access token that is good now."""
        try:
            answer = introspect.sync(client=self._client.api, body=PresentedToken(token=token, **self._credentials))
        except (DoorwardError, httpx.HTTPError) as cause:
            if isinstance(cause, DoorwardError) and cause.code in ("invalid_request", "too_large"):
                raise InvalidToken("not a token") from cause
            raise VerifierUnavailable("the service could not be asked") from cause
        claims = answer.to_dict() if answer is not None else {}
        # A refresh token is none. Servers of version 0.1.0 call an access token access_token.
        if claims.get("active") is not True or claims.get("token_type") not in ("Bearer", "access_token"):
            raise InvalidToken("not active")
        return _claims(claims)


def _claims(claims: dict[str, Any]) -> Claims:
    if not all(isinstance(claims.get(name), str) for name in ("sub", "sid", "role")):
        raise InvalidToken("claims are missing")
    return Claims(subject=claims["sub"], session=claims["sid"], role=claims["role"], expires_at=int(claims["exp"]), raw=claims)
