"""squawk's rules: the binary itself runs."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from vuelo.check.finding import Finding, Rule, Severity
from vuelo.check.lint import RULES as OWN
from vuelo.check.lint_squawk import RULES, binary, squawk
from vuelo.check.source import SourceFile, read
from vuelo.errors import VueloError
from vuelo.migration import Script
from vuelo.naming import parse_name
from vuelo.settings import Phase


def source(name: str, text: str) -> SourceFile:
    phase = Phase.CONTRACT if "phase=contract" in text else Phase.EXPAND
    return read("shop", Script(parse_name(name), Path(name), name, 0, 0, phase=phase), text.splitlines(keepends=True))


def found_in(*files: SourceFile) -> Iterator[Finding]:
    program = binary()
    assert program is not None
    return squawk(files, program)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_a_rule_finds_its_bad_example_alone_and_nothing_in_the_good_one(rule: Rule) -> None:
    bad, good = (
        [source(f"V{number}__A.sql", piece) for number, piece in enumerate(re.split(r"-- file: \S+\n", text))]
        for text in (rule.bad, rule.good)
    )

    assert {finding.rule for finding in found_in(*bad)} == {rule.code}
    assert list(found_in(*good)) == []


def test_no_rule_is_there_twice() -> None:
    own = {rule.code for rule in OWN}

    assert {rule.code.removeprefix("squawk:") for rule in RULES}.isdisjoint(own)


def test_a_place_is_that_of_the_file_behind_comments_data_and_letters_of_two_bytes() -> None:
    file = source(
        "V1__Places.sql",
        "-- ñandú\n"
        "COPY shop.names (name) FROM stdin;\n"
        "José\n"
        "\\.\n"
        "  /* ó */ SELECT 'ñ'; CREATE TABLE shop.ñandú (ánimo bigint,\n"
        "    código char(5));\n",
    )

    (found,) = found_in(file)

    assert found.place is not None
    assert (found.place.line, found.place.column) == (6, 12)
    assert found.place.source == "    código char(5));"


def test_findings_name_the_file_that_they_are_of() -> None:
    files = [source(f"V{n}__A.sql", f"CREATE TABLE t{n} (at {kind});") for n, kind in enumerate(["date", "timestamp"])]

    assert [found.path.name for found in found_in(*files)] == ["V1__A.sql"]


def test_rules_that_are_not_chosen_say_nothing() -> None:
    assert list(found_in(source("V1__A.sql", "CREATE TABLE t (id int PRIMARY KEY);\nDROP TABLE u;"))) == []


def test_an_undo_breaks_what_it_takes_back_and_errors_become_warnings() -> None:
    drop = "DROP EXTENSION pgcrypto;\nTRUNCATE shop.t CASCADE;"

    assert [found.rule for found in found_in(source("V1__A.sql", drop))] == [
        "squawk:ban-drop-extension",
        "squawk:ban-truncate-cascade",
    ]
    assert [(found.rule, found.severity) for found in found_in(source("U1__A.sql", drop))] == [
        ("squawk:ban-truncate-cascade", Severity.WARNING)
    ]


def test_a_configuration_of_squawk_does_not_change_what_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".squawk.toml").write_text('excluded_rules = ["ban-char-field"]')
    monkeypatch.chdir(tmp_path)

    assert len(list(found_in(source("V1__A.sql", "CREATE TABLE t (code char(2));")))) == 1


def test_a_program_that_is_no_squawk_is_named(tmp_path: Path) -> None:
    file = source("V1__A.sql", "SELECT 1;")

    with pytest.raises(VueloError) as error:
        list(squawk([file], Path("/bin/false")))

    assert error.value.code == "check.squawk"
    assert "/bin/false" in error.value.message
