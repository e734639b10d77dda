"""After a deployment: does the platform do what people come for? One journey a service, one event across services.

It may run in production: nobody real is touched, no message is sent, nothing that it does is counted as income.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

import msgspec

from gasolinera.config import SERVICES
from gasolinera.keyring import Keyring
from gasolinera.ops import verifying_journeys as journeys
from gasolinera.ops.reaching import Operations, ops_session
from gasolinera.ops.runs import recorded_run
from gasolinera.ops.verifying_asking import Outcome, Platform, Step
from gasolinera.ops.verifying_cleanup import clean

_EARLIER: Final = "clean up what an earlier run left"
_OWN: Final = "clean up"
_DRAW: Final = "verify the newest draw"


class Verification(msgspec.Struct, frozen=True):
    """`exit_code`: 0 when all went well, 1 when something was not tried, 2 when something failed."""

    url: str
    seconds: float
    steps: tuple[Step, ...]

    @property
    def failed(self) -> tuple[str, ...]:
        return tuple(f"{one.service}: {one.name}: {one.detail}" for one in self.steps if one.outcome is Outcome.FAILED)

    @property
    def exit_code(self) -> int:
        if self.failed:
            return 2
        return 1 if any(one.outcome is Outcome.SKIPPED for one in self.steps) else 0


def _nobody(_step: Step) -> None:
    """Nobody wants to know."""


def verify(
    operations: Operations,
    url: str,
    *,
    keyring: Keyring | None,
    service_urls: Mapping[str, str] | None = None,
    chain: str = "quicknet",
    without_draw: bool = False,
    tell: Callable[[Step], None] = _nobody,
) -> Verification:
    """`url`: where the platform answers, but for the services of `service_urls`; `tell` hears of each step; `chain`:
    the beacon of its draws, the newest of which is verified, slowly, unless `without_draw`. Without the platform's keys
    only what needs none is tried. On record. Raises ConflictError `ops.running` for a second one.
    """
    urls = {service: url.rstrip("/") for service in SERVICES} | {
        service: where.rstrip("/") for service, where in (service_urls or {}).items()
    }
    with ops_session(operations.ops_url) as conn, recorded_run(conn, "verify") as run:
        platform = Platform(operations, keyring, urls, tell, chain=chain)
        try:
            _travel(platform, [one for one in _JOURNEYS if one[1] != _DRAW or not without_draw])
        finally:
            platform.close()
        done = Verification(url, round(sum(one.seconds for one in platform.steps), 3), tuple(platform.steps))
        run.result = {"failed": list(done.failed), "steps": len(done.steps), "seconds": done.seconds}
        run.outcome = "OK" if done.exit_code == 0 else "WARNING"
        return done


_Journey: TypeAlias = tuple[str, str, Callable[[Platform], str]]
_JOURNEYS: Final[Sequence[_Journey]] = (
    ("auth", "ask for a code", journeys.ask_code),
    ("auth", "log in", journeys.log_in),
    ("auth", "refresh, and log out", journeys.refresh_and_log_out),
    ("station", "open a station", journeys.open_station),
    ("station", "find the nearest", journeys.find_nearest),
    ("events", "tell of the account, until station and raffle know", journeys.tell_of_account),
    ("coupon", "issue one", journeys.issue_coupon),
    ("redemption", "staff the station", journeys.staff),
    ("redemption", "refuse a forged coupon", journeys.refuse_forged),
    ("redemption", "redeem", journeys.redeem),
    ("redemption", "cancel", journeys.cancel),
    ("ads", "ask for an advertisement", journeys.ask_advertisement),
    ("raffle", "list the raffles", journeys.list_raffles),
    ("raffle", _DRAW, journeys.verify_draw),
)


def _travel(platform: Platform, travels: Sequence[_Journey]) -> None:
    platform.step("ops", "ready", journeys.ready)
    if not platform.made.is_answering:
        return  # all else would only say so again, and slowly
    if platform.keyring is not None:
        platform.step("ops", _EARLIER, clean)
    try:
        for service, name, do in travels:
            platform.step(service, name, do)
    finally:
        if platform.keyring is not None:
            platform.step("ops", _OWN, clean)
