"""What a verifier says: each check by its name, and what it came to."""

from collections.abc import Callable
from typing import Final, Literal, TypeAlias

import msgspec

from gasolinera.raffle.manifest import Manifest

Outcome: TypeAlias = Literal["good", "bad", "held", "not held", "not checked", "none"]
Verdict: TypeAlias = Literal["verified", "consistent", "refused"]
EXIT_CODES: Final[dict[Verdict, int]] = {"verified": 0, "consistent": 3, "refused": 1}


class Check(msgspec.Struct, frozen=True):
    """`held`: this evidence says that the list was frozen in time; `none`: there is nothing to check."""

    name: str
    outcome: Outcome
    words: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """`manifest`: None where the bundle could not be read. `is_test`: the beacon is the test beacon."""

    verdict: Verdict
    checks: tuple[Check, ...]
    manifest: Manifest | None = None
    is_test: bool = False


class CheckRefusedError(Exception):
    """A check that failed, in words. It never leaves `run_check`."""


def require(condition: bool, words: str) -> None:
    """Raises CheckRefusedError, which `run_check` takes."""
    if not condition:
        raise CheckRefusedError(words)


def run_check(name: str, check: Callable[[], tuple[Outcome, str]]) -> Check:
    try:
        return Check(name, *check())
    except CheckRefusedError as refusal:
        return Check(name, "bad", str(refusal))
    except Exception as error:
        # Whatever a strange document leads to, it is not good; and the other checks are told all the same.
        return Check(name, "bad", f"it cannot be checked: {error!r}")
