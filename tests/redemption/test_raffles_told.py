"""What raffles tell of themselves, and tickets that they do not take or give back: both services, and the events."""

import asyncio
from collections.abc import Generator
from datetime import timedelta

import pytest

from gasolinera.config import Settings
from gasolinera.database import open_database
from gasolinera.inbox import Inbox
from gasolinera.raffle import events as raffle_events
from gasolinera.raffle.jobs import RAFFLE_JOBS
from gasolinera.redemption import events as redemption_events
from gasolinera.relay import InboxTransport, Relay
from tests.redemption.holders import ANA, Admin, People, good, hear, issue, met, overdue, problem
from tests.schema.raffle_steps import counted, miscounted, totals


@pytest.fixture
def people(settings: Settings) -> Generator[People]:
    with met(settings) as found:
        yield found


def flow(settings: Settings) -> None:
    """Events between the two services until nobody has anything to say, and the raffles' job for cancelled ones."""
    give_back = next(job for job in RAFFLE_JOBS if job.name == "raffle.give_tickets_back")

    async def run() -> None:
        async with open_database(settings, "raffle") as raffle, open_database(settings, "redemption") as redemption:
            to_raffle = Inbox("raffle", "raffle_schema", raffle_events.CONSUMERS)
            to_redemption = Inbox("redemption", "redemption_schema", redemption_events.CONSUMERS)
            arrived = asyncio.Event()
            relays = (
                (Relay("raffle", "raffle_schema", InboxTransport([(to_redemption, redemption, arrived)])), raffle),
                (Relay("redemption", "redemption_schema", InboxTransport([(to_raffle, raffle, arrived)])), redemption),
            )
            await give_back.run(raffle, {})
            while True:
                done = sum([await relay.work(db) for relay, db in relays])
                done += await to_raffle.work(raffle) + await to_redemption.work(redemption)
                if not done:
                    return

    asyncio.run(run())


def opened(people: People, code: str, **others: object) -> None:
    """Published over HTTP."""
    body = {
        "raffle_code": code,
        "name": "Sorteo",
        "opens_at": "2026-01-01T00:00:00Z",
        "closes_at": "2028-01-01T00:00:00Z",
        "draw_at": "2028-01-02T00:00:00Z",
        "organizer": "Us",
        "permit_number": "P-1",
        "terms_url": "https://example.com/terms",
        "min_age": None,
    } | others
    prize = {"rank": 1, "name": "Gasolina", "prize_type": "FUEL_CREDIT", "prize_value": "10.00"}
    good(people.manage("POST", "/raffles", body), 201)
    good(people.manage("POST", f"/raffles/{code}/terms", {"version": "1", "text": "Bases"}), 201)
    good(people.manage("POST", f"/raffles/{code}/prizes", prize), 201)
    good(people.manage("POST", f"/raffles/{code}/opening", {}))


def raffle_id(admin: Admin, code: str) -> int:
    row = admin.execute("SELECT id FROM raffle_schema.raffles WHERE raffle_code = %s", (code,)).fetchone()
    assert row is not None
    return int(row[0])


def states(admin: Admin, numbers: list[str]) -> list[tuple[str, str | None]]:
    return admin.execute(
        """
        SELECT status, raffle_code FROM redemption_schema.raffle_tickets WHERE ticket_number = ANY (%s)
         ORDER BY status, raffle_code
        """,
        (numbers,),
    ).fetchall()


def test_an_open_raffle_takes_choices_and_what_is_over_its_limit_waits_again(
    settings: Settings, people: People, admin: Admin
) -> None:
    opened(people, "LIMITED-1", max_tickets_per_user=2, time_zone="UTC")
    tickets = issue(admin, 3)
    assert problem(people.post("/tickets/choices", {"raffle_code": "LIMITED-1", "count": 3})) == (
        409,
        "raffle.takes_none",
    )
    flow(settings)
    good(people.post("/tickets/choices", {"raffle_code": "LIMITED-1", "count": 3}))
    flow(settings)
    assert states(admin, tickets) == [("ACTIVE", None), ("ENTERED", "LIMITED-1"), ("ENTERED", "LIMITED-1")]
    assert totals(admin, raffle_id(admin, "LIMITED-1")) == (2, 1)


def test_the_tickets_of_a_cancelled_raffle_go_to_another(settings: Settings, people: People, admin: Admin) -> None:
    opened(people, "CANCELLED-1")
    opened(people, "OTHER-1")
    tickets = issue(admin, 3)
    flow(settings)
    good(people.post("/tickets/choices", {"raffle_code": "CANCELLED-1", "count": 2}))
    flow(settings)
    good(people.manage("POST", "/raffles/CANCELLED-1/cancellation", {"reason": "Sin permiso"}))
    flow(settings)
    flow(settings)
    assert states(admin, tickets) == [("ACTIVE", None)] * 3
    assert problem(people.post("/tickets/choices", {"raffle_code": "CANCELLED-1", "count": 1})) == (
        409,
        "raffle.takes_none",
    )
    good(people.post("/tickets/choices", {"raffle_code": "OTHER-1", "count": 3}))
    flow(settings)
    assert states(admin, tickets) == [("ENTERED", "OTHER-1")] * 3
    for code, expected in (("CANCELLED-1", (0, 0)), ("OTHER-1", (3, 1))):
        found = raffle_id(admin, code)
        assert totals(admin, found) == counted(admin, found) == expected
    assert miscounted(admin) == []
    raffle = good(people.client.get("/api/raffles/CANCELLED-1"))
    assert (raffle["status"], raffle["cancellation_reason"]) == ("CANCELLED", "Sin permiso")


