"""info in every state that there is: both engines name the same states, in the same order, and validate agrees."""

from collections import Counter
from pathlib import Path

import pytest

from .conftest import Sites
from .histories import HISTORIES, play
from .sites import assert_same_lines

pytestmark = pytest.mark.needs_java


@pytest.mark.parametrize("name", HISTORIES)
def test_both_name_the_same_states_and_as_many_faults(new_site: Sites, tmp_path: Path, name: str) -> None:
    steps, settings, expected = HISTORIES[name]
    site = play(new_site(tmp_path), steps)
    assert assert_same_lines(site, **settings) == expected
    if not any(one.command for one in steps):
        return  # Flyway's validate says no more of a schema that does not exist than that it does not
    theirs = Counter(_code(message) for message in site.flyway("validate", **settings).invalid)
    theirs["pending"] -= theirs["outdated"]  # Flyway says of a changed repeatable that it is outdated and not applied
    assert Counter(problem.code for problem in site.info(**settings).problems) == +theirs


def _code(message: str) -> str:
    """vuelo's word for what Flyway's sentence says."""
    words = {
        "Detected failed": "failed",
        "not resolved locally": "missing",
        "set -outOfOrder": "ignored",
        "outdated resolved repeatable": "outdated",
        "not applied to database": "pending",
        "checksum mismatch": "checksum",
    }
    return next(code for part, code in words.items() if part in message)
