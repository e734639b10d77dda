"""A cancelled redemption takes its tickets back, whole, told once; what others did of tickets stays."""

from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor

import pytest

from gasolinera.config import Settings
from tests.redemption.holders import ANA, Admin, People, good, issue, met, told
from tests.schema import redemption_steps
from tests.schema.redemption_steps import completed, move, tickets_of

Connect = Callable[[str], Admin]


@pytest.fixture
def people(settings: Settings) -> Generator[People]:
    with met(settings) as found:
        yield found


def test_waiting_and_entered_tickets_and_bonuses_go_and_a_drawn_one_stays(
    people: People, admin: Admin, as_role: Connect
) -> None:
    app = as_role("redemption_app")
    people.open_raffle("SPRING-2027")
    people.open_raffle("DRAWN-2027")
    reference = completed(app, holder=ANA, tickets=4)
    redemption_steps.issue(app, "AD_ENGAGEMENT", "view-1", 2, holder=ANA, redemption=reference)
    apart = issue(admin, 2)
    earned = [
        one["ticket_number"]
        for one in good(people.get("/tickets?limit=100"))["items"]
        if one["source"] == "COUPON_REDEMPTION"
    ]
    for raffle, numbers in (("SPRING-2027", earned[:2]), ("DRAWN-2027", earned[2:3])):
        good(people.post("/tickets/choices", {"raffle_code": raffle, "ticket_numbers": numbers}))
    admin.execute("UPDATE redemption_schema.raffle_tickets SET status = 'USED' WHERE ticket_number = %s", (earned[2],))
    before = told(admin)
    move(app, reference, "CANCELLED")
    assert tickets_of(admin, reference) == {"CANCELLED": 5, "USED": 1}
    revoked = told(admin)[len(before) :]
    assert sorted(revoked, key=str) == [
        ("tickets.revoked", 1, "DRAWN-2027"),  # it stays USED, and its raffle knows
        ("tickets.revoked", 1, None),  # the earned one that waited
        ("tickets.revoked", 2, "SPRING-2027"),
        ("tickets.revoked", 2, None),  # the bonus
    ]
    waiting = good(people.get("/tickets?status=ACTIVE"))["items"]
    assert {one["ticket_number"] for one in waiting} == set(apart)
    move(app, reference, "CANCELLED")
    assert told(admin) == before + revoked, "told once"


def test_who_chooses_while_the_redemption_is_cancelled_has_tickets_told_in_the_order_of_what_happened(
    people: People, admin: Admin, as_role: Connect
) -> None:
    people.open_raffle("SPRING-2027")
    app = as_role("redemption_app")
    for _ in range(6):
        reference = completed(app, holder=ANA, tickets=5)
        numbers = [
            number
            for (number,) in admin.execute(
                "SELECT t.ticket_number FROM redemption_schema.raffle_tickets AS t JOIN redemption_schema.redemptions"
                " AS r ON r.id = t.redemption_id WHERE r.transaction_reference = %s",
                (reference,),
            ).fetchall()
        ]
        body = {"raffle_code": "SPRING-2027", "ticket_numbers": numbers}
        with ThreadPoolExecutor(2) as pool:
            choosing = pool.submit(people.post, "/tickets/choices", body)
            pool.submit(move, app, reference, "CANCELLED").result()
            answer = choosing.result().status_code
        assert tickets_of(admin, reference) == {"CANCELLED": 5}
        events = admin.execute(
            "SELECT o.event_type FROM redemption_schema.outbox_events AS o"
            "  JOIN redemption_schema.ticket_issuances AS i ON i.issuance_id::text = o.aggregate_key"
            " WHERE i.source_reference = %s ORDER BY o.id",
            (reference,),
        ).fetchall()
        chosen = ["tickets.issued"] if answer == 200 else []
        assert [kind for (kind,) in events] == ["tickets.issued", *chosen, "tickets.revoked"]


def test_what_a_raffle_itself_said_of_tickets_it_is_not_told(admin: Admin) -> None:
    numbers = issue(admin, 2)
    admin.execute(
        "UPDATE redemption_schema.raffle_tickets SET status = 'ENTERED', raffle_code = 'R-1'"
        " WHERE ticket_number = ANY (%s)",
        (numbers,),
    )
    before = told(admin)
    admin.execute("UPDATE redemption_schema.raffle_tickets SET status = 'ACTIVE', raffle_code = NULL"
                  " WHERE ticket_number = %s", (numbers[0],))  # fmt: skip
    admin.execute("UPDATE redemption_schema.raffle_tickets SET status = 'USED' WHERE ticket_number = %s", (numbers[1],))
    assert told(admin) == before
