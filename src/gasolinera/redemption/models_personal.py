"""The rows of an export of one person's data. No SQL, no HTTP."""

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

import msgspec


class ExportedAccountState(msgspec.Struct, frozen=True, kw_only=True):
    is_erased: bool
    as_of: datetime


class ExportedRedemption(msgspec.Struct, frozen=True, kw_only=True):
    transaction_reference: str
    status: str
    coupon_code: str | None
    campaign_code: str | None
    station_code: str
    device_id: str | None
    fuel_type: str | None
    fuel_litres: Decimal | None
    price_per_litre: Decimal | None
    original_amount: Decimal
    discount_amount: Decimal
    final_amount: Decimal
    currency: str
    tickets_earned: int
    cancellation_reason: str | None
    ip_address: str | None
    user_agent: str | None
    created_at: datetime


class ExportedServing(msgspec.Struct, frozen=True, kw_only=True):
    station_code: str
    ip_address: str | None
    user_agent: str | None
    created_at: datetime


class ExportedTicket(msgspec.Struct, frozen=True, kw_only=True):
    ticket_number: str
    source: str
    raffle_code: str | None
    status: str
    expires_at: datetime
    created_at: datetime


class ExportedAdBonus(msgspec.Struct, frozen=True, kw_only=True):
    view_id: UUID
    transaction_reference: str
    chain_step: int
    status: str
    ticket_count: int
    taken_back_at: datetime | None
    created_at: datetime


class ExportedFreeEntry(msgspec.Struct, frozen=True, kw_only=True):
    raffle_code: str
    entry_day: date
    issuance_id: UUID
    created_at: datetime


class ExportedPoints(msgspec.Struct, frozen=True, kw_only=True):
    entry_number: int
    entry_type: str
    points: int
    balance_after: int
    source_reference: str
    description: str | None
    expires_at: datetime | None
    ip_address: str | None
    user_agent: str | None
    created_at: datetime


class ExportedAssessment(msgspec.Struct, frozen=True, kw_only=True):
    transaction_reference: str | None
    station_code: str | None
    device_id: str | None
    action_taken: str
    risk_score: int
    ip_address: str | None
    user_agent: str | None
    created_at: datetime


class ExportedOfflineRedemption(msgspec.Struct, frozen=True, kw_only=True):
    terminal_code: str
    sequence: int
    station_code: str
    fuel_type: str
    amount: Decimal
    discount_amount: Decimal
    currency: str
    used_at: datetime
    status: str
    reason: str | None
    transaction_reference: str | None
    resolution: str | None
    created_at: datetime


class ExportedEmployment(msgspec.Struct, frozen=True, kw_only=True):
    employee_number: str
    station_code: str
    may_process_transactions: bool
    is_active: bool
    as_of: datetime
