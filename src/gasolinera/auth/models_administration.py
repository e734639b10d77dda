"""What administrators see of people, the log, the second factor, an export and the figures. No SQL, no HTTP."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec

from gasolinera.auth.models_notifications import Category, Channel, Preferences
from gasolinera.paging import Position
from gasolinera.permissions import Role
from gasolinera.personal_data import ServiceData

RECOVERY_CODES: Final = 10
ERASURE_REASONS: Final = ("OWN_REQUEST", "ADMINISTRATOR", "REPLAYED")


class UserRow(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    public_id: UUID
    phone_number: str | None
    first_name: str | None
    last_name: str | None
    role: Role
    is_active: bool
    has_second_factor: bool
    locked_until: datetime | None
    last_login_at: datetime | None
    created_at: datetime


class ListedUser(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the list of users."""

    public_id: UUID
    phone_number: str | None
    first_name: str | None
    last_name: str | None
    role: Role
    is_active: bool
    has_second_factor: bool
    locked_until: datetime | None
    last_login_at: datetime | None
    created_at: datetime


class UserPosition(Position, frozen=True):
    id: int


class UserFilter(msgspec.Struct, frozen=True, kw_only=True):
    """`phone_number` is exact and E.164; `name` is the beginning of the whole name or of the family name."""

    role: Role | None = None
    is_active: bool | None = None
    phone_number: str | None = None
    name: str | None = None


class User(msgspec.Struct, frozen=True, kw_only=True):
    """One user as an administrator sees them; of an erased one little is left."""

    public_id: UUID
    phone_number: str | None
    first_name: str | None
    last_name: str | None
    email: str | None
    role: Role
    is_active: bool
    preferred_language: str
    has_second_factor: bool
    locked_until: datetime | None
    last_login_at: datetime | None
    terms_version: str | None
    erased_at: datetime | None
    created_at: datetime
    sessions: int


class GrantedAdmin(msgspec.Struct, frozen=True):
    """`role_before` is None for somebody who was not there before."""

    public_id: UUID
    role: Role
    active: bool
    has_second_factor: bool
    role_before: Role | None


class FactorUse(StrEnum):
    """What a second factor is shown for."""

    CONFIRM = "CONFIRM"
    STEP_UP = "STEP_UP"
    RECOVERY_CODES = "RECOVERY_CODES"
    DISABLE = "DISABLE"


class Enrolment(msgspec.Struct, frozen=True):
    """Shown once. `uri` is what the QR code of an authenticator app holds."""

    secret: str
    uri: str


class Proved(msgspec.Struct, frozen=True, kw_only=True):
    """The session is as strong as it gets: the refresh token stays, the access token is a new one."""

    access_token: str
    expires_in_s: int
    recovery_codes_left: int
    token_type: str = "Bearer"  # noqa: S105  a name, no secret


class Confirmed(msgspec.Struct, frozen=True, kw_only=True):
    access_token: str
    expires_in_s: int
    recovery_codes: tuple[str, ...]
    token_type: str = "Bearer"  # noqa: S105


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    event_type: str
    succeeded: bool
    user_id: UUID | None
    session_id: UUID | None
    reason: str | None
    old_values: dict[str, Any] | None
    new_values: dict[str, Any] | None
    actor: str | None
    correlation_id: str | None
    ip_address: str | None
    user_agent: str | None
    created_at: datetime


class OwnAuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """`by_you`: with your login, or with nobody's; else an administrator or the platform did it."""

    id: int
    event_type: str
    succeeded: bool
    session_id: UUID | None
    reason: str | None
    by_you: bool
    ip_address: str | None
    user_agent: str | None
    created_at: datetime


class AuditPosition(Position, frozen=True):
    """Microseconds since 1970: times of the year 2100 and less, which every part of the way can hold."""

    at_us: Annotated[int, msgspec.Meta(ge=0, le=4_102_444_800_000_000)]
    id: int


