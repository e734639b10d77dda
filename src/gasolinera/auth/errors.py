"""The refusals of logging in, as those who ask see them. A refusal says nothing about whether an account exists."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from gasolinera.auth.models import RESEND_AFTER_S, Refusal, RefusalKind
from gasolinera.errors import (
    ConflictError,
    ForbiddenError,
    GasolineraError,
    GoneError,
    InputError,
    LockedError,
    TooManyError,
    UnauthenticatedError,
)

Accepted = TypeVar("Accepted")


def accepted(outcome: Accepted | Refusal) -> Accepted:
    """Raises what belongs to a refusal; for the edge, after the commit."""
    if isinstance(outcome, Refusal):
        raise error_of(outcome)
    return outcome


def error_of(refusal: Refusal) -> GasolineraError:
    if refusal.kind is RefusalKind.LIMITED:
        return too_many_codes(refusal.retry_after_s)
    if refusal.kind is RefusalKind.LOCKED:
        return LockedError(
            "account.locked",
            "too many wrong codes: nobody can log in with this phone for a while",
            f"try again in {refusal.retry_after_s} s",
            retry_after_s=refusal.retry_after_s,
        )
    return _OTHERS[refusal.kind](refusal)


def too_many_codes(retry_after_s: int) -> TooManyError:
    return TooManyError(
        "code.too_many",
        "too many codes were asked for",
        f"try again in {retry_after_s} s",
        retry_after_s=retry_after_s,
    )


def _wrong(refusal: Refusal) -> GasolineraError:
    hint = f"tries left: {refusal.tries_left}" if refusal.tries_left else "ask for another code"
    return UnauthenticatedError("code.wrong", "the code is not right", hint)


def inactive() -> ForbiddenError:
    return ForbiddenError("account.inactive", "this account is deactivated", "ask the support")


_OTHERS: Mapping[RefusalKind, Callable[[Refusal], GasolineraError]] = {
    RefusalKind.WRONG: _wrong,
    RefusalKind.OVER: lambda _: GoneError("code.over", "this code is no longer good", "ask for another code"),
    RefusalKind.INACTIVE: lambda _: inactive(),
    RefusalKind.TOKEN_UNKNOWN: lambda _: UnauthenticatedError(
        "token.unknown", "the refresh token is not known", "log in again"
    ),
    RefusalKind.TOKEN_EXPIRED: lambda _: UnauthenticatedError(
        "token.expired", "the refresh token has expired", "log in again"
    ),
    RefusalKind.TOKEN_REVOKED: lambda _: UnauthenticatedError(
        "token.revoked", "the session has been ended", "log in again"
    ),
    RefusalKind.TOKEN_REUSED: lambda _: UnauthenticatedError(
        "token.reused", "the refresh token was used before, so its session has been ended", "log in again"
    ),
}


def terms_not_current(current: str) -> ConflictError:
    return ConflictError("terms.not_current", "other terms are in force", f"show and accept version {current}")


def phone_unchanged() -> ConflictError:
    return ConflictError("phone.unchanged", "this is the account's phone number already")


def name_not_readable() -> InputError:
    return InputError("person.name_invalid", "the name has nothing to read in it")


# What breaking a constraint means: the last line of defence, and two requests at the same moment.
REFUSALS: Mapping[str, Callable[[], GasolineraError]] = {
    "users_phone_number_key": lambda: ConflictError("phone.taken", "another account has this phone number"),
    "otp_sessions_open_key": lambda: too_many_codes(RESEND_AFTER_S),
    **{
        f"{table}_{column}_check": name_not_readable
        for table in ("users", "pending_registrations")
        for column in ("first_name", "last_name")
    },
    **{
        f"{table}_email_check": lambda: InputError("person.email_invalid", "this is no email address")
        for table in ("users", "pending_registrations")
    },
    "refresh_tokens_device_name_check": lambda: InputError(
        "device.name_invalid", "the name of the device has nothing to read in it"
    ),
}
