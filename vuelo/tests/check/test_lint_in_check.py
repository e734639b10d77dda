"""The lint rules as `vuelo check` runs them: allowed in place, with the service's settings, with and without squawk."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from vuelo.check import lint_squawk
from vuelo.check.finding import Report

_START = """-- file: V1__Orders.sql
-- The orders.

CREATE TABLE shop.orders (id bigint, note text, CONSTRAINT orders_pk PRIMARY KEY (id));
COMMENT ON TABLE shop.orders IS 'What customers bought.';
-- file: V2__Change.sql
-- A change.

"""


def lines(report: Report) -> list[tuple[str, int]]:
    return [(one.rule, one.place.line if one.place else 0) for one in report.findings if one.rule != "missing-undo"]


def test_what_only_the_whole_file_shows_is_allowed_where_it_shows(checked: Callable[..., Report]) -> None:
    change = "ALTER TABLE shop.orders ADD COLUMN x text;\n{}UPDATE shop.orders SET x = '' WHERE id < 9;\nSELECT 1;"

    assert lines(checked(_START + change.format(""))) == [("working-under-lock", 4)]
    assert lines(checked(_START + change.format("-- vuelo: allow working-under-lock Nine rows.\n"))) == []


def test_a_finding_of_squawk_is_allowed_where_it_stands(checked: Callable[..., Report]) -> None:
    change = "ALTER TABLE shop.orders ADD COLUMN x char(3);"

    assert lines(checked(_START + change)) == [("squawk:ban-char-field", 3)]
    assert lines(checked(f"{_START}-- vuelo: allow squawk:ban-char-field ISO 4217.\n{change}")) == []


def test_a_service_that_mixes_on_purpose_is_not_told_so(checked: Callable[..., Report]) -> None:
    change = "COMMENT ON TABLE shop.orders IS 'x';\nCREATE INDEX CONCURRENTLY orders_note ON shop.orders (note);"

    assert lines(checked(_START + change)) == [("mixed-transaction", 4)]
    assert lines(checked(_START + change, "mixed = true")) == []


def test_an_undo_file_is_warned_and_does_not_fail_the_check(checked: Callable[..., Report]) -> None:
    undo = "ALTER TABLE shop.orders ADD COLUMN x text;\n-- file: U2__Change.sql\n-- Back.\n\n"
    undo += "ALTER TABLE shop.orders DROP COLUMN x;\nUPDATE shop.orders SET note = '';"
    report = checked(_START + undo, ignored=("missing-undo",))

    assert {one.rule for one in report.findings} == {"working-under-lock", "writing-every-row"}
    assert not report.fails()


def test_without_squawk_the_report_says_that_its_rules_were_not_run(
    checked: Callable[..., Report], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert checked(_START).notes == ()
    monkeypatch.setattr(sys, "executable", str(tmp_path / "elsewhere" / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))

    report = checked(_START + "ALTER TABLE shop.orders ADD COLUMN x char(3);")

    assert lines(report) == []
    assert "squawk is not installed" in report.notes[0]


def test_squawk_is_found_in_the_path_where_it_is_not_beside_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "squawk"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "elsewhere" / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))

    assert lint_squawk.binary() == program
