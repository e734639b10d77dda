"""What people read when a login, a code or a form is refused: the reason, and what to do, in their language."""

from collections.abc import Mapping
from typing import Any, Final

from asyncpg import IntegrityConstraintViolationError as IntegrityError
from litestar import Request

from gasolinera.auth.models import Refusal, RefusalKind
from gasolinera.errors import GasolineraError, HTTPStatus, LockedError, TooManyError, refusal
from gasolinera.web.pages import language_of
from gasolinera.wording import Wording

_PHONE: Final[Mapping[str, str]] = {
    "phone.malformed": "refused-phone-malformed",
    "phone.impossible": "refused-phone-impossible",
    "phone.country_not_served": "refused-phone-country",
    "phone.not_mobile": "refused-phone-not-mobile",
}
_STATUS: Final[Mapping[RefusalKind, HTTPStatus]] = {
    RefusalKind.LIMITED: HTTPStatus.TOO_MANY_REQUESTS,
    RefusalKind.LOCKED: HTTPStatus.LOCKED,
    RefusalKind.OVER: HTTPStatus.GONE,
    RefusalKind.INACTIVE: HTTPStatus.FORBIDDEN,
}


class Speaker:
    """The texts of one topic for one reader."""

    def __init__(self, request: Request[Any, Any, Any], wording: Wording) -> None:
        self._language = language_of(request)
        self._wording = wording

    def __call__(self, name: str, /, **arguments: str | int) -> str:
        return self._wording.text(self._language, name, arguments)

    def wait(self, seconds: int) -> str:
        """How long, as people say it: rounded up, so that nobody comes too early."""
        for unit, length in (("hours", 3600), ("minutes", 60)):
            if seconds >= 2 * length:
                return self(f"wait-{unit}", count=-(-seconds // length))
        return self("wait-seconds", count=max(1, seconds))

    def refused(self, refusal: Refusal) -> str:
        """Why a code was not sent, or did not open anything."""
        match refusal.kind:
            case RefusalKind.LIMITED:
                return self("refused-limited", wait=self.wait(refusal.retry_after_s))
            case RefusalKind.LOCKED:
                return self("refused-locked", wait=self.wait(refusal.retry_after_s))
            case RefusalKind.WRONG:
                return self("refused-wrong", left=refusal.tries_left)
            case RefusalKind.INACTIVE:
                return self("refused-inactive")
            case _:
                return self("refused-over")

    def phone(self, error: GasolineraError) -> str:
        """Why a number is not one that can be used. Raises what is no such reason."""
        if error.code not in _PHONE:
            raise error
        return self(_PHONE[error.code])

    def later(self, error: LockedError) -> str:
        name = "refused-limited" if isinstance(error, TooManyError) else "refused-locked"
        return self(name, wait=self.wait(error.retry_after_s))


def reason_of(request: Request[Any, Any, Any], error: GasolineraError | IntegrityError) -> GasolineraError:
    """What a use case has raised, or what breaking a constraint of ours means."""
    return error if isinstance(error, GasolineraError) else refusal(error, request.app.state["refusals"])


def status_of(refusal: Refusal) -> HTTPStatus:
    return _STATUS.get(refusal.kind, HTTPStatus.UNPROCESSABLE_ENTITY)
