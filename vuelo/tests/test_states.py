"""Every state, against a second writing-down of Flyway's rules that looks at each line on its own."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vuelo.errors import VueloError
from vuelo.migration import Applied, Found, Remembered, Script, ScriptConfig
from vuelo.naming import Version, parse_name
from vuelo.plan import Plan, make_plan
from vuelo.settings import Phase, Settings

CONTRACT = Phase.CONTRACT


def script(name: str, checksum: int = 1, **changes: object) -> Script:
    made = Script(parse_name(name), Path("/files") / name, name, checksum, checksum)
    return replace(made, **changes)  # pyright: ignore[reportArgumentType]  # fields of Script, by name


def files(*names: str) -> Found:
    return Found(tuple(script(name) for name in names), ())


def row(
    rank: int, version: str | None, type_: str = "SQL", *, what: str = "x", checksum: int = 1, success: bool = True
) -> Applied:
    day = datetime(2026, 11, 22)  # noqa: DTZ001 - as the table has it
    return Applied(rank, version, what, type_, "script", checksum, "me", day, 1, success)


def states(plan: Plan) -> list[str]:
    lines: list[str] = []
    for entry in plan.entries:
        what = f"#{entry.row.installed_rank}" if entry.row else entry.script.script if entry.script else ""
        lines.append(f"{what} {entry.state}")
    return lines


def pending(plan: Plan) -> list[str]:
    return [script.script for script in plan.pending]


# Baseline migrations.


def test_an_empty_history_begins_with_the_newest_baseline_migration() -> None:
    plan = make_plan(files("B1__b.sql", "B3__b.sql", "V1__v.sql", "V3__v.sql", "V4__v.sql", "R__r.sql"), [])
    assert states(plan) == [
        "V1__v.sql Below Baseline", "B1__b.sql Below Baseline", "V3__v.sql Ignored (Baseline)", "B3__b.sql Pending",
        "V4__v.sql Pending", "R__r.sql Pending",
    ]  # fmt: skip
    assert pending(plan) == ["B3__b.sql", "V4__v.sql", "R__r.sql"]


def test_a_baseline_migration_above_the_target_is_not_begun_with() -> None:
    plan = make_plan(files("B1__b.sql", "B3__b.sql", "V2__v.sql"), [], Settings(target="2"))
    assert pending(plan) == ["B1__b.sql", "V2__v.sql"]
    assert "B3__b.sql Above Target" in states(plan)


def test_where_anything_was_applied_a_baseline_migration_is_ignored_without_complaint() -> None:
    plan = make_plan(files("B3__b.sql", "V1__x.sql", "V4__v.sql"), [row(1, "1")])
    assert states(plan) == ["#1 Success", "B3__b.sql Ignored", "V4__v.sql Pending"]
    assert [problem.code for problem in plan.problems] == ["pending"]


def test_a_baseline_migration_that_ran_is_a_baseline() -> None:
    found = files("B3__x.sql", "V1__v.sql", "V3__v.sql", "V4__v.sql")
    plan = make_plan(found, [row(1, "3", "SQL_BASELINE")])
    assert states(plan) == [
        "V1__v.sql Below Baseline", "V3__v.sql Ignored (Baseline)", "#1 Baseline", "V4__v.sql Pending",
    ]  # fmt: skip


# Targets.


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("latest", ["V2__v.sql", "V3__v.sql", "R__r.sql"]),
        ("LATEST", ["V2__v.sql", "V3__v.sql", "R__r.sql"]),
        ("next", ["V2__v.sql", "R__r.sql"]),
        ("current", ["R__r.sql"]),
        ("2", ["V2__v.sql", "R__r.sql"]),
        ("2.5?", ["V2__v.sql", "R__r.sql"]),
        ("1", ["R__r.sql"]),
    ],
)
def test_a_target_says_how_far(target: str, expected: list[str]) -> None:
    found = files("V1__x.sql", "V2__v.sql", "V3__v.sql", "R__r.sql")
    plan = make_plan(found, [row(1, "1")], Settings(target=target))
    assert pending(plan) == expected
    assert [line.split()[0] for line in states(plan) if "Above" in line] == [
        name for name in ("V2__v.sql", "V3__v.sql") if name not in expected
    ]


def test_current_of_nothing_runs_repeatables_only() -> None:
    plan = make_plan(files("V0__v.sql", "V1__v.sql", "R__r.sql"), [], Settings(target="current"))
    assert pending(plan) == ["R__r.sql"]


@pytest.mark.parametrize("target", ["", "?", "newest", "1.?", "-1", "1..2"])
def test_what_is_no_target_is_refused(target: str) -> None:
    with pytest.raises(VueloError) as caught:
        make_plan(files(), [], Settings(target=target))
    assert caught.value.code == "target.invalid"


# What a script says of itself.


def test_a_script_that_is_not_to_be_executed_is_ignored_without_complaint() -> None:
    never = script("V2__v.sql", config=ScriptConfig(should_execute=False))
    plan = make_plan(Found((script("V1__x.sql"), never, script("V3__x.sql")), ()), [row(1, "1"), row(2, "3")])
    assert states(plan) == ["#1 Success", "#2 Success", "V2__v.sql Ignored"]
    assert plan.problems == ()


def test_the_contract_phase_is_kept_back_until_it_is_asked_for_however_old_it_is() -> None:
    found = Found((script("V1__x.sql"), script("V2__c.sql", phase=CONTRACT), script("V3__x.sql")), ())
    plan = make_plan(found, [row(1, "1"), row(2, "3")])
    assert states(plan) == ["#1 Success", "#2 Success", "V2__c.sql Pending"]
    assert (pending(plan), [one.script for one in plan.kept_back]) == ([], ["V2__c.sql"])
    assert [(problem.code, problem.blocks) for problem in plan.problems] == [("pending", False)]
    assert "--phase contract" in plan.problems[0].hint
    asked = make_plan(found, [row(1, "1"), row(2, "3")], Settings(phase=CONTRACT))
    assert (pending(asked), asked.kept_back) == (["V2__c.sql"], ())


def test_next_is_the_next_that_may_run() -> None:
    found = Found((script("V2__c.sql", phase=CONTRACT), script("V3__x.sql"), script("V4__x.sql")), ())
    assert pending(make_plan(found, [], Settings(target="next"))) == ["V3__x.sql"]


# Picking.


def test_what_is_picked_runs_alone_and_in_the_order_of_picking() -> None:
    found = files("V1__x.sql", "V2__v.sql", "V3__x.sql", "V4__v.sql", "R__a_view.sql", "R__b.sql")
    settings = Settings(cherry_pick=("a_view", "4.0", "2"))
    plan = make_plan(found, [row(1, "1"), row(2, "3")], settings)
    assert pending(plan) == ["R__a_view.sql", "V4__v.sql", "V2__v.sql"]
    assert "R__b.sql Ignored" in states(plan)
    assert {problem.code for problem in plan.problems} == {"pending"}


def test_what_was_applied_is_not_picked_again() -> None:
    found = files("V1__x.sql", "V2__v.sql")
    assert pending(make_plan(found, [row(1, "1")], Settings(cherry_pick=("1", "2")))) == ["V2__v.sql"]


def test_what_does_not_exist_cannot_be_picked() -> None:
    with pytest.raises(VueloError, match="no migration 7, b to pick") as caught:
        make_plan(files("V1__x.sql", "R__a.sql"), [], Settings(cherry_pick=("7", "1", "a", "b")))
    assert caught.value.code == "cherry_pick.unknown"


# The rest of the states.


def test_a_row_of_another_kind_is_not_the_file_s() -> None:
    plan = make_plan(files("V1__x.sql", "V2__x.sql"), [row(1, "1", "JDBC"), row(2, "2")])
    assert states(plan) == ["#1 Missing", "#2 Success", "V1__x.sql Ignored"]


def test_failures_say_what_is_left_of_their_files() -> None:
    rows = [row(1, "1", success=False), row(2, "2", success=False), row(3, "9", success=False)]
    plan = make_plan(files("V2__x.sql", "V3__v.sql"), rows)
    assert states(plan)[:3] == ["#1 Failed (Missing)", "#2 Failed", "#3 Failed (Future)"]
    assert [problem.code for problem in plan.problems] == ["failed", "failed", "ignored"]


def test_undo_scripts_are_available_where_their_migration_stands() -> None:
    found = files("V1__x.sql", "V2__x.sql", "V3__v.sql", "U1__x.sql", "U2__x.sql", "U3__x.sql")
    plan = make_plan(found, [row(1, "1"), row(2, "2"), row(3, "2", "DELETE")], remembered=Remembered(frozenset({3})))
    assert states(plan) == ["#1 Success", "#2 Undone", "V2__x.sql Pending", "V3__v.sql Pending"]
    assert [(entry.state.value, entry.script.script) for entry in plan.undos if entry.script] == [
        ("Available", "U1__x.sql")
    ]


def test_a_version_taken_back_twice_is_a_corrupt_history() -> None:
    rows = [row(1, "1"), row(2, "1", "DELETE"), row(3, "1", "DELETE")]
    assert [problem.code for problem in make_plan(files("V1__x.sql"), rows).problems] == ["corrupt", "pending"]


# The same rules once more, each line on its own; SQL rows, baselines and repeatables.

_VERSIONS = ["1", "2", "3"]


@st.composite
def projects(draw: st.DrawFn) -> tuple[list[Script], list[Applied], Settings]:
    names = [f"{kind}{version}__x.sql" for kind in "VB" for version in _VERSIONS] + ["R__r.sql", "R__s.sql"]
    scripts = [script(name, draw(st.integers(1, 2))) for name in draw(st.lists(st.sampled_from(names), unique=True))]
    rows: list[Applied] = []
    standing: list[str] = []
    for rank in range(1, draw(st.integers(0, 6)) + 1):
        what = draw(st.sampled_from([*_VERSIONS, "r", "s", "back"]))
        success = draw(st.integers(0, 5)) > 0
        if what in ("r", "s"):
            rows.append(row(rank, None, what=what, checksum=draw(st.integers(1, 2)), success=success))
        elif what == "back" and standing:
            rows.append(row(rank, standing.pop(draw(st.integers(0, len(standing) - 1))), "DELETE"))
        elif what == "back":
            if not rows:
                rows.append(row(rank, draw(st.sampled_from(_VERSIONS)), "BASELINE"))
        elif what not in standing:
            standing.append(what)
            rows.append(row(rank, what, success=success))
    target = draw(st.sampled_from(["latest", "2", "current"]))
    return scripts, rows, Settings(target=target, out_of_order=draw(st.booleans()))


def expected(scripts: Sequence[Script], rows: Sequence[Applied], settings: Settings) -> set[str]:
    return {
        *(f"#{one.installed_rank} {_of_row(one, scripts, rows)}" for one in rows if one.type != "DELETE"),
        *(
            f"{one.script} {state}"
            for one in scripts
            for state in [_of_file(one, scripts, rows, settings)]
            if state != "applied"
        ),
    }


def _is_deleted(one: Applied, rows: Sequence[Applied]) -> bool:
    """A DELETE row is for the nearest row of that version before it."""
    for other in rows[rows.index(one) + 1 :]:
        if other.version_text == one.version_text and other.version_text is not None:
            return other.type == "DELETE" and one.type == "SQL"
    return False


def _number(text: str | None) -> int:
    return int(text or 0)


def _of_row(  # noqa: PLR0911 - a rule a line
    one: Applied, scripts: Sequence[Script], rows: Sequence[Applied]
) -> str:
    if _is_deleted(one, rows):
        return "Deleted"
    if one.type == "BASELINE":
        return "Baseline"
    names = {s.script: s for s in scripts}
    if one.version_text is None:
        is_last = all(other.description != one.description for other in rows[rows.index(one) + 1 :])
        file = names.get(f"R__{one.description}.sql")
        if file is None and is_last:
            return "Missing" if one.success else "Failed (Missing)"
        if not one.success:
            return "Failed"
        if not is_last:
            return "Superseded"
        assert file is not None
        return "Success" if file.checksum == one.checksum else "Outdated"
    if f"V{one.version_text}__x.sql" not in names:
        newer = any(_number(s.version.text) > _number(one.version_text) for s in scripts if s.version)
        word = "Missing" if newer else "Future"
        return word if one.success else f"Failed ({word})"
    if not one.success:
        return "Failed"
    before = [other for other in rows[: rows.index(one)] if other.version_text and other.type != "DELETE"]
    standing = [other for other in before if not _is_deleted(other, rows)]
    late = any(_number(other.version_text) >= _number(one.version_text) for other in standing)
    return "Out of Order" if late else "Success"


def _of_file(one: Script, scripts: Sequence[Script], rows: Sequence[Applied], settings: Settings) -> str:
    if one.version is None:
        runs = [other for other in rows if other.version_text is None and other.description == one.description]
        done = bool(runs) and runs[-1].checksum == one.checksum  # a failed one waits for repair
        return "applied" if done else "Pending"
    number, is_baseline = int(one.version.text), one.script.startswith("B")
    standing = [other for other in rows if other.version_text and other.type != "DELETE"]
    standing = [other for other in standing if not _is_deleted(other, rows)]
    if not is_baseline and any(other.type == "SQL" and _number(other.version_text) == number for other in standing):
        return "applied"
    newest = max((_number(other.version_text) for other in standing), default=None)
    current = -1 if newest is None else newest
    limit = {"current": current, "2": 2, "latest": 99}[settings.target]
    marked = max((_number(other.version_text) for other in standing if other.type == "BASELINE"), default=None)
    coming = [int(s.version.text) for s in scripts if s.script.startswith("B") and s.version]
    begins = max((version for version in coming if version <= limit), default=None) if newest is None else marked
    if begins is not None and number < begins:
        return "Below Baseline"
    if begins is not None and number == begins:
        return "Pending" if is_baseline and newest is None else "Ignored (Baseline)"
    if number > limit:
        return "Above Target"
    late = newest is not None and number < newest and not settings.out_of_order
    return "Ignored" if late or (is_baseline and newest is not None) else "Pending"


@given(projects())
def test_each_line_has_the_state_that_the_rules_give_it(project: tuple[list[Script], list[Applied], Settings]) -> None:
    scripts, rows, settings = project
    plan = make_plan(Found(tuple(scripts), ()), rows, settings)
    assert set(states(plan)) == expected(scripts, rows, settings)
    assert len(states(plan)) == len(set(states(plan)))


# Work, counted rather than timed.


def _comparisons(monkeypatch: pytest.MonkeyPatch, found: Found, rows: list[Applied]) -> int:
    count = 0
    is_less = Version.__lt__

    def counted(one: Version, other: Version) -> bool:
        nonlocal count
        count += 1
        return is_less(one, other)

    with monkeypatch.context() as patched:
        patched.setattr(Version, "__lt__", counted)
        make_plan(found, rows, Settings(target="next", ignore_migration_patterns=()))
    return count


@pytest.mark.parametrize("case", ["applied", "missing", "pending", "taken back"])
def test_four_times_the_migrations_are_about_four_times_the_work(monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    work: list[int] = []
    for size in (500, 2000):
        found = Found(tuple(script(f"V{number}__x.sql") for number in range(1, size + 1)), ())
        rows = [row(number, str(number)) for number in range(1, size + 1)]
        if case == "missing":
            found = Found((script(f"V{size}__x.sql"),), ())
        if case == "pending":
            rows = []
        if case == "taken back":
            rows += [row(size + number, str(number), "DELETE") for number in range(1, size + 1)]
        work.append(_comparisons(monkeypatch, found, rows))
    assert work[0] > 500
    assert work[1] < 6 * work[0]
