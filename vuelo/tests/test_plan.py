"""States, steps and problems: files and history in, one plan out."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vuelo.errors import VueloError
from vuelo.migration import Applied, BadName, Found, Remembered, Script
from vuelo.naming import Version, parse_name
from vuelo.plan import Plan, make_plan, plan_undo
from vuelo.settings import Settings


def script(name: str, checksum: int = 1, raw: int | None = None) -> Script:
    return Script(parse_name(name), Path("/files") / name, name, checksum, checksum if raw is None else raw)


def files(*names: str) -> Found:
    return Found(tuple(script(name) for name in names), ())


def row(rank: int, name: str, type_: str = "SQL", *, checksum: int | None = 1, success: bool = True) -> Applied:
    """A row of the file `name`, or of the baseline or schema creation when `name` is a version or empty."""
    day = datetime(2026, 11, 22, 10, 0, rank % 60)  # noqa: DTZ001  # the history table knows no time zone
    if type_ in ("SCHEMA", "BASELINE"):
        return Applied(rank, name or None, f"<< {type_} >>", type_, name, None, "me", day, 0, success)
    parsed = parse_name(name)
    version = parsed.version.text if parsed.version else None
    return Applied(rank, version, parsed.description, type_, name, checksum, "me", day, 1, success)


def states(plan: Plan) -> list[str]:
    """Each line as `name state`."""
    lines: list[str] = []
    for entry in plan.entries:
        what = entry.row.script if entry.row else entry.script.script if entry.script else ""
        lines.append(f"{what} {entry.state}".strip())
    return lines


def pending(plan: Plan) -> list[str]:
    return [script.script for script in plan.pending]


def codes(plan: Plan) -> list[str]:
    return [problem.code for problem in plan.problems]


CASES: list[tuple[str, Found, list[Applied], list[str], list[str]]] = [
    ("nothing at all", files(), [], [], []),
    (
        "files alone are pending, repeatables last",
        files("R__z.sql", "V2__b.sql", "V1__a.sql", "R__a.sql", "V10__c.sql"),
        [],
        ["V1__a.sql Pending", "V2__b.sql Pending", "V10__c.sql Pending", "R__a.sql Pending", "R__z.sql Pending"],
        ["pending"] * 5,
    ),
    (
        "applied ones are done",
        files("V1__a.sql", "V2__b.sql"),
        [row(0, "", "SCHEMA"), row(1, "V1__a.sql")],
        ["Success", "V1__a.sql Success", "V2__b.sql Pending"],
        ["pending"],
    ),
    ("a changed file", Found((script("V1__a.sql", 2),), ()), [row(1, "V1__a.sql")],
     ["V1__a.sql Success"], ["checksum"]),
    ("a renamed file", files("V1__b.sql"), [row(1, "V1__a.sql")], ["V1__a.sql Success"], ["description"]),
    ("no checksum is another one", files("V1__a.sql"), [row(1, "V1__a.sql", checksum=None)],
     ["V1__a.sql Success"], ["checksum"]),
    (
        "a file that is gone below newer ones",
        files("V2__b.sql"),
        [row(1, "V1__a.sql"), row(2, "V2__b.sql")],
        ["V1__a.sql Missing", "V2__b.sql Success"],
        ["missing"],
    ),
    (
        "a row newer than every file is of the future",
        files("V1__a.sql"),
        [row(1, "V1__a.sql"), row(2, "V2__b.sql")],
        ["V1__a.sql Success", "V2__b.sql Future"],
        [],
    ),
    (
        "a late file",
        files("V1__a.sql", "V2__b.sql"),
        [row(1, "V2__b.sql")],
        ["V2__b.sql Success", "V1__a.sql Ignored"],
        ["ignored"],
    ),
    (
        "a late one was run",
        files("V1__a.sql", "V2__b.sql"),
        [row(1, "V2__b.sql"), row(2, "V1__a.sql")],
        ["V2__b.sql Success", "V1__a.sql Out of Order"],
        [],
    ),
    ("a failed row", files("V1__a.sql"), [row(1, "V1__a.sql", success=False)], ["V1__a.sql Failed"], ["failed"]),
    (
        "a repeatable that changed",
        Found((script("R__a.sql", 2),), ()),
        [row(1, "R__a.sql")],
        ["R__a.sql Outdated", "R__a.sql Pending"],
        ["outdated"],
    ),
    (
        "a repeatable whose raw checksum is the stored one",
        Found((script("R__a.sql", 2, raw=1),), ()),
        [row(1, "R__a.sql")],
        ["R__a.sql Success"],
        [],
    ),
    (
        "a repeatable that ran twice",
        files("R__a.sql"),
        [row(1, "R__a.sql", checksum=5), row(2, "R__a.sql")],
        ["R__a.sql Superseded", "R__a.sql Success"],
        [],
    ),
    ("a repeatable that is gone", files("V1__a.sql"), [row(1, "V1__a.sql"), row(2, "R__a.sql")],
     ["V1__a.sql Success", "R__a.sql Missing"], ["missing"]),
    (
        "a baseline",
        files("V1__a.sql", "V2__b.sql", "V3__c.sql"),
        [row(1, "2", "BASELINE")],
        ["V1__a.sql Below Baseline", "V2__b.sql Ignored (Baseline)", "2 Baseline", "V3__c.sql Pending"],
        ["pending"],
    ),
    (
        "undone by a row that deletes",
        files("V1__a.sql", "V2__b.sql"),
        [row(1, "V1__a.sql"), row(2, "V2__b.sql"), row(3, "V2__b.sql", "DELETE")],
        ["V1__a.sql Success", "V2__b.sql Deleted", "V2__b.sql Pending"],
        ["pending"],
    ),
    (
        "undone and done again",
        files("V1__a.sql"),
        [row(1, "V1__a.sql"), row(2, "V1__a.sql", "DELETE"), row(3, "V1__a.sql")],
        ["V1__a.sql Deleted", "V1__a.sql Success"],
        [],
    ),
    (
        "undone by the paid Flyway",
        files("V1__a.sql", "V2__b.sql"),
        [row(1, "V1__a.sql"), row(2, "V2__b.sql"), row(3, "V2__b.sql", "UNDO_SQL")],
        ["V1__a.sql Success", "V2__b.sql Undone", "V2__b.sql Pending"],
        ["pending"],
    ),
    ("a description that the table cut off", files(f"V1__{'x' * 220}.sql"),
     [replace(row(1, "V1__a.sql"), description="x" * 197 + "...")], ["V1__a.sql Success"], []),
    (
        "two files of one version",
        files("V1__a.sql", "V1.0__b.sql"),
        [],
        ["V1.0__b.sql Pending"],
        ["duplicate", "pending"],
    ),
    ("two repeatables of one description", files("R__a_b.sql", "R__a b.sql"), [], ["R__a b.sql Pending"],
     ["duplicate", "pending"]),
    ("a bad name", Found((), (BadName(Path("/files/x.sql"), "no"),)), [], [], ["name"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("found", "rows", "lines", "problems"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_states_and_problems(found: Found, rows: list[Applied], lines: list[str], problems: list[str]) -> None:
    plan = make_plan(found, rows)
    assert states(plan) == lines
    assert codes(plan) == problems


def test_an_undo_of_ours_is_told_from_a_repair() -> None:
    found = files("V1__a.sql", "V2__b.sql", "V3__c.sql")
    rows = [row(1, "V1__a.sql"), row(2, "V2__b.sql"), row(3, "V2__b.sql", "DELETE"), row(4, "V1__a.sql", "DELETE")]
    shown = states(make_plan(found, rows, remembered=Remembered(frozenset({3}))))
    assert shown[:2] == ["V1__a.sql Deleted", "V2__b.sql Undone"]


def test_only_what_is_pending_does_not_block() -> None:
    plan = make_plan(files("V1__a.sql", "V2__b.sql", "V1.5__c.sql"), [row(1, "V2__b.sql"), row(2, "V0__z.sql")])
    assert {problem.code: problem.blocks for problem in plan.problems} == {"missing": True, "ignored": True}
    assert [problem.blocks for problem in make_plan(files("V1__a.sql"), []).problems] == [False]


def test_out_of_order_runs_late_files_first() -> None:
    plan = make_plan(files("V1__a.sql", "V2__b.sql", "V3__c.sql"), [row(1, "V2__b.sql")], Settings(out_of_order=True))
    assert pending(plan) == ["V1__a.sql", "V3__c.sql"]
    assert codes(plan) == ["pending", "pending"]


def test_a_target_leaves_what_is_above_it_and_still_runs_repeatables() -> None:
    plan = make_plan(files("V1__a.sql", "V2__b.sql", "V3__c.sql", "R__r.sql"), [], Settings(target="2.0"))
    assert pending(plan) == ["V1__a.sql", "V2__b.sql", "R__r.sql"]
    assert states(plan)[2] == "V3__c.sql Above Target"


def test_the_current_version_is_the_highest_that_stands() -> None:
    found = files("V1__a.sql", "V2__b.sql", "V10__c.sql")
    rows = [row(1, "V1__a.sql"), row(2, "V10__c.sql"), row(3, "V2__b.sql")]
    assert make_plan(found, rows).current_version == Version.parse("10")
    assert make_plan(found, [*rows, row(4, "V10__c.sql", "DELETE")]).current_version == Version.parse("2")
    assert make_plan(found, []).current_version is None


def test_repeatables_are_ordered_as_java_orders_strings() -> None:
    """By UTF-16 code units: U+1F600 is written with surrogates, which come before U+FB01."""
    assert pending(make_plan(files("R__\ufb01.sql", "R__\U0001f600.sql", "R__B.sql", "R__a.sql"), [])) == [
        "R__B.sql", "R__a.sql", "R__\U0001f600.sql", "R__\ufb01.sql",
    ]  # fmt: skip


# Undo.


def undone(found: Found, rows: Sequence[Applied], *, steps: int | None = None, target: str | None = None) -> list[str]:
    chosen = plan_undo(found, rows, steps=steps, target=Version.parse(target) if target else None)
    return [f"{step.row.script} {[run.script for run in step.repeatables]}" for step in chosen]


ALL = files("V1__a.sql", "V2__b.sql", "V3__c.sql", "U1__a.sql", "U2__b.sql", "U3__c.sql", "R__r.sql")
DONE = [row(1, "V1__a.sql"), row(2, "V2__b.sql"), row(3, "R__r.sql"), row(4, "V3__c.sql")]


def test_undo_takes_the_newest_first_with_the_repeatables_that_ran_since() -> None:
    assert undone(ALL, DONE, steps=1) == ["V3__c.sql []"]
    assert undone(ALL, DONE, steps=2) == ["V3__c.sql []", "V2__b.sql ['R__r.sql']"]
    assert undone(ALL, DONE, steps=9) == ["V3__c.sql []", "V2__b.sql ['R__r.sql']", "V1__a.sql []"]


def test_undo_down_to_a_version_includes_it() -> None:
    assert undone(ALL, DONE, target="2") == ["V3__c.sql []", "V2__b.sql ['R__r.sql']"]
    assert undone(ALL, DONE, target="0") == ["V3__c.sql []", "V2__b.sql ['R__r.sql']", "V1__a.sql []"]
    assert undone(ALL, DONE, target="4") == []


def test_what_was_undone_is_not_undone_again() -> None:
    assert undone(ALL, [*DONE, row(5, "V3__c.sql", "DELETE")], steps=1) == ["V2__b.sql ['R__r.sql']"]


@pytest.mark.parametrize("type_", ["DELETE", "UNDO_SQL"])
def test_the_next_newest_is_taken_after_an_undo_of_either_engine(type_: str) -> None:
    assert undone(ALL, [*DONE, row(5, "V3__c.sql", type_)], steps=1) == ["V2__b.sql ['R__r.sql']"]


def test_undo_is_refused_when_one_of_the_scripts_is_missing() -> None:
    without = Found(tuple(s for s in ALL.scripts if s.script != "U2__b.sql"), ())
    assert undone(without, DONE, steps=1) == ["V3__c.sql []"]
    with pytest.raises(VueloError, match="no undo script for version 2") as caught:
        undone(without, DONE, steps=3)
    assert caught.value.code == "undo.no_script"


def test_undo_is_refused_when_two_scripts_could_be_meant() -> None:
    with pytest.raises(VueloError, match=r"more than one undo .* version 3") as caught:
        undone(Found((*ALL.scripts, script("U3.0__other.sql")), ()), DONE, steps=1)
    assert caught.value.code == "undo.duplicate"


@pytest.mark.parametrize(
    "newest",
    [row(5, "V4__d.sql", "JDBC"), row(5, "V4__d.sql", "SCRIPT"), row(5, "V4__d.sql", success=False)],
    ids=["JDBC", "SCRIPT", "failed"],
)
def test_undo_is_refused_when_the_newest_migration_is_none_that_a_script_takes_back(newest: Applied) -> None:
    with pytest.raises(VueloError, match=r"V4__d\.sql") as caught:
        undone(ALL, [*DONE, newest], steps=1)
    assert caught.value.code == "undo.not_sql"
    assert undone(ALL, [*DONE, newest, row(6, "V4__d.sql", "DELETE")], steps=1) == ["V3__c.sql []"]


def test_undo_ends_at_a_baseline() -> None:
    rows = [row(1, "V1__a.sql", "JDBC"), row(2, "2", "BASELINE"), row(3, "V3__c.sql")]
    assert undone(ALL, rows, target="0") == ["V3__c.sql []"]


# What holds for every project and history.

_VERSIONS = st.lists(st.integers(1, 9), unique=True, max_size=6)
_NAMES = st.lists(st.sampled_from(["r", "s", "t"]), unique=True)


def applied(rows: list[Applied], scripts: Sequence[Script]) -> list[Applied]:
    """The history once the scripts were run in this order."""
    more = [row(rows[-1].installed_rank + 1 + at if rows else 1 + at, s.script) for at, s in enumerate(scripts)]
    return [*rows, *(replace(new, checksum=s.checksum) for new, s in zip(more, scripts, strict=True))]


@st.composite
def projects(draw: st.DrawFn) -> tuple[Found, list[Applied]]:
    """Files, some of which were applied in order at an earlier time; repeatables may have changed since."""
    versions = draw(_VERSIONS)
    names = [f"V{version}__x.sql" for version in versions] + [f"U{version}__x.sql" for version in versions]
    names += [f"R__{name}.sql" for name in draw(_NAMES)]
    found = Found(tuple(script(name, draw(st.integers(1, 2))) for name in names), ())
    before = Found(tuple(replace(s, checksum=1, raw_checksum=1) for s in found.scripts if s.version is None), ())
    early = [s for s in found.scripts if s.version and s.version <= Version.parse(str(draw(st.integers(0, 9))))]
    ran = make_plan(Found((*early, *before.scripts), ()), []).pending
    return found, applied([], ran)


@given(projects(), st.booleans())
def test_once_applied_in_order_nothing_is_pending(project: tuple[Found, list[Applied]], any_order: bool) -> None:
    found, rows = project
    plan = make_plan(found, rows, Settings(out_of_order=any_order))
    after = make_plan(found, applied(rows, plan.pending), Settings(out_of_order=any_order))
    assert after.pending == ()
    assert [problem.code for problem in after.problems] == [c for c in codes(plan) if c not in ("pending", "outdated")]


@given(projects())
def test_every_file_is_shown_and_runs_at_most_once(project: tuple[Found, list[Applied]]) -> None:
    found, rows = project
    plan = make_plan(found, rows)
    shown = {entry.script for entry in plan.entries}
    assert shown >= {s for s in found.scripts if s.kind in ("V", "R")}
    assert len(set(plan.pending)) == len(plan.pending)
    versions = [s.version for s in plan.pending if s.version]
    assert versions == sorted(versions)


@given(projects(), st.integers(1, 4))
def test_undo_then_migrate_restores_the_same_versions(project: tuple[Found, list[Applied]], steps: int) -> None:
    found, rows = project
    rows = applied(rows, make_plan(found, rows, Settings(out_of_order=True)).pending)
    before = make_plan(found, rows)
    for step in plan_undo(found, rows, steps=steps):
        for taken in (*step.repeatables, step.row):
            rows = [*rows, replace(taken, installed_rank=len(rows) + 1, type="DELETE")]
    gone = make_plan(found, rows, Settings(out_of_order=True))
    assert len([s for s in gone.pending if s.version]) == min(
        steps, len([r for r in rows if r.version_text and r.type == "SQL"])
    )
    again = make_plan(found, applied(rows, gone.pending))
    assert again.pending == ()
    assert again.current_version == before.current_version
