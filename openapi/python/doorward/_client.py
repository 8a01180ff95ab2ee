"""The client: the generated operations with the tokens held and refusals raised."""

from collections.abc import Callable
from typing import Any, TypeVar, cast
from uuid import UUID

import httpx

from ._errors import SessionEnded, error_of
from ._tokens import TokenHolder, Tokens
from .generated.api.accounts import register
from .generated.api.me import change_email, change_password, delete_me, end_session, me, sessions
from .generated.api.sessions import login, logout, refresh
from .generated.client import AuthenticatedClient, Client
from .generated.models import (
    Deletion,
    EmailChange,
    LoginForm,
    LogoutScope,
    Me,
    NewAccount,
    PasswordChange,
    Problem,
    RefreshForm,
    Session,
    TokenResponse,
)
from .generated.types import UNSET, Response

T = TypeVar("T")


class _Http(httpx.Client):
    def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        response = super().send(request, **options)
        if response.is_error:
            response.read()
            raise error_of(response)
        return response


class _AsyncHttp(httpx.AsyncClient):
    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        response = await super().send(request, **options)
        if response.is_error:
            await response.aread()
            raise error_of(response)
        return response


class _Base:
    def __init__(
        self,
        base_url: str,
        *,
        tokens: Tokens | None = None,
        on_tokens: Callable[[Tokens], None] | None = None,
        timeout: float = 30,
        **httpx_args: Any,
    ) -> None:
        """`tokens` are those that `on_tokens` was given earlier; the rest goes to httpx as it is."""
        self._holder = TokenHolder(base_url, tokens or Tokens(), on_tokens)
        self._arguments = {"base_url": base_url, "timeout": timeout, **httpx_args}
        #: For the generated operations of `doorward.generated.api`, with this client's tokens: `list_users.sync(client=client.api)`.
        self.api = AuthenticatedClient(base_url=base_url, token="the holder's")
        self._public = Client(base_url=base_url)

    @property
    def tokens(self) -> Tokens:
        """What to store, if the session is to outlive the process."""
        return self._holder.tokens

    def _took(self, response: Response[Problem | TokenResponse]) -> TokenResponse:
        answer = _value(response)
        ticket = response.headers.get("doorward-device")
        kept = {"device": ticket} if ticket else {}
        self._holder.keep(access_token=answer.access_token, refresh_token=answer.refresh_token, **kept)
        return answer

    def _login(self, email: str, password: str, new_password: str | None) -> dict[str, Any]:
        form = LoginForm(username=email, password=password, new_password=new_password or UNSET)
        return {"body": form, "doorward_device": self.tokens.device or UNSET}

    def _refresh_token(self) -> str:
        if self.tokens.refresh_token is None:
            raise SessionEnded(400, "invalid_grant", "There is no session: log in")
        return self.tokens.refresh_token


