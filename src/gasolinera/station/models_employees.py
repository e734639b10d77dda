"""What an employment, a shift and a training are, and what may be said of them. No SQL, no HTTP."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gasolinera.station.models import version_of
from gasolinera.texts import text

MAX_EXPIRING = 500
Reason = Annotated[str, text(300, description="Why, for the staff: it is kept.")]
StationCode = Annotated[str, Meta(pattern=r"^[A-Z0-9]{3,20}$(?!\n)", examples=["JSM001"])]


class EmployeeRole(StrEnum):
    """What the platform lets an employee be."""

    EMPLOYEE = "EMPLOYEE"
    STATION_ADMIN = "STATION_ADMIN"


class JobTitle(StrEnum):
    CASHIER = "CASHIER"
    ATTENDANT = "ATTENDANT"
    SUPERVISOR = "SUPERVISOR"
    ASSISTANT_MANAGER = "ASSISTANT_MANAGER"
    MANAGER = "MANAGER"
    MAINTENANCE = "MAINTENANCE"
    SECURITY = "SECURITY"


class EmploymentType(StrEnum):
    FULL_TIME = "FULL_TIME"
    PART_TIME = "PART_TIME"
    CONTRACT = "CONTRACT"
    TEMPORARY = "TEMPORARY"
    INTERN = "INTERN"


class UsualShift(StrEnum):
    DAY = "DAY"
    EVENING = "EVENING"
    NIGHT = "NIGHT"
    ROTATING = "ROTATING"
    FLEXIBLE = "FLEXIBLE"


class EmploymentStatus(StrEnum):
    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"  # the user's account is deactivated
    TERMINATED = "TERMINATED"


class CertificationKind(StrEnum):
    COUPON_PROCESSING = "COUPON_PROCESSING"
    CUSTOMER_SERVICE = "CUSTOMER_SERVICE"
    CASH_HANDLING = "CASH_HANDLING"
    FUEL_HANDLING = "FUEL_HANDLING"
    FIRE_SAFETY = "FIRE_SAFETY"
    FIRST_AID = "FIRST_AID"


class Employee(msgspec.Struct, frozen=True, kw_only=True):
    """One employment. Names and phones live with the user."""

    employee_number: str
    user_id: UUID
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
    updated_at: datetime

    @property
    def is_active(self) -> bool:
        return self.terminated_on is None and self.suspended_at is None

    @property
    def permissions(self) -> tuple[str, ...]:
        """What the employee may do now: nothing while the employment rests or when it is over."""
        held = {
            "may_process_transactions": self.may_process_transactions,
            "may_handle_cash": self.may_handle_cash,
            "may_supervise": self.may_supervise,
        }
        return tuple(name for name, is_held in held.items() if is_held and self.is_active)

    @property
    def version(self) -> str:
        """What a change must name, so that it overwrites no other."""
        return version_of(self.updated_at)


class EmployeeRow(Employee, frozen=True, kw_only=True):
    """With the key, which outsiders never see."""

    id: int


class NewEmployee(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Without a day the employment begins today, in the station's zone."""

    user_id: UUID
    position: JobTitle
    role: EmployeeRole = EmployeeRole.EMPLOYEE
    may_process_transactions: bool = False
    may_handle_cash: bool = False
    may_supervise: bool = False
    employment_type: EmploymentType = EmploymentType.FULL_TIME
    shift: UsualShift = UsualShift.DAY
    hired_on: date | None = None


class EmployeeChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is left out stays as it is."""

    position: JobTitle | UnsetType = UNSET
    role: EmployeeRole | UnsetType = UNSET
    may_process_transactions: bool | UnsetType = UNSET
    may_handle_cash: bool | UnsetType = UNSET
    may_supervise: bool | UnsetType = UNSET
    employment_type: EmploymentType | UnsetType = UNSET
    shift: UsualShift | UnsetType = UNSET


class Transfer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    station_code: StationCode


class Termination(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: Reason


class EmployeeFilter(msgspec.Struct, frozen=True):
    """None means any."""

    status: EmploymentStatus | None = None
    role: EmployeeRole | None = None
    position: JobTitle | None = None
    number: str | None = None


class Shift(msgspec.Struct, frozen=True, kw_only=True):
    """`time_zone` is the station's: the zone in which people speak of the shift."""

    shift_id: UUID
    employee_number: str
    station_code: str
    time_zone: str
    starts_at: datetime
    ends_at: datetime
    clocked_in_at: datetime | None
    clocked_out_at: datetime | None
    cancelled_at: datetime | None


class NewShift(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """At most 16 hours, in any zone that the times name."""

    starts_at: Annotated[datetime, Meta(tz=True)]
    ends_at: Annotated[datetime, Meta(tz=True)]


class Certification(msgspec.Struct, frozen=True, kw_only=True):
    certification_id: UUID
    employee_number: str
    kind: CertificationKind
    issued_on: date
    expires_on: date | None
    certificate_number: str | None
    withdrawn_at: datetime | None
    withdrawal_reason: str | None


class NewCertification(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Without `expires_on` it counts for good."""

    kind: CertificationKind
    issued_on: date
    expires_on: date | None = None
    certificate_number: Annotated[str, text(60)] | None = None


class ExpiringCertification(msgspec.Struct, frozen=True, kw_only=True):
    """`is_required`: without it the employee processes no transactions at this station."""

    certification_id: UUID
    employee_number: str
    station_code: str
    kind: CertificationKind
    expires_on: date
    is_required: bool


class CertificationRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a station requires of whoever processes transactions; null: nothing."""

    required_certification: CertificationKind | None


class AppliedRule(msgspec.Struct, frozen=True):
    """The rule, and who lost the right to process transactions by it."""

    required_certification: CertificationKind | None
    withdrawn_from: tuple[str, ...]
