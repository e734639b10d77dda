"""What a partner and its API keys are. No SQL, no HTTP."""

from datetime import datetime, timedelta
from typing import Any

import msgspec

from gasolinera.permissions import Permission

MAX_LIVE_KEYS = 20
MAX_KEYS_LISTED = 200
MAX_HISTORY = 200
MAX_KEY_DAYS = 366
DEFAULT_OVERLAP = timedelta(days=7)


class Partner(msgspec.Struct, frozen=True):
    partner_code: str
    name: str
    contact_email: str | None
    is_active: bool
    created_at: datetime


class PartnerPage(msgspec.Struct, frozen=True):
    """`next_cursor` is None on the last page."""

    items: tuple[Partner, ...]
    next_cursor: str | None


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key as it is shown ever after: by its prefix."""

    prefix: str
    label: str
    scopes: tuple[str, ...]
    station_code: str | None
    requests_per_minute: int
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
    created_at: datetime


class NewApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """The one time that the key itself is shown."""

    api_key: str
    key: ApiKey

    def __repr__(self) -> str:
        """Without the key: tracebacks print structs."""
        return f"NewApiKey({self.key.prefix})"


class KeyWish(msgspec.Struct, frozen=True, kw_only=True):
    """What a key shall be."""

    label: str
    scopes: frozenset[Permission]
    station_code: str | None
    requests_per_minute: int
    valid_for: timedelta


class HistoryEntry(msgspec.Struct, frozen=True):
    event_type: str
    key_prefix: str | None
    new_values: dict[str, Any]
    actor: str | None
    correlation_id: str | None
    created_at: datetime
