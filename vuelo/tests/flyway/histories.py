"""Histories with every state that there is: how Flyway comes to each, and what its info then says."""

from dataclasses import dataclass, field
from typing import Any

from .sites import Site

Files = dict[str, str | None]


@dataclass(frozen=True)
class Step:
    """Files are written (None: taken away), then Flyway runs a command, if any."""

    files: Files = field(default_factory=dict[str, str | None])
    command: str | None = None
    settings: dict[str, Any] = field(default_factory=dict[str, Any])


def _step(command: str | None = None, /, files: Files | None = None, **settings: Any) -> Step:
    return Step(files or {}, command, settings)


def _tables(*versions: str) -> Files:
    return {f"V{version}__T.sql": f'CREATE TABLE IF NOT EXISTS "t{version}" ();' for version in versions}


_VIEW: Files = {"R__View.sql": "CREATE OR REPLACE VIEW v AS SELECT 1 AS one;"}
_OTHER_VIEW: Files = {"R__View.sql": "CREATE OR REPLACE VIEW v AS SELECT 1 AS one; -- more"}
_FAILS: Files = {
    "V2__Fails.sql": "CREATE INDEX CONCURRENTLY i ON nowhere (a);",
    "V2__Fails.sql.conf": "executeInTransaction=false",
}
_LOCK: dict[str, Any] = {"postgresql.transactional.lock": False}

HISTORIES: dict[str, tuple[list[Step], dict[str, Any], list[tuple[str, str]]]] = {}


def _history(name: str, steps: list[Step], states: str, **settings: Any) -> None:
    """`states` as "1 Success, View Pending", in the order of the lines."""
    expected = [(one.split(" ", 1)[0], one.split(" ", 1)[1]) for one in states.split(", ") if one]
    HISTORIES[name] = (steps, settings, expected)


_history("nothing applied", [_step(files=_tables("1", "2") | _VIEW)], "1 Pending, 2 Pending, View Pending")
for _target, _states in {
    "1": "1 Pending, 2 Above Target, 3 Above Target, View Pending",
    "2?": "1 Pending, 2 Pending, 3 Above Target, View Pending",
    "9?": "1 Pending, 2 Pending, 3 Pending, View Pending",
    "latest": "1 Pending, 2 Pending, 3 Pending, View Pending",
    "next": "1 Pending, 2 Above Target, 3 Above Target, View Pending",
    "current": "1 Above Target, 2 Above Target, 3 Above Target, View Pending",
}.items():
    _history(f"target {_target}", [_step(files=_tables("1", "2", "3") | _VIEW)], _states, target=_target)
for _target, _states in {
    "1": "1 Success, View Success, 2 Above Target, 3 Above Target",
    "next": "1 Success, View Success, 2 Pending, 3 Above Target",
    "current": "1 Success, View Success, 2 Above Target, 3 Above Target",
}.items():
    _steps = [_step("migrate", _tables("1") | _VIEW), _step(files=_tables("2", "3"))]
    _history(f"one applied, target {_target}", _steps, _states, target=_target)
