"""What validate finds, what it leaves alone, and that each problem says what to do."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from vuelo.errors import VueloError
from vuelo.migration import Applied, BadName, Found, Script
from vuelo.naming import parse_name
from vuelo.plan import make_plan
from vuelo.settings import Settings


def script(name: str, checksum: int = 1) -> Script:
    return Script(parse_name(name), Path("/files") / name, name, checksum, checksum)


def row(rank: int, version: str | None, what: str = "x", type_: str = "SQL", *, success: bool = True) -> Applied:
    day = datetime(2026, 11, 22)  # noqa: DTZ001 - as the table has it
    return Applied(rank, version, what, type_, "script", 1, "me", day, 1, success)


FOUND = Found((script("V2__x.sql"), script("V3__x.sql"), script("V4__x.sql"), script("R__gone_not.sql", 2)), ())
ROWS = [
    row(1, "1"),  # missing
    row(2, "3"),  # and so 2 is ignored
    row(3, "9"),  # future
    row(4, None, "gone not"),  # outdated
    row(5, None, "gone"),  # missing
]


def codes(*patterns: str, found: Found = FOUND, rows: list[Applied] = ROWS) -> list[str]:
    plan = make_plan(found, rows, Settings(ignore_migration_patterns=patterns))
    return sorted(problem.code for problem in plan.problems)


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        ((), ["future", "ignored", "ignored", "missing", "missing", "outdated"]),
        (("*:future",), ["ignored", "ignored", "missing", "missing", "outdated"]),
        (("*:missing", "*:future"), ["ignored", "ignored", "outdated"]),
        (("versioned:missing",), ["future", "ignored", "ignored", "missing", "outdated"]),
        (("repeatable:missing", "versioned:missing"), ["future", "ignored", "ignored", "outdated"]),
        (("*:ignored",), ["future", "missing", "missing", "outdated"]),
        (("*:pending",), ["future", "ignored", "ignored", "missing", "missing"]),
        ((" Versioned : FUTURE ",), ["ignored", "ignored", "missing", "missing", "outdated"]),
        (("repeatable:*",), ["future", "ignored", "ignored", "missing"]),
        (("*:*",), []),
    ],
)
def test_patterns_leave_alone_what_they_name(patterns: tuple[str, ...], expected: list[str]) -> None:
    assert codes(*patterns) == expected


def test_pending_ones_can_be_left_alone() -> None:
    found = Found((script("V1__x.sql"), script("R__x.sql")), ())
    assert codes(found=found, rows=[]) == ["pending", "pending"]
    assert codes("versioned:pending", found=found, rows=[]) == ["pending"]
    assert codes("*:pending", found=found, rows=[]) == []


@pytest.mark.parametrize("pattern", ["", "missing", "*:gone", "baseline:missing", ":", "*:missing:*", "*:failed"])
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(VueloError) as caught:
        codes(pattern)
    assert caught.value.code == "ignore.invalid"


def test_a_failed_one_of_the_future_is_ignored_with_the_future() -> None:
    found, rows = Found((script("V1__x.sql"),), ()), [row(1, "1"), row(2, "2", success=False)]
    assert codes(found=found, rows=rows) == ["failed"]
    assert codes("*:future", found=found, rows=rows) == []


def test_below_the_baseline_nothing_is_compared() -> None:
    rows = [row(1, "1"), row(2, "2", "<< Flyway Baseline >>", "BASELINE")]
    assert codes(found=Found((script("V1__y.sql", 5), script("V2__x.sql")), ()), rows=rows) == []


def test_a_repeatable_of_another_kind_is_told() -> None:
    plan = make_plan(Found((script("R__x.sql"),), ()), [row(1, None, "x", "JDBC")])
    assert [problem.code for problem in plan.problems] == ["type"]


def test_bad_names_can_be_none_of_our_business() -> None:
    found = Found((), (BadName(Path("/files/notes.sql"), "no"),))
    assert [problem.code for problem in make_plan(found, []).problems] == ["name"]
    assert make_plan(found, [], Settings(validate_migration_naming=False)).problems == ()


def test_an_empty_description_that_another_database_could_not_store_is_the_same() -> None:
    found = Found((script("V1.sql"),), ())
    assert codes(found=found, rows=[row(1, "1", "<< no description >>")]) == []
    assert codes(found=found, rows=[row(1, "1", "")]) == []
    assert codes(found=found, rows=[row(1, "1", "x")]) == ["description"]


def test_each_problem_says_what_to_do() -> None:
    found = Found(
        (*FOUND.scripts, script("V4.0__y.sql"), script("V5__x.sql", 2), script("V6__y.sql")),
        (BadName(Path("/files/notes.sql"), "no"),),
    )
    rows = [*ROWS, row(6, "5"), row(7, "6"), row(8, "7", success=False), row(9, "3", type_="DELETE")]
    rows += [replace(rows[-1], installed_rank=10)]
    problems = make_plan(found, rows, Settings(ignore_migration_patterns=())).problems
    assert {problem.code for problem in problems} == {
        "duplicate", "name", "corrupt", "missing", "future", "ignored", "outdated", "checksum", "description", "failed",
    }  # fmt: skip
    assert all(problem.hint for problem in problems)
    assert {problem.code for problem in problems if not problem.blocks} == {"outdated"}
