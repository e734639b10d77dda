"""Rounds of checks as tests ask for them."""

from typing import LiteralString

from gasolinera.jobs import Job
from gasolinera.ops.checking import CheckResult, Group
from gasolinera.ops.checking_rounds import Wanted, check_operations
from gasolinera.ops.reaching import Operations

# An event of the coupons that nobody has published for twenty minutes.
EVENT: LiteralString = (
    "INSERT INTO coupon_schema.outbox_events (event_type, aggregate_type, aggregate_key, payload, created_at)"
    " VALUES ('coupon.issued', 'coupon', 'c-1', '{}', now() - interval '20 minutes')"
)


def found(operations: Operations, *names: str, jobs: list[Job] | None = None) -> dict[str, CheckResult]:
    results = check_operations(operations, Wanted(only=frozenset(names)), jobs=jobs or [])
    assert [one.name for one in results if (one.reason or "").startswith("failed")] == []
    return {one.name: one for one in results}


def objects(result: CheckResult) -> set[str]:
    return {finding.object for finding in result.findings}


def whole_round(operations: Operations) -> dict[str, CheckResult]:
    """As the timer runs it: all but what reads whole tables."""
    return {one.name: one for one in check_operations(operations, Wanted(without=frozenset({Group.DATA})))}
