"""Who takes part: kept out at the entry, or left out at the freeze, each with its reason."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from gasolinera.config import Settings
from gasolinera.errors import GasolineraError
from gasolinera.events import Event
from gasolinera.raffle import eligibility, personal
from gasolinera.raffle.models import AgeConfirmation, NewExclusion
from tests.raffle.entry_steps import (
    Admin,
    asked,
    deliver,
    event,
    issued,
    numbers,
    told_back,
)
from tests.schema.catalog import Conn
from tests.schema.raffle_steps import add_prize, draft, move, opened, totals
from tests.schema.ticket_numbers import user

Connect = Callable[[str], Conn]
CODE = "ELIGIBLE-1"


def employed(number: int, *, active: bool = True, version: int = 1) -> Event:
    data: dict[str, Any] = {
        "employee_number": f"EMP{number:06d}",
        "user_id": str(user(number)),
        "station_code": "JSM001",
        "role": "EMPLOYEE",
        "permissions": [],
        "active": active,
        "version": version,
    }
    return event("employee.changed", "employee", f"EMP{number:06d}", data)


def account(number: int, kind: str, *, active: bool, time: datetime | None = None, role: str = "CUSTOMER") -> Event:
    data = {"public_id": str(user(number)), "role": role, "active": active}
    return event(kind, "user", str(user(number)), data, time)


def left_out(admin: Admin, raffle: int) -> dict[UUID, str]:
    return dict(
        admin.execute(
            """
            SELECT e.user_id, x.reason FROM raffle_schema.entry_exclusions(%s) AS x
              JOIN raffle_schema.raffle_entries AS e ON e.id = x.entry_id
            """,
            (raffle,),
        ).fetchall()
    )


def test_an_employee_is_refused_and_one_employed_later_is_left_out_at_the_freeze(
    settings: Settings, admin: Admin, as_role: Connect
) -> None:
    raffle = opened(as_role("raffle_app"), CODE)
    tickets = {number: numbers(2) for number in range(1, 5)}
    deliver(settings, employed(1), employed(4))
    deliver(settings, employed(4, active=False, version=2))
    deliver(settings, *(issued(CODE, user(number), found) for number, found in tickets.items()))
    assert told_back(admin, CODE) == [("EXCLUDED_PERSON", sorted(tickets[1]))]
    assert left_out(admin, raffle) == {}
    deliver(settings, employed(2), employed(4, version=1))
    assert left_out(admin, raffle) == {user(2): "EXCLUDED_PERSON"}
    assert totals(admin, raffle) == (6, 3)


def test_employees_take_part_where_the_raffle_says_so(settings: Settings, admin: Admin, as_role: Connect) -> None:
    app = as_role("raffle_app")
    raffle = draft(app, CODE)
    add_prize(app, raffle, 1)
    app.execute("UPDATE raffle_schema.raffles SET excludes_employees = false WHERE id = %s", (raffle,))
    move(app, raffle, "OPEN")
    deliver(settings, employed(1), issued(CODE, user(1), numbers(1)))
    assert totals(admin, raffle) == (1, 1)
    assert left_out(admin, raffle) == {}


def test_persons_kept_out_by_hand_erased_or_deactivated_are_left_out(
    settings: Settings, admin: Admin, as_role: Connect
) -> None:
    raffle = opened(as_role("raffle_app"), CODE)
    opened(as_role("raffle_app"), "ELIGIBLE-2")
    deliver(settings, *(issued(CODE, user(number), numbers(1)) for number in range(1, 8)))
    kept_out = asked(
        settings,
        lambda conn: eligibility.exclude_person(
            conn, NewExclusion(raffle_code=CODE, user_id=user(1), kind="FAMILY", note="A sister of the manager")
        ),
    )
    asked(settings, lambda conn: eligibility.exclude_person(conn, NewExclusion(user_id=user(2), kind="SELF_EXCLUDED")))
    asked(
        settings,
        lambda conn: eligibility.exclude_person(
            conn, NewExclusion(raffle_code="ELIGIBLE-2", user_id=user(3), kind="OTHER")
        ),
    )
    later = datetime.now(UTC) + timedelta(seconds=5)
    deliver(
        settings,
        account(4, "user.erased", active=False),
        account(5, "user.changed", active=False),
        account(6, "user.changed", active=False),
        account(7, "user.changed", active=True),
    )
    deliver(settings, account(6, "user.changed", active=True, time=later), account(4, "user.changed", active=True))
    assert left_out(admin, raffle) == {
        user(1): "EXCLUDED_PERSON",
        user(2): "EXCLUDED_PERSON",
        user(4): "EXCLUDED_PERSON",
        user(5): "NOT_ELIGIBLE",
    }
    asked(settings, lambda conn: eligibility.readmit_person(conn, kept_out.public_id))
    assert user(1) not in left_out(admin, raffle)
    refused = numbers(1)
    deliver(settings, issued(CODE, user(2), refused))
    assert told_back(admin, CODE) == [("EXCLUDED_PERSON", refused)]


def test_the_age_is_confirmed_before_the_close_and_the_least_of_tickets_is_counted(
    settings: Settings, admin: Admin, as_role: Connect
) -> None:
    app = as_role("raffle_app")
    raffle = draft(app, CODE)
    add_prize(app, raffle, 1)
    app.execute(
        """
        UPDATE raffle_schema.raffles SET min_age = 21, min_tickets_per_user = 2,
               closes_at = now() + interval '1 hour' WHERE id = %s
        """,
        (raffle,),
    )
    move(app, raffle, "OPEN")
    deliver(settings, *(issued(CODE, user(number), numbers(2 if number < 4 else 1)) for number in range(1, 5)))

    def confirm(number: int, age: int) -> str:
        try:
            asked(
                settings,
                lambda conn: eligibility.confirm_age(conn, CODE, user(number), AgeConfirmation(min_age=age)),
            )
        except GasolineraError as error:
            return error.code
        return "noted"

    assert [confirm(1, 21), confirm(2, 18), confirm(4, 30), confirm(1, 21)] == [
        "noted",
        "raffle.age",
        "noted",
        "noted",
    ]
    assert left_out(admin, raffle) == {user(2): "UNVERIFIED", user(3): "UNVERIFIED", user(4): "NOT_ELIGIBLE"}
    standing = asked(settings, lambda conn: eligibility.get_standing(conn, CODE, user(4)))
    assert (standing.tickets, standing.missing, standing.chance) == (1, ("too_few_tickets",), f"{1 / 7:.6f}")
    admin.execute("ALTER TABLE raffle_schema.raffles DISABLE TRIGGER USER")
    admin.execute("UPDATE raffle_schema.raffles SET closes_at = now() WHERE id = %s", (raffle,))
    admin.execute("ALTER TABLE raffle_schema.raffles ENABLE TRIGGER USER")
    assert confirm(3, 21) == "raffle.not_open"


def test_an_entry_is_disqualified_when_all_of_its_tickets_are(
    settings: Settings, admin: Admin, as_role: Connect
) -> None:
    app = as_role("raffle_app")
    raffle = opened(app, CODE)
    tickets = numbers(2)
    deliver(settings, issued(CODE, user(1), tickets), issued(CODE, user(2), numbers(1)))
    for ticket, expected in zip(tickets, ({}, {user(1): "DISQUALIFIED"}), strict=True):
        app.execute(
            """
            UPDATE raffle_schema.raffle_tickets SET disqualified_at = now(), disqualification_reason = 'Forged'
             WHERE ticket_number = %s
            """,
            (ticket,),
        )
        assert left_out(admin, raffle) == expected


def test_a_person_gets_all_that_is_held_and_notes_go_with_the_account(
    settings: Settings, admin: Admin, as_role: Connect
) -> None:
    opened(as_role("raffle_app"), CODE)
    deliver(settings, issued(CODE, user(1), numbers(1)), issued("NO-SUCH", user(1), numbers(1)))
    asked(
        settings,
        lambda conn: eligibility.exclude_person(conn, NewExclusion(user_id=user(1), kind="FAMILY", note="A cousin")),
    )
    held = asked(settings, lambda conn: personal.export_person(conn, user(1)))
    filled = {holding.name for holding in held.holdings if bytes(holding.rows) != b"[]"}
    assert {"raffle_entries", "refused_tickets", "exclusions"} <= filled
    deliver(settings, account(1, "user.erased", active=False))
    assert admin.execute("SELECT note FROM raffle_schema.excluded_persons").fetchall() == [(None,)]


@pytest.mark.parametrize("code", ["NOT-THERE", "VIP-2026"])
def test_what_is_not_published_has_no_standing(settings: Settings, code: str) -> None:
    with pytest.raises(GasolineraError) as refused:
        asked(settings, lambda conn: eligibility.get_standing(conn, code, user(1)))
    assert refused.value.code == "raffle.unknown"


def test_who_runs_raffles_takes_no_part_where_employees_do_not(
    settings: Settings, admin: Admin, as_role: Connect
) -> None:
    raffle = opened(as_role("raffle_app"), CODE)
    late = datetime.now(UTC) + timedelta(seconds=5)
    deliver(settings, account(1, "user.registered", active=True, role="SYSTEM_ADMIN"))
    deliver(settings, account(3, "user.changed", active=True, role="ADVERTISER"))
    deliver(settings, account(3, "user.changed", active=True, time=late))
    refused = numbers(1)
    deliver(settings, issued(CODE, user(1), refused))
    deliver(settings, *(issued(CODE, user(number), numbers(1)) for number in (2, 3)))
    assert told_back(admin, CODE) == [("EXCLUDED_PERSON", refused)]
    deliver(settings, account(2, "user.changed", active=True, role="SYSTEM_ADMIN"))
    assert left_out(admin, raffle) == {user(2): "EXCLUDED_PERSON"}


def test_nothing_more_is_written_about_an_erased_person_and_no_age_stays(
    settings: Settings, admin: Admin, as_role: Connect
) -> None:
    app = as_role("raffle_app")
    raffle = draft(app, CODE)
    add_prize(app, raffle, 1)
    app.execute(
        "UPDATE raffle_schema.raffles SET min_age = 21, closes_at = now() + interval '1 hour' WHERE id = %s", (raffle,)
    )
    move(app, raffle, "OPEN")
    asked(settings, lambda conn: eligibility.confirm_age(conn, CODE, user(1), AgeConfirmation(min_age=21)))
    deliver(settings, account(1, "user.erased", active=False))
    assert admin.execute("SELECT count(*) FROM raffle_schema.age_confirmations").fetchone() == (0,)
    kept_out = asked(
        settings,
        lambda conn: eligibility.exclude_person(conn, NewExclusion(user_id=user(1), kind="OTHER", note="Ana's cousin")),
    )
    assert kept_out.note is None


def test_no_age_is_confirmed_where_none_is_asked(settings: Settings, as_role: Connect) -> None:
    app = as_role("raffle_app")
    raffle = draft(app, CODE)
    add_prize(app, raffle, 1)
    app.execute("UPDATE raffle_schema.raffles SET closes_at = now() + interval '1 hour' WHERE id = %s", (raffle,))
    move(app, raffle, "OPEN")
    with pytest.raises(GasolineraError) as refused:
        asked(settings, lambda conn: eligibility.confirm_age(conn, CODE, user(1), AgeConfirmation(min_age=21)))
    assert refused.value.code == "raffle.no_age"
