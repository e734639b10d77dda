"""What silences a finding: an allow in place, and the list of what is accepted in released files."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

import vuelo
from vuelo.check.finding import Report
from vuelo.check.run import check

_UNNAMED = "CREATE TABLE shop.a (id bigint PRIMARY KEY);\nCOMMENT ON TABLE shop.a IS 'a';\n"
_OTHER = "CREATE TABLE shop.b (id bigint PRIMARY KEY);\nCOMMENT ON TABLE shop.b IS 'b';\n"
_UNDO = "-- file: U1__Example.sql\n-- Back.\nDROP TABLE shop.b, shop.a;\n"
_ALLOW = "-- vuelo: allow unnamed-constraint"


def example(text: str) -> str:
    return f"-- file: V1__Example.sql\n{text}{_UNDO}"


def found(report: Report) -> list[tuple[str, int]]:
    return [(one.rule, one.place.line if one.place else 0) for one in report.findings if "squawk" not in one.rule]


def test_an_allow_with_a_reason_silences_its_statement_alone(checked: Callable[..., Report]) -> None:
    text = example(f"-- Header.\n\n{_ALLOW} it is small\n{_UNNAMED}{_OTHER}")
    assert found(checked(text)) == [("unnamed-constraint", 6)]


def test_other_comments_may_stand_between_an_allow_and_its_statement(checked: Callable[..., Report]) -> None:
    text = example(f"-- Header.\n\n{_ALLOW} it is small\n-- One row each.\n{_UNNAMED}-- no allow\n{_OTHER}")
    assert found(checked(text)) == [("unnamed-constraint", 8)]


def test_an_allow_in_the_header_silences_the_whole_file(checked: Callable[..., Report]) -> None:
    assert found(checked(example(f"-- Header.\n{_ALLOW} all are small\n\n{_UNNAMED}{_OTHER}"))) == []


def test_two_allows_stand_before_one_statement(checked: Callable[..., Report]) -> None:
    two = f"{_ALLOW} it is small\n-- vuelo: allow table-without-comment it is plain\n"
    text = example(f"-- Header.\n\n{two}CREATE TABLE shop.a (id bigint PRIMARY KEY);\n{_OTHER}")
    assert found(checked(text)) == [("unnamed-constraint", 6)]


def test_an_allow_without_a_reason_silences_and_is_an_error_itself(checked: Callable[..., Report]) -> None:
    report = checked(example(f"-- Header.\n\n{_ALLOW}\n{_UNNAMED}{_ALLOW} small\n{_OTHER}"))
    assert found(report) == [("allow-without-reason", 3)]
    assert report.fails()


def test_an_allow_that_silences_nothing_is_a_warning(checked: Callable[..., Report]) -> None:
    report = checked(example(f"-- Header.\n{_ALLOW} all\n\n{_UNNAMED}{_OTHER}\n-- vuelo: allow syntax never\n"))
    assert found(report) == [("unused-allow", 9)]
    assert not report.fails()
    assert report.fails(strict=True)


def test_an_allow_with_a_blank_line_behind_it_belongs_to_no_statement(checked: Callable[..., Report]) -> None:
    text = example(f"-- Header.\n\n{_UNNAMED}{_ALLOW} small\n\n{_OTHER}")
    assert found(checked(text)) == [("unnamed-constraint", 3), ("unused-allow", 5), ("unnamed-constraint", 7)]


def test_what_looks_like_an_allow_inside_a_statement_or_in_data_is_none(checked: Callable[..., Report]) -> None:
    text = (
        "-- Header.\n\nCREATE TABLE shop.a (id text,\n-- vuelo: allow syntax no\nb text);\n"
        "COMMENT ON TABLE shop.a IS 'a';\n"
        "COPY shop.a FROM STDIN;\n-- vuelo: allow syntax no\t1\n\\.\nCREATE TABLE shop.b (id bigint);\n"
        "COMMENT ON TABLE shop.b IS '\n-- vuelo: allow syntax no';\n"
    )
    assert found(checked(example(text))) == []


@pytest.fixture
def accepting(
    shop: Callable[..., vuelo.Project], write: Callable[[Mapping[str, str]], Path]
) -> Callable[[str], Report]:
    def run(accepted: str) -> Report:
        write({"vuelo-check.toml": accepted})
        return check(shop(example(f"-- Header.\n{_UNNAMED}{_OTHER}")))

    return run


def test_an_accepted_finding_is_not_reported(accepting: Callable[[str], Report]) -> None:
    report = accepting('[[accepted]]\nrule = "unnamed-constraint"\nfile = "shop/V1__Example.sql"\nreason = "released"')
    assert found(report) == []


def test_an_entry_that_fits_nothing_in_a_checked_file_is_a_warning(accepting: Callable[[str], Report]) -> None:
    report = accepting('[[accepted]]\nrule = "unknown-table"\nfile = "V1__Example.sql"\nreason = "released"')
    assert [rule for rule, _ in found(report)] == ["unnamed-constraint"] * 2 + ["unused-acceptance"]


def test_an_entry_for_a_file_that_is_not_checked_here_is_left_in_peace(accepting: Callable[[str], Report]) -> None:
    report = accepting('[[accepted]]\nrule = "unknown-table"\nfile = "other/V1__Example.sql"\nreason = "released"')
    assert [rule for rule, _ in found(report)] == ["unnamed-constraint"] * 2


@pytest.mark.parametrize(
    "accepted",
    [
        '[[accepted]]\nrule = "syntax"\nfile = "V1.sql"',
        '[[accepted]]\nrule = "syntax"\nfile = "V1.sql"\nreason = " "',
        '[[accepted]]\nrule = "syntax"\nfile = "V1.sql"\nreason = 3',
        "[[accepted",
    ],
)
def test_an_incomplete_list_is_refused(accepted: str, accepting: Callable[[str], Report]) -> None:
    with pytest.raises(vuelo.VueloError) as refused:
        accepting(accepted)
    assert refused.value.code == "check.accepted"
