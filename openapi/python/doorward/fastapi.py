"""A FastAPI dependency: `Annotated[Claims, Depends(Guard(verifier))]` answers 401 to whoever has no good token."""

from typing import Annotated

from fastapi import Depends, HTTPException
from fastapi.concurrency import run_in_threadpool
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from .verify import Claims, InvalidToken, TokenVerifier, VerifierUnavailable

_bearer = HTTPBearer(auto_error=False, scheme_name="doorward", bearerFormat="JWT")


class Guard:
    """Lets through who bears a good access token."""

    def __init__(self, verifier: TokenVerifier) -> None:
        self._verifier = verifier

    async def __call__(self, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> Claims:
        """Who asks."""
        if credentials is None:
            raise HTTPException(401, "Not authenticated", {"WWW-Authenticate": "Bearer"})
        try:
            return await run_in_threadpool(self._verifier.verify, credentials.credentials)
        except InvalidToken:
            raise HTTPException(401, "Could not validate credentials", {"WWW-Authenticate": 'Bearer error="invalid_token"'}) from None
        except VerifierUnavailable:
            raise HTTPException(503, "Tokens cannot be checked, try again shortly", {"Retry-After": "5"}) from None
