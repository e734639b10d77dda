"""What the lists of the back office show, and how they are searched and sorted. No SQL, no HTTP."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Generic, TypeVar
from uuid import UUID

import msgspec

from gasolinera.paging import Position
from gasolinera.station.models import Fuel, StationStatus
from gasolinera.station.models_employees import (
    CertificationKind,
    EmployeeRole,
    EmploymentStatus,
    JobTitle,
    StationCode,
    UsualShift,
)
from gasolinera.texts import text

PAGE = 50
Words = Annotated[str, text(100)]
Order = TypeVar("Order", bound=StrEnum)


class StationOrder(StrEnum):
    CODE = "code"
    NAME = "name"
    CITY = "city"
    STATUS = "status"
    CHANGED = "changed"


class EmployeeOrder(StrEnum):
    NUMBER = "number"
    STATION = "station"
    HIRED = "hired"


class TerminalOrder(StrEnum):
    CODE = "code"
    STATION = "station"
    NAME = "name"
    SEEN = "seen"


class TerminalState(StrEnum):
    """SILENT: not revoked, and not seen for a day."""

    ACTIVE = "ACTIVE"
    SILENT = "SILENT"
    REVOKED = "REVOKED"


class Sorting(msgspec.Struct, Generic[Order], frozen=True):
    by: Order
    is_descending: bool = False


class OfficePosition(Position, frozen=True):
    """Where a page ended: the value that the list is sorted by, and the row's code. `by` keeps sortings apart."""

    by: str
    value: str
    code: str


class StationWish(msgspec.Struct, frozen=True):
    """None means any; `only` bounds it to a station, whatever else is asked for."""

    words: str | None = None
    status: StationStatus | None = None
    state: str | None = None
    accepts_coupons: bool | None = None
    fuel: Fuel | None = None
    only: str | None = None


class StationRow(msgspec.Struct, frozen=True, kw_only=True):
    station_code: str
    name: str
    status: StationStatus
    accepts_coupons: bool
    city: str | None
    state: str | None
    country: str
    time_zone: str | None
    fuels: tuple[Fuel, ...]
    updated_at: datetime
    employees: int
    terminals: int
    sorted: str

    @property
    def code(self) -> str:
        return self.station_code


class StationCounts(msgspec.Struct, frozen=True):
    stations: int
    active: int
    in_maintenance: int
    in_programme: int


class StationChoice(msgspec.Struct, frozen=True):
    station_code: str
    name: str


class StationBackground(msgspec.Struct, frozen=True):
    opened_on: date | None
    status_reason: str | None
    required_certification: CertificationKind | None
    employees: int
    terminals: int


class EmployeeWish(msgspec.Struct, frozen=True):
    number: str | None = None
    status: EmploymentStatus | None = None
    role: EmployeeRole | None = None
    position: JobTitle | None = None
    station: StationCode | None = None
    only: str | None = None


class EmployeeLine(msgspec.Struct, frozen=True, kw_only=True):
    employee_number: str
    user_id: UUID
    station_code: str
    station_name: str
    position: JobTitle
    role: EmployeeRole
    may_process_transactions: bool
    may_handle_cash: bool
    may_supervise: bool
    shift: UsualShift
    hired_on: date
    terminated_on: date | None
    suspended_at: datetime | None
    sorted: str

    @property
    def code(self) -> str:
        return self.employee_number

    @property
    def status(self) -> EmploymentStatus:
        if self.terminated_on is not None:
            return EmploymentStatus.TERMINATED
        return EmploymentStatus.ACTIVE if self.suspended_at is None else EmploymentStatus.SUSPENDED


class TerminalWish(msgspec.Struct, frozen=True):
    words: str | None = None
    state: TerminalState | None = None
    station: StationCode | None = None
    only: str | None = None


class TerminalRow(msgspec.Struct, frozen=True, kw_only=True):
    terminal_code: str
    station_code: str
    station_name: str
    time_zone: str
    name: str
    last_seen_at: datetime | None
    revoked_at: datetime | None
    revocation_reason: str | None
    enrolled_at: datetime
    is_silent: bool
    sorted: str

    @property
    def code(self) -> str:
        return self.terminal_code

    @property
    def state(self) -> TerminalState:
        if self.revoked_at is not None:
            return TerminalState.REVOKED
        return TerminalState.SILENT if self.is_silent else TerminalState.ACTIVE
