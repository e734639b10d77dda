"""The forms of employees, their shifts and training, and of terminals. Pure."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from gasolinera.station.models_employees import (
    CertificationKind,
    Employee,
    EmployeeChange,
    EmployeeRole,
    EmploymentType,
    JobTitle,
    NewCertification,
    NewEmployee,
    NewShift,
    Reason,
    StationCode,
    UsualShift,
)
from gasolinera.station.models_terminals import TerminalName
from gasolinera.texts import text
from gasolinera.web.forms import Form

_Clock = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$(?!\n)")]
_Certificate = Annotated[str, text(60)]

# At which field a use case's refusal is told.
EMPLOYEE_FIELDS: Final = {
    "user.unknown": "user_id",
    "employee.user_inactive": "user_id",
    "employee.already_employed": "user_id",
    "station.unknown": "station_code",
    "station.closed": "station_code",
    "employee.hired_on": "hired_on",
    "employee.not_certified": "may_process_transactions",
    "employee.position": "position",
    "employee.administrator": "role",
    "certification.exists": "issued_on",
    "certification.issued_on": "issued_on",
    "certification.expires_on": "expires_on",
    "shift.past": "day",
    "shift.overlaps": "begins",
    "shift.length": "ends",
}


class EmployeeForm(msgspec.Struct, frozen=True, kw_only=True):
    position: JobTitle
    role: EmployeeRole = EmployeeRole.EMPLOYEE
    may_process_transactions: bool = False
    may_handle_cash: bool = False
    may_supervise: bool = False
    employment_type: EmploymentType = EmploymentType.FULL_TIME
    shift: UsualShift = UsualShift.DAY

    def change(self) -> EmployeeChange:
        return EmployeeChange(**{name: getattr(self, name) for name in EmployeeChange.__struct_fields__})


class HireForm(EmployeeForm, frozen=True, kw_only=True):
    user_id: UUID
    station_code: StationCode
    hired_on: date | None = None

    def new(self) -> NewEmployee:
        return NewEmployee(**{name: getattr(self, name) for name in NewEmployee.__struct_fields__})


class TransferForm(msgspec.Struct, frozen=True, kw_only=True):
    station_code: StationCode


class ReasonForm(msgspec.Struct, frozen=True, kw_only=True):
    reason: Reason


class TrainingForm(msgspec.Struct, frozen=True, kw_only=True):
    kind: CertificationKind
    issued_on: date
    expires_on: date | None = None
    certificate_number: _Certificate | None = None

    def new(self) -> NewCertification:
        return NewCertification(**{name: getattr(self, name) for name in NewCertification.__struct_fields__})


class RuleForm(msgspec.Struct, frozen=True, kw_only=True):
    kind: CertificationKind | None = None


class ShiftForm(msgspec.Struct, frozen=True, kw_only=True):
    """Of the station's clock; what ends before it begins ends on the next day."""

    day: date
    begins: _Clock
    ends: _Clock

    def new(self, zone: str) -> NewShift:
        begins, ends = time.fromisoformat(self.begins), time.fromisoformat(self.ends)
        last = self.day if ends > begins else self.day + timedelta(days=1)
        return NewShift(_moment(self.day, begins, zone), _moment(last, ends, zone))


class TerminalForm(msgspec.Struct, frozen=True, kw_only=True):
    name: TerminalName


class EnrolForm(TerminalForm, frozen=True, kw_only=True):
    station_code: StationCode


def form_of_employee(employee: Employee) -> Form:
    values: dict[str, str] = {"version": employee.version}
    for name in EmployeeForm.__struct_fields__:
        value: Any = getattr(employee, name)
        if value is True:
            values[name] = "on"
        elif value is not False:
            values[name] = str(value)
    return Form(values)


def _moment(day: date, at: time, zone: str) -> datetime:
    return datetime.combine(day, at, ZoneInfo(zone)).astimezone(UTC)
