"""Trying a transaction again that has met a lock."""

import random
from collections.abc import Callable
from typing import TypeVar

from vuelo.errors import ScriptError, VueloError
from vuelo.scripts import Site

_LOCK_TIMEOUT = "55P03"  # lock_not_available
_PAUSE_S = (0.1, 5.0)

_Answer = TypeVar("_Answer")


def patiently(site: Site, what: str, attempt: Callable[[], _Answer]) -> _Answer:
    """Try a transaction again when lock_timeout has ended it: nobody else should queue behind a lock that we wait for.

    Pauses grow, with chance in them, so that two runners do not keep meeting.
    """
    retries = site.service.settings.lock_retries
    pause_s = _PAUSE_S[0]
    for number in range(1, retries + 2):
        try:
            return attempt()
        except ScriptError as error:
            if error.sqlstate == _LOCK_TIMEOUT and (blockers := site.run.blocked_by()):
                error.hint = f"in its way: {blockers}"
            if error.sqlstate != _LOCK_TIMEOUT or number > retries:
                raise
            wait_s = pause_s * random.uniform(0.5, 1.5)  # noqa: S311  nobody gains by guessing it
            text = f"{what} met a lock that others hold; try {number} of {retries} again in {wait_s:.1f} s"
            site.run.tell(site.service.name, text)
        if site.run.stop.wait(wait_s):
            raise VueloError("interrupted", "stopped while waiting for a lock; what had been done was rolled back")
        pause_s = min(pause_s * 2, _PAUSE_S[1])
    raise AssertionError("the last try returns or raises")
