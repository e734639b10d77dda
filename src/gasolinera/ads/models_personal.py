"""The rows of an export of one person's data. No SQL, no HTTP."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

import msgspec


class ExportedAccountState(msgspec.Struct, frozen=True, kw_only=True):
    is_erased: bool
    as_of: datetime


class ExportedView(msgspec.Struct, frozen=True, kw_only=True):
    view_id: UUID
    advertisement: str
    campaign_code: str
    status: str
    transaction_reference: str | None
    chain_step: int
    station_code: str | None
    started_at: datetime
    finished_at: datetime | None
    clicked_at: datetime | None
    watched_s: Decimal
    completion_percentage: Decimal
    bonus_tickets: int
    ip_address: str | None
    user_agent: str | None


class ExportedServing(msgspec.Struct, frozen=True, kw_only=True):
    """What was handed out for a view that was started; what was not goes within days."""

    view_id: UUID
    handed_out_at: datetime
    started_at: datetime


class ExportedMultipliable(msgspec.Struct, frozen=True, kw_only=True):
    transaction_reference: str
    base_tickets: int
    station_code: str
    fuel_type: str | None
    bonus_until: datetime
    steps_completed: int
    cancelled_at: datetime | None


class ExportedFrequency(msgspec.Struct, frozen=True, kw_only=True):
    campaign_code: str
    period_start: datetime
    engagement_count: int


class ExportedChange(msgspec.Struct, frozen=True, kw_only=True):
    """What the person changed, an administrator at work."""

    action: str
    subject_type: str
    subject_reference: str
    ip_address: str | None
    user_agent: str | None
    created_at: datetime


class ExportedDecision(msgspec.Struct, frozen=True, kw_only=True):
    """What the person decided about others' views: nothing of whose."""

    status: str
    decided_at: datetime
    note: str | None


class ExportedUpload(msgspec.Struct, frozen=True, kw_only=True):
    """Media that the person uploaded, an administrator at work."""

    sha256: str
    media_type: str
    byte_count: int
    created_at: datetime