class AuditFilter(msgspec.Struct, frozen=True, kw_only=True):
    """From `since` until before `until`, which says how many months are looked at."""

    since: datetime
    until: datetime
    event_type: str | None = None
    ip_address: str | None = None
    user_id: UUID | None = None
    correlation_id: str | None = None


class ExportedAccount(msgspec.Struct, frozen=True, kw_only=True):
    public_id: UUID
    phone_number: str | None
    first_name: str | None
    last_name: str | None
    email: str | None
    role: Role
    is_active: bool
    preferred_language: str
    phone_verified_at: datetime | None
    last_login_at: datetime | None
    terms_version: str | None
    terms_accepted_at: datetime | None
    age_confirmed_at: datetime | None
    second_factor_enabled_at: datetime | None
    erased_at: datetime | None
    created_at: datetime
    updated_at: datetime


class ExportedSession(msgspec.Struct, frozen=True, kw_only=True):
    session_id: UUID
    device_id: UUID | None
    device_name: str | None
    ip_address: str | None
    user_agent: str | None
    issued_at: datetime
    expires_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None
    revoke_reason: str | None


class ExportedCode(msgspec.Struct, frozen=True, kw_only=True):
    phone_number: str
    purpose: str
    channel: str
    ip_address: str | None
    user_agent: str | None
    created_at: datetime
    consumed_at: datetime | None
    voided_at: datetime | None


class ExportedEmployment(msgspec.Struct, frozen=True, kw_only=True):
    employee_number: str
    station_code: str
    role: Role
    permissions: tuple[str, ...]
    is_active: bool
    as_of: datetime


class ExportedAct(msgspec.Struct, frozen=True, kw_only=True):
    """What the person did to others or to partners, without whom it was about."""

    event_type: str
    ip_address: str | None
    user_agent: str | None
    created_at: datetime


class ExportedNotification(msgspec.Struct, frozen=True, kw_only=True):
    """`arguments`: references and amounts that the text was made with."""

    category: Category
    channel: Channel
    template: str
    arguments: dict[str, Any]
    status: str
    created_at: datetime
    read_at: datetime | None


class ExportedPerson(msgspec.Struct, frozen=True, kw_only=True):
    """What the platform holds about one person. `incomplete` names the lists of which only the newest are here."""

    account: ExportedAccount
    sessions: tuple[ExportedSession, ...]
    codes: tuple[ExportedCode, ...]
    employments: tuple[ExportedEmployment, ...]
    log: tuple[OwnAuditEntry, ...]
    acts: tuple[ExportedAct, ...]
    notifications: tuple[ExportedNotification, ...]
    preferences: Preferences
    incomplete: tuple[str, ...]
    services: tuple[ServiceData, ...]


class ErasureOutcome(msgspec.Struct, frozen=True):
    outcome: str
    role: Role | None


class Erasure(msgspec.Struct, frozen=True):
    """One line of the ledger."""

    public_id: UUID
    erased_at: datetime
    reason: str
    requested_by: str | None


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """`refreshed_at` is None before the first refresh."""

    users: int
    active_users: int
    staff: int
    erased_users: int
    with_second_factor: int
    logged_in_30d: int
    new_users_this_month: int
    logins_this_month: int
    codes_failed_this_month: int
    accounts_locked_this_month: int
    refreshed_at: datetime | None


class UserStatistics(msgspec.Struct, frozen=True, kw_only=True):
    month: date
    role: Role
    preferred_language: str
    new_users: int
    active_users: int
    erased_users: int
    with_second_factor: int
    logged_in_30d: int


class LoginStatistics(msgspec.Struct, frozen=True, kw_only=True):
    month: date
    logins: int
    users_logged_in: int
    logins_refused: int
    codes_requested: int
    codes_failed: int
    codes_limited: int
    tokens_reused: int
    accounts_locked: int
    accounts_created: int


class Statistics(msgspec.Struct, frozen=True):
    summary: Summary
    users: tuple[UserStatistics, ...]
    logins: tuple[LoginStatistics, ...]