class Doorward(_Base):
    """A client of one session, for any number of threads."""

    def __init__(self, base_url: str, **options: Any) -> None:
        super().__init__(base_url, **options)
        self.api.set_httpx_client(_Http(auth=self._holder, **self._arguments))
        self._public.set_httpx_client(_Http(**self._arguments))

    def register(self, email: str, password: str) -> Me:
        """Makes an account; it does not log in."""
        return _value(register.sync_detailed(client=self._public, body=NewAccount(email=email, password=password)))

    def login(self, email: str, password: str, *, new_password: str | None = None) -> TokenResponse:
        """Opens a session and holds its tokens."""
        return self._took(login.sync_detailed(client=self._public, **self._login(email, password, new_password)))

    def refresh(self) -> None:
        """Takes the next tokens now; calls do it by themselves when theirs have ended."""
        with self._holder._lock:
            try:
                self._took(refresh.sync_detailed(client=self._public, body=RefreshForm(refresh_token=self._refresh_token())))
            except SessionEnded:
                self._holder.keep(access_token=None, refresh_token=None)
                raise

    def logout(self, scope: LogoutScope = LogoutScope.THIS) -> None:
        """Ends this session, the `others`, or `all`."""
        logout.sync_detailed(client=self.api, scope=LogoutScope(scope))
        if scope != LogoutScope.OTHERS:
            self._holder.keep(access_token=None, refresh_token=None)

    def me(self) -> Me:
        """The account, as it stands now."""
        return _value(me.sync_detailed(client=self.api))

    def sessions(self) -> list[Session]:
        """The account's live sessions."""
        return _value(sessions.sync_detailed(client=self.api))

    def end_session(self, session_id: str | UUID) -> None:
        """Ends one of them."""
        end_session.sync_detailed(UUID(str(session_id)), client=self.api)

    def change_email(self, email: str, current_password: str) -> Me:
        """Another address for the account."""
        return _value(change_email.sync_detailed(client=self.api, body=EmailChange(email=email, current_password=current_password)))

    def change_password(self, current_password: str, new_password: str) -> None:
        """Another password; every other session ends, and this one goes on with new tokens. No other call refreshes meanwhile."""
        change = PasswordChange(current_password=current_password, new_password=new_password)
        with self._holder._lock:
            self._took(change_password.sync_detailed(client=self.api, body=change))

    def delete_me(self, current_password: str) -> None:
        """Ends the account."""
        delete_me.sync_detailed(client=self.api, body=Deletion(current_password=current_password))
        self._holder.keep(access_token=None, refresh_token=None)

    def close(self) -> None:
        """Closes the connections."""
        self.api.get_httpx_client().close()
        self._public.get_httpx_client().close()

    def __enter__(self) -> "Doorward":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncDoorward(_Base):
    """The same for asyncio, for any number of tasks."""

    def __init__(self, base_url: str, **options: Any) -> None:
        super().__init__(base_url, **options)
        self.api.set_async_httpx_client(_AsyncHttp(auth=self._holder, **self._arguments))
        self._public.set_async_httpx_client(_AsyncHttp(**self._arguments))

    async def register(self, email: str, password: str) -> Me:
        """Makes an account; it does not log in."""
        return _value(await register.asyncio_detailed(client=self._public, body=NewAccount(email=email, password=password)))

    async def login(self, email: str, password: str, *, new_password: str | None = None) -> TokenResponse:
        """Opens a session and holds its tokens."""
        return self._took(await login.asyncio_detailed(client=self._public, **self._login(email, password, new_password)))

    async def refresh(self) -> None:
        """Takes the next tokens now; calls do it by themselves when theirs have ended."""
        async with self._holder.alone():
            try:
                self._took(await refresh.asyncio_detailed(client=self._public, body=RefreshForm(refresh_token=self._refresh_token())))
            except SessionEnded:
                self._holder.keep(access_token=None, refresh_token=None)
                raise

    async def logout(self, scope: LogoutScope = LogoutScope.THIS) -> None:
        """Ends this session, the `others`, or `all`."""
        await logout.asyncio_detailed(client=self.api, scope=LogoutScope(scope))
        if scope != LogoutScope.OTHERS:
            self._holder.keep(access_token=None, refresh_token=None)

    async def me(self) -> Me:
        """The account, as it stands now."""
        return _value(await me.asyncio_detailed(client=self.api))

    async def sessions(self) -> list[Session]:
        """The account's live sessions."""
        return _value(await sessions.asyncio_detailed(client=self.api))

    async def end_session(self, session_id: str | UUID) -> None:
        """Ends one of them."""
        await end_session.asyncio_detailed(UUID(str(session_id)), client=self.api)

    async def change_email(self, email: str, current_password: str) -> Me:
        """Another address for the account."""
        return _value(await change_email.asyncio_detailed(client=self.api, body=EmailChange(email=email, current_password=current_password)))

    async def change_password(self, current_password: str, new_password: str) -> None:
        """Another password; every other session ends, and this one goes on with new tokens. No other call refreshes meanwhile."""
        change = PasswordChange(current_password=current_password, new_password=new_password)
        async with self._holder.alone():
            self._took(await change_password.asyncio_detailed(client=self.api, body=change))

    async def delete_me(self, current_password: str) -> None:
        """Ends the account."""
        await delete_me.asyncio_detailed(client=self.api, body=Deletion(current_password=current_password))
        self._holder.keep(access_token=None, refresh_token=None)

    async def aclose(self) -> None:
        """Closes the connections."""
        await self.api.get_async_httpx_client().aclose()
        await self._public.get_async_httpx_client().aclose()

    async def __aenter__(self) -> "AsyncDoorward":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def _value(response: Response[Problem | T]) -> T:
    """What a success says: refusals were raised before."""
    return cast(T, response.parsed)
