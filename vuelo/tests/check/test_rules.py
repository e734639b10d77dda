"""Each rule on its own two examples, which are also what the documentation shows."""

import re
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from vuelo.check import constraints, rules, values
from vuelo.check.finding import Rule, Severity
from vuelo.check.rules import ALL

Connection = psycopg.Connection[Any]

_WITH_EXAMPLES = [rule for rule in ALL if rule.bad]
_REFUSED = [
    rule
    for rule in (*rules.NAMES, *constraints.RULES, *values.RULES)
    if rule.severity is Severity.ERROR
    and rule.code not in ("leaves-schema", "check-without-column")  # PostgreSQL has no objection to these
    and rule is not constraints.FOREIGN_KEY_TYPE  # integer and bigint go together, at a price
]
_ACCEPTED = [*rules.NAMES, *constraints.RULES, *values.RULES]


def named(rule: Rule) -> str:
    return rule.code


@pytest.mark.parametrize("rule", _WITH_EXAMPLES, ids=named)
def test_a_rule_finds_its_bad_example(rule: Rule, codes: Callable[..., set[str]]) -> None:
    assert rule.code in codes(rule.bad)


@pytest.mark.parametrize("rule", _WITH_EXAMPLES, ids=named)
def test_a_rule_leaves_its_good_example_in_peace(rule: Rule, codes: Callable[..., set[str]]) -> None:
    assert rule.code not in codes(rule.good)


@pytest.mark.parametrize("rule", _ACCEPTED, ids=named)
def test_a_good_example_has_no_error_at_all(rule: Rule, checked: Callable[..., Any]) -> None:
    report = checked(rule.good, ignored=("missing-undo",))
    assert [(one.rule, one.message) for one in report.findings if one.severity is Severity.ERROR] == []


@pytest.mark.parametrize("rule", _REFUSED, ids=named)
def test_postgresql_refuses_the_bad_example(rule: Rule, conn: Connection) -> None:
    conn.execute("CREATE SCHEMA shop")
    with pytest.raises(psycopg.Error):
        conn.execute(rule.bad.encode())


@pytest.mark.parametrize("rule", _ACCEPTED, ids=named)
def test_postgresql_takes_the_good_example(rule: Rule, conn: Connection) -> None:
    conn.execute("CREATE SCHEMA shop")
    conn.execute(rule.good.encode())


@pytest.mark.parametrize("rule", ALL, ids=named)
def test_a_rule_has_a_code_in_kebab_case_and_sentences(rule: Rule) -> None:
    assert re.fullmatch(r"(squawk:)?[a-z]+(-[a-z]+)*", rule.code)
    assert rule.problem.endswith(".")
    assert rule.fix.endswith((".", "`."))


def test_no_code_stands_for_two_rules() -> None:
    assert len({rule.code for rule in ALL}) == len(ALL)
