"""Refusals as exceptions: `code` is what to act on, `request_id` finds the request in the service's log."""

from typing import Any

import httpx


class DoorwardError(Exception):
    """The service refused. A `code` without a class of its own, today or later, is one of these."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        request_id: str | None = None,
        fields: list[dict[str, Any]] | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail
        self.request_id = request_id
        #: With 422, each field at fault: `type`, `loc`, `msg`.
        self.fields = fields or []
        #: Seconds, where the service says when to come back.
        self.retry_after = retry_after


class BadCredentials(DoorwardError):
    """Unknown address, wrong password or disabled account: nobody is told which."""


class WrongPassword(DoorwardError):
    """The current password, asked again, is not right."""


class NotAuthenticated(DoorwardError):
    """No token, or one that has ended."""


class SessionEnded(DoorwardError):
    """The refresh token no longer works: log in again."""


class NotPermitted(DoorwardError):
    """Signed in, but the role does not permit it."""


class EmailTaken(DoorwardError):
    """Someone has registered with this address."""


class PasswordChangeRequired(DoorwardError):
    """The password was good for one use: log in with `new_password`."""


class InvalidInput(DoorwardError):
    """Fields are missing or break a rule; `fields` says which."""


class NotFound(DoorwardError):
    """There is no such thing."""


class Throttled(DoorwardError):
    """Too many attempts: wait `retry_after` seconds."""


class Unavailable(DoorwardError):
    """Too busy, or its database is away: try again after `retry_after` seconds."""


_BY_CODE: dict[str, type[DoorwardError]] = {
    "bad_credentials": BadCredentials,
    "wrong_password": WrongPassword,
    "not_authenticated": NotAuthenticated,
    "invalid_token": NotAuthenticated,
    "invalid_grant": SessionEnded,
    "insufficient_scope": NotPermitted,
    "email_taken": EmailTaken,
    "password_change_required": PasswordChangeRequired,
    "invalid_input": InvalidInput,
    "not_found": NotFound,
    "throttled": Throttled,
    "busy": Unavailable,
    "unavailable": Unavailable,
}


def error_of(response: httpx.Response) -> DoorwardError:
    """The refusal that an answer is, also where a proxy gave it and not the service."""
    try:
        body = response.json()
    except ValueError:
        body = {}
    if not isinstance(body, dict):
        body = {}
    code = str(body.get("code", "unavailable" if response.status_code in (502, 503, 504) else "unknown"))
    detail = body.get("detail", response.reason_phrase)
    retry_after = response.headers.get("retry-after", "")
    return _BY_CODE.get(code, DoorwardError)(
        status=response.status_code,
        code=code,
        detail=detail if isinstance(detail, str) else "; ".join(str(field.get("msg")) for field in detail),
        request_id=body.get("request_id") or response.headers.get("x-request-id"),
        fields=detail if isinstance(detail, list) else None,
        retry_after=int(retry_after) if retry_after.isdigit() else None,
    )
