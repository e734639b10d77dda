"""The rows of an export of one person's data. No SQL, no HTTP."""

from datetime import date, datetime
from typing import Any

import msgspec

from gasolinera.station.models_employees import EmployeeRole, EmploymentType, JobTitle, UsualShift


class ExportedAccountState(msgspec.Struct, frozen=True, kw_only=True):
    is_active: bool
    is_erased: bool
    as_of: datetime


class ExportedEmployment(msgspec.Struct, frozen=True, kw_only=True):
    employee_number: str
    station_code: str
    position: JobTitle
    role: EmployeeRole
    may_process_transactions: bool
    may_handle_cash: bool
    may_supervise: bool
    employment_type: EmploymentType
    shift: UsualShift
    hired_on: date
    terminated_on: date | None
    termination_reason: str | None
    suspended_at: datetime | None
    created_at: datetime
    updated_at: datetime


class ExportedTerminal(msgspec.Struct, frozen=True, kw_only=True):
    terminal_code: str
    station_code: str
    name: str
    revoked_at: datetime | None
    enrolled_at: datetime


class ExportedChange(msgspec.Struct, frozen=True, kw_only=True):
    event_type: str
    entity_type: str
    employee_number: str
    old_values: dict[str, Any] | None
    new_values: dict[str, Any] | None
    created_at: datetime


class ExportedAct(msgspec.Struct, frozen=True, kw_only=True):
    event_type: str
    entity_type: str
    entity_reference: str
    ip_address: str | None
    user_agent: str | None
    correlation_id: str | None
    created_at: datetime