def test_a_free_entry_enters_the_raffle_that_says_so(settings: Settings, people: People, admin: Admin) -> None:
    opened(people, "FREE-1", free_entries_per_day=1)
    flow(settings)
    entry = good(people.post("/tickets/free-entries", {"raffle_code": "FREE-1"}), 201)
    assert problem(people.post("/tickets/free-entries", {"raffle_code": "FREE-1"})) == (429, "free_entry.limit")
    flow(settings)
    mine = good(people.get("/raffles/entries"))["items"]
    assert [(one["source"], one["numbers"]) for one in mine] == [("FREE_ENTRY", [entry["ticket_number"]])]


def test_a_ticket_that_was_taken_back_meanwhile_does_not_come_back(
    settings: Settings, people: People, admin: Admin
) -> None:
    opened(people, "GIVEN-1")
    tickets = issue(admin, 2)
    flow(settings)
    good(people.post("/tickets/choices", {"raffle_code": "GIVEN-1", "count": 2}))
    admin.execute(
        "UPDATE redemption_schema.raffle_tickets SET status = 'CANCELLED' WHERE ticket_number = %s", (tickets[0],)
    )
    told = {"raffle_code": "GIVEN-1", "numbers": tickets, "user_id": str(ANA), "reason": "OVER_LIMIT"}
    hear(settings, "tickets.refused", "x", told)
    hear(settings, "tickets.refused", "x", told | {"raffle_code": "OTHER-1"})
    assert states(admin, tickets) == [("ACTIVE", None), ("CANCELLED", "GIVEN-1")]


def test_a_ticket_that_its_drawn_raffle_never_had_waits_again_for_a_month(
    settings: Settings, people: People, admin: Admin
) -> None:
    opened(people, "DRAWN-1")
    tickets = issue(admin, 2, days=1)
    flow(settings)
    good(people.post("/tickets/choices", {"raffle_code": "DRAWN-1", "count": 2}))
    admin.execute(
        "UPDATE redemption_schema.raffle_tickets SET status = 'USED' WHERE ticket_number = ANY (%s)", (tickets,)
    )
    overdue(admin, tickets)
    told = {"raffle_code": "DRAWN-1", "numbers": tickets[:1], "user_id": str(ANA), "reason": "NOT_OPEN"}
    hear(settings, "tickets.refused", "x", told)
    assert states(admin, tickets) == [("ACTIVE", None), ("USED", "DRAWN-1")]
    row = admin.execute(
        "SELECT expires_at - now() FROM redemption_schema.raffle_tickets WHERE ticket_number = %s", tickets[:1]
    ).fetchone()
    assert row is not None
    assert timedelta(days=29) < row[0] <= timedelta(days=30)


def test_a_free_entry_that_its_raffle_refused_goes_to_no_other(
    settings: Settings, people: People, admin: Admin
) -> None:
    opened(people, "FREE-1")
    opened(people, "OTHER-1")
    flow(settings)
    number = good(people.post("/tickets/free-entries", {"raffle_code": "FREE-1"}), 201)["ticket_number"]
    told = {"raffle_code": "FREE-1", "numbers": [number], "user_id": str(ANA), "reason": "OVER_LIMIT"}
    hear(settings, "tickets.refused", "x", told)
    asked = {"ticket_numbers": [number]}
    assert problem(people.post("/tickets/choices", asked | {"raffle_code": "OTHER-1"})) == (409, "tickets.not_free")
    good(people.post("/tickets/choices", asked | {"raffle_code": "FREE-1"}))


def test_what_a_raffle_told_of_itself_is_not_overwritten(settings: Settings, people: People) -> None:
    opened(people, "TOLD-1")
    flow(settings)
    wish = {"opens_at": "2026-01-01T00:00:00Z", "closes_at": "2029-01-01T00:00:00Z"}
    assert problem(people.manage("PUT", "/tickets/raffles/TOLD-1", wish)) == (409, "raffle.told")
    good(people.manage("PUT", "/tickets/raffles/OTHER-1", wish))


def test_a_purchase_taken_back_after_the_draw_is_told_and_its_tickets_stay(settings: Settings, admin: Admin) -> None:
    row = admin.execute(
        """
        SELECT r.id, r.user_id, count(*) FROM redemption_schema.redemptions AS r
          JOIN redemption_schema.raffle_tickets AS t ON t.redemption_id = r.id
         WHERE r.status = 'COMPLETED' AND t.status = 'ENTERED' GROUP BY r.id, r.user_id ORDER BY r.id LIMIT 1
        """
    ).fetchone()
    assert row is not None
    admin.execute(
        "UPDATE redemption_schema.raffle_tickets SET status = 'USED' WHERE redemption_id = %s AND status = 'ENTERED'",
        row[:1],
    )
    before = told_events(admin)
    admin.execute(
        """
        UPDATE redemption_schema.redemptions SET status = 'CANCELLED', cancellation_reason = 'Refunded' WHERE id = %s
        """,
        row[:1],
    )
    new = [one for one in told_events(admin) if one not in before]
    assert [(one[1], one[2]) for one in new] == [("tickets.revoked", row[2])]
    used = admin.execute(
        "SELECT count(*) FROM redemption_schema.raffle_tickets WHERE redemption_id = %s AND status = 'USED'", row[:1]
    ).fetchone()
    assert used == (row[2],)


def told_events(admin: Admin) -> list[tuple[int, str, int]]:
    return admin.execute(
        "SELECT id, event_type, (payload ->> 'count')::integer FROM redemption_schema.outbox_events"
        " WHERE event_type = 'tickets.revoked' ORDER BY id"
    ).fetchall()
