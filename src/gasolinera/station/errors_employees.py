"""What employments, shifts, training and terminals refuse, and what each constraint of theirs means."""

from collections.abc import Callable, Mapping

from gasolinera.errors import ConflictError, GasolineraError, InputError, UnknownError
from gasolinera.station.errors import UNREADABLE, StaleError


def unknown_employee() -> UnknownError:
    """Those of other stations are as unknown as those that nobody is."""
    return UnknownError("employee.unknown", "there is no employee with this number")


def stale_employee() -> StaleError:
    return StaleError(
        "employee.stale", "somebody changed the employee since it was read", "read it again, then repeat the change"
    )


def ended_employment() -> ConflictError:
    return ConflictError(
        "employee.terminated", "the employment is over, and stays so", "hire the person again: a new employment"
    )


def inactive_user() -> ConflictError:
    return ConflictError("employee.user_inactive", "the account of this person is not active")


def unknown_shift() -> UnknownError:
    return UnknownError("shift.unknown", "there is no such shift")


def unknown_certification() -> UnknownError:
    return UnknownError("certification.unknown", "the employee has no such certification")


def unknown_terminal() -> UnknownError:
    return UnknownError("terminal.unknown", "there is no terminal with this code")


def _conflict(code: str, message: str, hint: str | None = None) -> Callable[[], GasolineraError]:
    return lambda: ConflictError(code, message, hint)


def _invalid(code: str, message: str) -> Callable[[], GasolineraError]:
    return lambda: InputError(code, message)


EMPLOYEE_REFUSALS: Mapping[str, Callable[[], GasolineraError]] = {
    "employees_active_user_id_idx": _conflict(
        "employee.already_employed", "this person works for the chain already", "transfer the employee instead"
    ),
    "employees_certified_check": _conflict(
        "employee.not_certified",
        "the station asks for training that the employee has not, or has no longer",
        "record the certification first",
    ),
    "employees_administrator_manages_check": _invalid(
        "employee.position", "an administrator of a station is its manager or assistant manager"
    ),
    "employees_supervisor_position_check": _invalid(
        "employee.position", "who may supervise is supervisor, assistant manager or manager"
    ),
    "employee_shifts_overlap_excl": _conflict("shift.overlaps", "the employee has another shift at that time"),
    "employee_shifts_ends_at_check": _invalid("shift.length", "a shift ends after it begins, within 16 hours"),
    "employee_shifts_at_work_idx": _conflict(
        "shift.still_at_work", "the employee has not left another shift", "clock out of it first"
    ),
    "employee_certifications_employee_id_kind_issued_on_key": _conflict(
        "certification.exists", "this certification of that day is recorded already"
    ),
    "employee_certifications_expires_on_check": _invalid(
        "certification.expires_on", "a certification expires after it is issued, within ten years"
    ),
    "employee_certifications_issued_on_check": _invalid(
        "certification.issued_on", "the day is too long ago to be true"
    ),
    "terminals_public_key_key": _conflict(
        "terminal.key_known", "a terminal has or had this key", "make a new key on the device"
    ),
    **{
        f"{table}_name_check": _invalid("terminal.name", f"the name {UNREADABLE}")
        for table in ("terminals", "terminal_enrolments")
    },
    "employees_termination_reason_readable_check": _invalid("employee.reason", f"the reason {UNREADABLE}"),
    "employee_certifications_withdrawal_reason_check": _invalid("certification.reason", f"the reason {UNREADABLE}"),
    "terminals_revocation_reason_check": _invalid("terminal.reason", f"the reason {UNREADABLE}"),
}
