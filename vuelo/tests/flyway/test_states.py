"""info in every state that there is: both engines name the same states, in the same order, and validate agrees."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from .conftest import Sites
from .sites import Site, assert_same_lines

pytestmark = pytest.mark.needs_java

Files = dict[str, str | None]


@dataclass(frozen=True)
class Step:
    """Files are written (None: taken away), then Flyway runs a command, if any."""

    files: Files = field(default_factory=dict[str, str | None])
    command: str | None = None
    settings: dict[str, Any] = field(default_factory=dict[str, Any])


def step(command: str | None = None, /, files: Files | None = None, **settings: Any) -> Step:
    return Step(files or {}, command, settings)


def tables(*versions: str) -> Files:
    return {f"V{version}__T.sql": f'CREATE TABLE IF NOT EXISTS "t{version}" ();' for version in versions}


_VIEW: Files = {"R__View.sql": "CREATE OR REPLACE VIEW v AS SELECT 1 AS one;"}
_OTHER_VIEW: Files = {"R__View.sql": "CREATE OR REPLACE VIEW v AS SELECT 1 AS one; -- more"}
_FAILS: Files = {
    "V2__Fails.sql": "CREATE INDEX CONCURRENTLY i ON nowhere (a);",
    "V2__Fails.sql.conf": "executeInTransaction=false",
}
_LOCK: dict[str, Any] = {"postgresql.transactional.lock": False}

_HISTORIES: dict[str, tuple[list[Step], dict[str, Any], list[tuple[str, str]]]] = {}


def history(name: str, steps: list[Step], states: str, **settings: Any) -> None:
    """`states` as "1 Success, View Pending", in the order of the lines."""
    expected = [(one.split(" ", 1)[0], one.split(" ", 1)[1]) for one in states.split(", ") if one]
    _HISTORIES[name] = (steps, settings, expected)


history("nothing applied", [step(files=tables("1", "2") | _VIEW)], "1 Pending, 2 Pending, View Pending")
for _target, _states in {
    "1": "1 Pending, 2 Above Target, 3 Above Target, View Pending",
    "2?": "1 Pending, 2 Pending, 3 Above Target, View Pending",
    "9?": "1 Pending, 2 Pending, 3 Pending, View Pending",
    "latest": "1 Pending, 2 Pending, 3 Pending, View Pending",
    "next": "1 Pending, 2 Above Target, 3 Above Target, View Pending",
    "current": "1 Above Target, 2 Above Target, 3 Above Target, View Pending",
}.items():
    history(f"target {_target}", [step(files=tables("1", "2", "3") | _VIEW)], _states, target=_target)
for _target, _states in {
    "1": "1 Success, View Success, 2 Above Target, 3 Above Target",
    "next": "1 Success, View Success, 2 Pending, 3 Above Target",
    "current": "1 Success, View Success, 2 Above Target, 3 Above Target",
}.items():
    _steps = [step("migrate", tables("1") | _VIEW), step(files=tables("2", "3"))]
    history(f"one applied, target {_target}", _steps, _states, target=_target)
history(
    "a baseline migration waits",
    [step(files=tables("1", "2", "3") | {"B2__T.sql": "CREATE TABLE b2 ();"})],
    "1 Below Baseline, 2 Ignored (Baseline), 2 Pending, 3 Pending",
)
history(
    "a baseline migration has run",
    [step("migrate", tables("1", "2", "3") | {"B2__T.sql": "CREATE TABLE b2 ();"})],
    "1 Below Baseline, 2 Ignored (Baseline), 2 Baseline, 3 Success",
)
history(
    "a baseline migration comes late",
    [step("migrate", tables("1", "2")), step(files={"B2__T.sql": "CREATE TABLE b2 ();"})],
    "1 Success, 2 Success, 2 Ignored",
)
history(
    "two baseline migrations",
    [step(files=tables("1", "3", "5") | {"B2__T.sql": "SELECT 1;", "B4__T.sql": "SELECT 1;"})],
    "1 Below Baseline, 2 Below Baseline, 3 Below Baseline, 4 Pending, 5 Pending",
)
history(
    "baselined",
    [step("baseline", tables("1", "2", "3") | _VIEW, baseline_version="2")],
    "1 Below Baseline, 2 Ignored (Baseline), 2 Baseline, 3 Pending, View Pending",
)
history(
    "baselined, with a baseline migration",
    [step("baseline", tables("1", "3") | {"B2__T.sql": "SELECT 1;", "B4__T.sql": "SELECT 1;"}, baseline_version="2")],
    "1 Below Baseline, 2 Ignored (Baseline), 2 Baseline, 3 Pending, 4 Ignored",
)
history(
    "a failed migration",
    [step("migrate", tables("1", "3") | _FAILS, **_LOCK)],
    "1 Success, 2 Failed, 3 Pending",
)
history(
    "a failed migration whose file is gone",
    [step("migrate", tables("1", "3") | _FAILS, **_LOCK), step(files=dict.fromkeys(_FAILS))],
    "1 Success, 2 Failed (Missing), 3 Pending",
)
history(
    "a failed migration from the future",
    [step("migrate", tables("1") | _FAILS, **_LOCK), step(files=dict.fromkeys(_FAILS))],
    "1 Success, 2 Failed (Future)",
)
history(
    "a failed migration, repaired",
    [step("migrate", tables("1", "3") | _FAILS, **_LOCK), step("repair")],
    "1 Success, 2 Pending, 3 Pending",
)
history(
    "a file that is gone, one from the future, one late and one changed view",
    [
        step("migrate", tables("1", "2", "3", "5") | _VIEW),
        step(files={"V2__T.sql": None, "V5__T.sql": None} | tables("2.5") | _OTHER_VIEW),
    ],
    "1 Success, 2 Missing, 3 Success, 5 Future, View Outdated, 2.5 Ignored, View Pending",
)
history(
    "a late one is allowed",
    [step("migrate", tables("1", "3")), step(files=tables("2"))],
    "1 Success, 3 Success, 2 Pending",
    out_of_order=True,
)
history(
    "late ones have run",
    [step("migrate", tables("1", "4")), step("migrate", tables("2", "3"), out_of_order=True)],
    "1 Success, 4 Success, 2 Out of Order, 3 Out of Order",
)
history(
    "a view that ran three times",
    [step("migrate", tables("1") | _VIEW), step("migrate", _OTHER_VIEW), step("migrate", _VIEW)],
    "1 Success, View Superseded, View Superseded, View Success",
)
history(
    "a view that is gone",
    [step("migrate", tables("1") | _VIEW), step(files={"R__View.sql": None})],
    "1 Success, View Missing",
)
history(
    "deleted by a repair",
    [step("migrate", tables("1", "2", "3")), step("repair", {"V2__T.sql": None})],
    "1 Success, 2 Deleted, 3 Success",
)
history(
    "deleted by a repair and back",
    [step("migrate", tables("1", "2", "3")), step("repair", {"V2__T.sql": None}), step(files=tables("2"))],
    "1 Success, 2 Deleted, 3 Success, 2 Ignored",
)
history(
    "deleted by a repair and run again",
    [
        step("migrate", tables("1", "2", "3")),
        step("repair", {"V2__T.sql": None}),
        step("migrate", tables("2"), out_of_order=True),
    ],
    "1 Success, 2 Deleted, 3 Success, 2 Out of Order",
)
history(
    "recorded without running",
    [step("migrate", {"V1__T.sql": "this is no SQL"}, skip_executing_migrations=True)],
    "1 Success",
)
history(
    "a checksum that differs",
    [step("migrate", tables("1", "2")), step(files={"V1__T.sql": "SELECT 1;"})],
    "1 Success, 2 Success",
)


@pytest.fixture
def played(new_site: Sites, tmp_path: Path) -> Callable[[list[Step]], Site]:
    def play(steps: list[Step]) -> Site:
        site = new_site(tmp_path)
        for one in steps:
            for name, content in one.files.items():
                path = tmp_path / name
                if content is None:
                    path.unlink()
                else:
                    path.write_text(content)
            if one.command:
                site.flyway(one.command, **one.settings)
        return site

    return play


@pytest.mark.parametrize("name", _HISTORIES)
def test_both_name_the_same_states_and_as_many_faults(played: Callable[[list[Step]], Site], name: str) -> None:
    steps, settings, expected = _HISTORIES[name]
    site = played(steps)
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