_history(
    "a baseline migration waits",
    [_step(files=_tables("1", "2", "3") | {"B2__T.sql": "CREATE TABLE b2 ();"})],
    "1 Below Baseline, 2 Ignored (Baseline), 2 Pending, 3 Pending",
)
_history(
    "a baseline migration has run",
    [_step("migrate", _tables("1", "2", "3") | {"B2__T.sql": "CREATE TABLE b2 ();"})],
    "1 Below Baseline, 2 Ignored (Baseline), 2 Baseline, 3 Success",
)
_history(
    "a baseline migration comes late",
    [_step("migrate", _tables("1", "2")), _step(files={"B2__T.sql": "CREATE TABLE b2 ();"})],
    "1 Success, 2 Success, 2 Ignored",
)
_history(
    "two baseline migrations",
    [_step(files=_tables("1", "3", "5") | {"B2__T.sql": "SELECT 1;", "B4__T.sql": "SELECT 1;"})],
    "1 Below Baseline, 2 Below Baseline, 3 Below Baseline, 4 Pending, 5 Pending",
)
_history(
    "baselined",
    [_step("baseline", _tables("1", "2", "3") | _VIEW, baseline_version="2")],
    "1 Below Baseline, 2 Ignored (Baseline), 2 Baseline, 3 Pending, View Pending",
)
_history(
    "baselined, with a baseline migration",
    [_step("baseline", _tables("1", "3") | {"B2__T.sql": "SELECT 1;", "B4__T.sql": "SELECT 1;"}, baseline_version="2")],
    "1 Below Baseline, 2 Ignored (Baseline), 2 Baseline, 3 Pending, 4 Ignored",
)
_history(
    "a failed migration",
    [_step("migrate", _tables("1", "3") | _FAILS, **_LOCK)],
    "1 Success, 2 Failed, 3 Pending",
)
_history(
    "a failed migration whose file is gone",
    [_step("migrate", _tables("1", "3") | _FAILS, **_LOCK), _step(files=dict.fromkeys(_FAILS))],
    "1 Success, 2 Failed (Missing), 3 Pending",
)
_history(
    "a failed migration from the future",
    [_step("migrate", _tables("1") | _FAILS, **_LOCK), _step(files=dict.fromkeys(_FAILS))],
    "1 Success, 2 Failed (Future)",
)
_history(
    "a failed migration, repaired",
    [_step("migrate", _tables("1", "3") | _FAILS, **_LOCK), _step("repair")],
    "1 Success, 2 Pending, 3 Pending",
)
_history(
    "a file that is gone, one from the future, one late and one changed view",
    [
        _step("migrate", _tables("1", "2", "3", "5") | _VIEW),
        _step(files={"V2__T.sql": None, "V5__T.sql": None} | _tables("2.5") | _OTHER_VIEW),
    ],
    "1 Success, 2 Missing, 3 Success, 5 Future, View Outdated, 2.5 Ignored, View Pending",
)
_history(
    "a late one is allowed",
    [_step("migrate", _tables("1", "3")), _step(files=_tables("2"))],
    "1 Success, 3 Success, 2 Pending",
    out_of_order=True,
)
_history(
    "late ones have run",
    [_step("migrate", _tables("1", "4")), _step("migrate", _tables("2", "3"), out_of_order=True)],
    "1 Success, 4 Success, 2 Out of Order, 3 Out of Order",
)
_history(
    "a view that ran three times",
    [_step("migrate", _tables("1") | _VIEW), _step("migrate", _OTHER_VIEW), _step("migrate", _VIEW)],
    "1 Success, View Superseded, View Superseded, View Success",
)
_history(
    "a view that is gone",
    [_step("migrate", _tables("1") | _VIEW), _step(files={"R__View.sql": None})],
    "1 Success, View Missing",
)
_history(
    "deleted by a repair",
    [_step("migrate", _tables("1", "2", "3")), _step("repair", {"V2__T.sql": None})],
    "1 Success, 2 Deleted, 3 Success",
)
_history(
    "deleted by a repair and back",
    [_step("migrate", _tables("1", "2", "3")), _step("repair", {"V2__T.sql": None}), _step(files=_tables("2"))],
    "1 Success, 2 Deleted, 3 Success, 2 Ignored",
)
_history(
    "deleted by a repair and run again",
    [
        _step("migrate", _tables("1", "2", "3")),
        _step("repair", {"V2__T.sql": None}),
        _step("migrate", _tables("2"), out_of_order=True),
    ],
    "1 Success, 2 Deleted, 3 Success, 2 Out of Order",
)
_history(
    "recorded without running",
    [_step("migrate", {"V1__T.sql": "this is no SQL"}, skip_executing_migrations=True)],
    "1 Success",
)
_history(
    "a checksum that differs",
    [_step("migrate", _tables("1", "2")), _step(files={"V1__T.sql": "SELECT 1;"})],
    "1 Success, 2 Success",
)


def play(site: Site, steps: list[Step]) -> Site:
    """Flyway goes through the steps; the files are in the site's one location."""
    [folder] = site.service.locations
    for one in steps:
        for name, content in one.files.items():
            if content is None:
                (folder / name).unlink(missing_ok=True)
            else:
                (folder / name).write_text(content)
        if one.command:
            site.flyway(one.command, **one.settings)
    return site
