"""The raffle schema: a raffle goes only where it may, and what it published stays."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from psycopg import errors
from tests.schema import catalog
from tests.schema.catalog import Conn
from tests.schema.racing import wait_until_blocked
from tests.schema.raffle_steps import add_prize, draft, draw, enter, freeze, move, opened
from tests.schema.ticket_numbers import user

Connect = Callable[[str], Conn]


STATUSES = ("DRAFT", "OPEN", "CLOSED", "DRAWING", "COMPLETED", "CANCELLED")
# Frozen draws are here those whose round has come: from then on nobody cancels.
ALLOWED = {
    "DRAFT": {"OPEN", "CANCELLED"},
    "OPEN": {"CLOSED", "CANCELLED"},
    "CLOSED": {"DRAWING"},
    "DRAWING": {"COMPLETED"},
    "COMPLETED": set[str](),
    "CANCELLED": set[str](),
}


def at(admin: Conn, app: Conn, code: str, status: str) -> int:
    """A raffle that came to a state by the allowed road, with all that its next step needs."""
    raffle = draft(app, code)
    add_prize(app, raffle, 1)
    if status == "CANCELLED":
        move(app, raffle, "CANCELLED")
    if status in {"DRAFT", "CANCELLED"}:
        return raffle
    move(app, raffle, "OPEN")
    if status == "OPEN":
        return raffle
    enter(app, raffle, {user(1): 1})
    move(app, raffle, "CLOSED")
    drawn = freeze(admin, raffle)
    if status == "CLOSED":
        return raffle
    move(app, raffle, "DRAWING")
    draw(app, drawn)
    if status == "COMPLETED":
        move(app, raffle, "COMPLETED")
    return raffle


@pytest.mark.parametrize("start", STATUSES)
def test_a_raffle_goes_only_where_it_may(admin: Conn, as_role: Connect, start: str) -> None:
    app = as_role("raffle_app")
    reached: set[str] = set()
    for goal in STATUSES:
        if goal == start:
            continue
        raffle = at(admin, app, f"FROM-{start}-TO-{goal}", start)
        try:
            move(app, raffle, goal)
        except errors.CheckViolation:
            continue
        reached.add(goal)
    assert reached == ALLOWED[start]


def test_a_raffle_opens_with_a_prize_and_not_without(as_role: Connect) -> None:
    app = as_role("raffle_app")
    raffle = draft(app, "TEST-1")
    with pytest.raises(errors.CheckViolation):
        move(app, raffle, "OPEN")
    add_prize(app, raffle, 1)
    move(app, raffle, "OPEN")


@pytest.mark.parametrize("column", ["opens_at", "closes_at", "draw_at", "terms_version", "terms_sha256"])
def test_a_raffle_opens_with_dates_and_terms_and_not_without(as_role: Connect, column: str) -> None:
    app = as_role("raffle_app")
    raffle = draft(app, "TEST-1")
    add_prize(app, raffle, 1)
    app.execute(b"UPDATE raffle_schema.raffles SET " + column.encode() + b" = NULL WHERE id = %s", (raffle,))
    with pytest.raises(errors.CheckViolation) as refused:
        move(app, raffle, "OPEN")
    assert refused.value.diag.constraint_name == "raffles_published_check"


def test_a_raffle_is_not_drawn_before_its_freeze_nor_completed_before_its_draw(admin: Conn, as_role: Connect) -> None:
    app = as_role("raffle_app")
    raffle = opened(app)
    enter(app, raffle, {user(1): 1})
    move(app, raffle, "CLOSED")
    with pytest.raises(errors.CheckViolation):
        move(app, raffle, "DRAWING")
    drawn = freeze(admin, raffle)
    move(app, raffle, "DRAWING")
    with pytest.raises(errors.CheckViolation):
        move(app, raffle, "COMPLETED")
    draw(app, drawn)
    move(app, raffle, "COMPLETED")


def test_the_last_prize_cannot_go_while_the_raffle_opens(admin: Conn, as_role: Connect) -> None:
    first, second = as_role("raffle_app"), as_role("raffle_app")
    raffle = draft(first, "TEST-1")
    prize = add_prize(first, raffle, 1)

    def remove() -> None:
        second.execute("DELETE FROM raffle_schema.raffle_prizes WHERE id = %s", (prize,))

    with ThreadPoolExecutor(1) as pool:
        with first.transaction():
            move(first, raffle, "OPEN")
            racing = pool.submit(remove)
            wait_until_blocked(admin, second)
        with pytest.raises(errors.RestrictViolation):
            racing.result(timeout=20)


@pytest.mark.parametrize(
    "change",
    [
        "closes_at = closes_at + interval '1 hour'",
        "max_tickets_per_user = 1000",
        "selection_algorithm = 'RANDOM'",
        "terms_sha256 = sha256('other terms')",
        "allows_multiple_wins = true",
    ],
)
def test_the_published_rules_of_an_open_raffle_stay(as_role: Connect, change: str) -> None:
    app = as_role("raffle_app")
    raffle = opened(app)
    with pytest.raises(errors.RestrictViolation):
        app.execute(b"UPDATE raffle_schema.raffles SET " + change.encode() + b" WHERE id = %s", (raffle,))


def test_the_prizes_of_an_open_raffle_stay(as_role: Connect) -> None:
    app = as_role("raffle_app")
    raffle = opened(app)
    for statement in (
        "UPDATE raffle_schema.raffle_prizes SET prize_value = 1 WHERE raffle_id = %s",
        "UPDATE raffle_schema.raffle_prizes SET quantity = 9 WHERE raffle_id = %s",
        "DELETE FROM raffle_schema.raffle_prizes WHERE raffle_id = %s",
    ):
        with pytest.raises(errors.RestrictViolation):
            app.execute(statement.encode(), (raffle,))
    with pytest.raises(errors.RestrictViolation):
        add_prize(app, raffle, 2)


def test_only_a_draft_can_be_deleted(as_role: Connect) -> None:
    app = as_role("raffle_app")
    app.execute("DELETE FROM raffle_schema.raffles WHERE id = %s", (draft(app, "TEST-1"),))
    with pytest.raises(errors.RestrictViolation):
        app.execute("DELETE FROM raffle_schema.raffles WHERE id = %s", (opened(app, "TEST-2"),))


def test_changes_of_state_are_on_record_and_the_record_stays(admin: Conn, as_role: Connect) -> None:
    app = as_role("raffle_app")
    raffle = opened(app)
    move(app, raffle, "CANCELLED")
    assert catalog.texts(
        app, "SELECT event_type FROM raffle_schema.raffle_audit_log WHERE raffle_code = 'TEST-1' ORDER BY id"
    ) == ["RAFFLE_CREATED", "PRIZE_ADDED", "RAFFLE_OPEN", "RAFFLE_CANCELLED"]
    for statement in (
        b"DELETE FROM raffle_schema.raffle_audit_log",
        b"UPDATE raffle_schema.raffle_audit_log SET actor = 'nobody'",
        b"TRUNCATE raffle_schema.raffle_audit_log",
    ):
        with pytest.raises(errors.InsufficientPrivilege):
            app.execute(statement)
        with pytest.raises(errors.RestrictViolation):
            admin.execute(statement)
