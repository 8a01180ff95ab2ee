"""Client of Doorward. `doorward.verify` checks its tokens in your own services, `doorward.fastapi` guards routes with it."""

from ._client import AsyncDoorward, Doorward
from ._errors import (
    BadCredentials,
    DoorwardError,
    EmailTaken,
    InvalidInput,
    NotAuthenticated,
    NotFound,
    NotPermitted,
    PasswordChangeRequired,
    SessionEnded,
    Throttled,
    Unavailable,
    WrongPassword,
)
from ._tokens import Tokens
from .generated.models import LogoutScope, Me, Session, TokenResponse

__all__ = [
    "AsyncDoorward",
    "BadCredentials",
    "Doorward",
    "DoorwardError",
    "EmailTaken",
    "InvalidInput",
    "LogoutScope",
    "Me",
    "NotAuthenticated",
    "NotFound",
    "NotPermitted",
    "PasswordChangeRequired",
    "Session",
    "SessionEnded",
    "Throttled",
    "TokenResponse",
    "Tokens",
    "Unavailable",
    "WrongPassword",
]
