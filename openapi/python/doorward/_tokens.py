"""Who holds the tokens: adds the bearer, and at a 401 refreshes once for all calls that wait."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx

from ._errors import SessionEnded, error_of


@dataclass(frozen=True)
class Tokens:
    """What to keep of a session. The device's ticket outlives it: it lets this device log in while others' failures lock the account."""

    access_token: str | None = None
    refresh_token: str | None = None
    device: str | None = None

    def __repr__(self) -> str:
        """No secret in a log."""
        return f"Tokens(signed_in={self.access_token is not None})"


class TokenHolder(httpx.Auth):
    """Shared by all calls of a client. Refreshing is told by what the server says, not by a clock."""

    requires_response_body = True

    def __init__(self, base_url: str, tokens: Tokens, on_change: Callable[[Tokens], None] | None) -> None:
        self.tokens = tokens
        self._refresh_url = base_url.rstrip("/") + "/refresh"
        self._on_change = on_change
        # Held while the tokens are changed. A change of the password may refresh within it, so it is reentrant.
        self._lock = threading.RLock()
        self._async_lock = asyncio.Lock()
        self._alone: asyncio.Task[Any] | None = None

    def keep(self, **changes: str | None) -> None:
        """Takes new ones and tells whoever stores them."""
        self.tokens = replace(self.tokens, **changes)
        if self._on_change is not None:
            self._on_change(self.tokens)

    @asynccontextmanager
    async def alone(self) -> AsyncGenerator[None, None]:
        """Holds the lock of asyncio; for the task that holds it already, too."""
        task = asyncio.current_task()
        if self._alone is task:
            yield
            return
        async with self._async_lock:
            self._alone = task
            try:
                yield
            finally:
                self._alone = None

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """One call, and the same again after a refresh."""
        used = self._bear(request)
        response = yield request
        if response.status_code != 401 or used is None:
            return
        response.read()
        with self._lock:
            if self.tokens.access_token == used and self.tokens.refresh_token is not None:
                answer = yield self._refresh()
                answer.read()
                self._take(answer)
        if self._bear(request) not in (None, used):
            yield request

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """The same for asyncio."""
        used = self._bear(request)
        response = yield request
        if response.status_code != 401 or used is None:
            return
        await response.aread()
        async with self.alone():
            if self.tokens.access_token == used and self.tokens.refresh_token is not None:
                answer = yield self._refresh()
                await answer.aread()
                self._take(answer)
        if self._bear(request) not in (None, used):
            yield request

    def _bear(self, request: httpx.Request) -> str | None:
        token = self.tokens.access_token
        if token is not None:
            request.headers["Authorization"] = f"Bearer {token}"
        return token

    def _refresh(self) -> httpx.Request:
        return httpx.Request("POST", self._refresh_url, data={"refresh_token": self.tokens.refresh_token})

    def _take(self, answer: httpx.Response) -> None:
        if answer.is_success:
            body = answer.json()
            self.keep(access_token=body["access_token"], refresh_token=body["refresh_token"])
            return
        error = error_of(answer)
        if isinstance(error, SessionEnded):
            self.keep(access_token=None, refresh_token=None)
        raise error
