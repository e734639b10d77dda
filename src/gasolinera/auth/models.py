"""What a user, a code, a session and their refusals are. No SQL, no HTTP."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final
from uuid import UUID

import msgspec

from gasolinera.permissions import Role

CURRENT_TERMS: Final = "2026-01"
CODE_LIFE_S: Final = 300
RESEND_AFTER_S: Final = 60
REFRESH_LIFE_S: Final = 7 * 86_400


class Language(StrEnum):
    ES = "es"
    EN = "en"


class Purpose(StrEnum):
    """What a code is for."""

    LOGIN = "LOGIN"
    REGISTRATION = "REGISTRATION"
    PHONE_CHANGE = "PHONE_CHANGE"
    PHONE_VERIFICATION = "PHONE_VERIFICATION"


class EndReason(StrEnum):
    """Why sessions were ended."""

    LOGOUT = "LOGOUT"
    DEACTIVATED = "DEACTIVATED"
    TERMINATED = "TERMINATED"
    ROLE_CHANGED = "ROLE_CHANGED"
    PHONE_CHANGED = "PHONE_CHANGED"
    ADMINISTRATOR = "ADMINISTRATOR"


class RefusalKind(StrEnum):
    LIMITED = "LIMITED"
    WRONG = "WRONG"
    OVER = "OVER"
    LOCKED = "LOCKED"
    INACTIVE = "INACTIVE"
    TOKEN_UNKNOWN = "TOKEN_UNKNOWN"  # noqa: S105  a name, no secret
    TOKEN_EXPIRED = "TOKEN_EXPIRED"  # noqa: S105
    TOKEN_REVOKED = "TOKEN_REVOKED"  # noqa: S105
    TOKEN_REUSED = "TOKEN_REUSED"  # noqa: S105


class Refusal(msgspec.Struct, frozen=True):
    """A no that is on record: it is returned, so that its record commits."""

    kind: RefusalKind
    retry_after_s: int = 0
    tries_left: int = 0


_VISIBLE = r"^[^\x00-\x1f\x7f-\x9f]+$(?!\n)"
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=_VISIBLE)]
Email = Annotated[
    str,
    msgspec.Meta(
        max_length=254,
        pattern=r"^[^@\s\x00-\x1f\x7f]{1,64}@([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,63}$(?!\n)",
    ),
]
TermsVersion = Annotated[str, msgspec.Meta(min_length=1, max_length=20, pattern=_VISIBLE)]


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """What a person says of themselves; kept apart until the code proves the phone."""

    first_name: str
    last_name: str
    email: str | None
    preferred_language: Language
    terms_version: str


class CodeSession(msgspec.Struct, frozen=True):
    """What whoever asks for a code gets, account or not. The token belongs to the device that asked."""

    session_token: str
    expires_in_s: int
    resend_after_s: int


class Message(msgspec.Struct, frozen=True):
    """A text message. The id makes sending it twice harmless; `code_session_hash`: the code is void if it fails."""

    message_id: UUID
    phone_number: str
    text: str
    code_session_hash: bytes | None = None


class AskedCode(msgspec.Struct, frozen=True):
    """The answer, and what is to be sent once the transaction has committed."""

    session: CodeSession
    message: Message | None


class Device(msgspec.Struct, frozen=True):
    device_id: UUID | None
    device_name: str | None


class SessionUser(msgspec.Struct, frozen=True, kw_only=True):
    """The user as an app shows it after a login."""

    public_id: UUID
    role: Role
    first_name: str
    last_name: str
    preferred_language: Language
    terms_are_current: bool


class OpenSession(msgspec.Struct, frozen=True, kw_only=True):
    """What a login or a refresh opened: everything that its access token says."""

    user: SessionUser
    session_id: UUID
    is_new_user: bool
    has_second_factor: bool
    is_second_factor_proved: bool
    station_code: str | None
    employee_number: str | None
    issued_at: datetime  # by the database's clock, as what revokes the access token later
    refresh_token: str
    refresh_expires_in_s: int


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """What an app keeps. `second_factor_required`: the access token is good for little until that is proved."""

    access_token: str
    expires_in_s: int
    refresh_token: str
    refresh_expires_in_s: int
    second_factor_required: bool
    is_new_user: bool
    user: SessionUser
    token_type: str = "Bearer"  # noqa: S105


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One place where a user is logged in, as its owner sees it."""

    session_id: UUID
    device_name: str | None
    ip_address: str | None
    user_agent: str | None
    started_at: datetime
    last_used_at: datetime
    expires_at: datetime
    is_current: bool


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What the owner sees of the own account."""

    public_id: UUID
    phone_number: str
    first_name: str
    last_name: str
    email: str | None
    preferred_language: Language
    role: Role
    terms_version: str | None
    terms_accepted_at: datetime | None
    age_confirmed_at: datetime | None
    has_second_factor: bool
    created_at: datetime


class ProfileChange(msgspec.Struct, frozen=True, kw_only=True):
    """None: as it is. `removes_email` since no address is a choice too."""

    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    preferred_language: Language | None = None
    removes_email: bool = False


class PhoneChanged(msgspec.Struct, frozen=True):
    """The number has changed; the message tells the old one."""

    ended_sessions: int
    message: Message


class Employment(msgspec.Struct, frozen=True, kw_only=True):
    """What `employee.changed` says. `version` counts up with each word about an employment."""

    employee_number: str
    user_id: UUID
    station_code: str
    role: Role
    permissions: tuple[str, ...]
    active: bool
    version: int | None = None
