"""Entering without buying anything: as often a person and a day as the raffle says, whoever asks how often at once."""

from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from psycopg import errors

from gasolinera.config import Settings
from gasolinera.redemption import receipts
from tests.redemption.holders import ANA, BEA, Admin, People, good, met, problem, told

RAFFLE = "FREE-2027"


@pytest.fixture
def people(settings: Settings) -> Generator[People]:
    with met(settings) as found:
        yield found


def enter(people: People, user: UUID = ANA, raffle: str = RAFFLE, key: str | None = None) -> Any:
    return people.post("/tickets/free-entries", {"raffle_code": raffle}, user, key)


def entries(admin: Admin, user: UUID = ANA) -> int:
    row = admin.execute(
        "SELECT count(*) FROM redemption_schema.raffle_tickets WHERE user_id = %s AND source = 'FREE_ENTRY'", (user,)
    ).fetchone()
    assert row is not None
    return int(row[0])


def test_a_person_gets_a_ticket_in_the_raffle_and_a_receipt_that_says_so(people: People, admin: Admin) -> None:
    people.open_raffle(RAFFLE)
    entry = good(enter(people), 201)
    ticket = good(people.get(f"/tickets/{entry['ticket_number']}"))
    assert (ticket["status"], ticket["raffle_code"], ticket["source"]) == ("ENTERED", RAFFLE, "FREE_ENTRY")
    keys = receipts.read_key_set(people.client.get("/api/tickets/receipt-keys").content)
    receipt = receipts.verify(entry["receipt"], keys)
    assert receipt.numbers == (entry["ticket_number"],)
    assert (receipt.raffle, receipt.source) == (RAFFLE, "FREE_ENTRY")
    assert receipts.belongs_to(receipt, ANA)
    assert told(admin) == [("tickets.issued", 1, RAFFLE)]


def test_the_limit_is_of_a_person_a_raffle_and_a_day(people: People, admin: Admin) -> None:
    people.open_raffle(RAFFLE, free_entries_per_day=2)
    people.open_raffle("OTHER-2027")
    for _ in range(2):
        good(enter(people), 201)
    refused = enter(people)
    assert problem(refused) == (429, "free_entry.limit")
    zone = ZoneInfo("America/Mexico_City")
    now = datetime.now(UTC).astimezone(zone)
    left = 86_400 - (now.hour * 3600 + now.minute * 60 + now.second)
    assert abs(int(refused.headers["retry-after"]) - left) < 30
    good(enter(people, BEA), 201)
    good(enter(people, raffle="OTHER-2027"), 201)
    assert entries(admin) == 3
    # The day goes by.
    admin.execute("UPDATE redemption_schema.free_entries SET entry_day = entry_day - 1 WHERE user_id = %s", (ANA,))
    good(enter(people), 201)


def test_many_requests_at_once_get_as_many_tickets_as_one_after_the_other(people: People, admin: Admin) -> None:
    people.open_raffle(RAFFLE, free_entries_per_day=3)
    with ThreadPoolExecutor(12) as pool:
        answers = [made.result().status_code for made in [pool.submit(enter, people) for _ in range(12)]]
    assert sorted(answers) == [201] * 3 + [429] * 9
    assert entries(admin) == 3


def test_the_same_request_again_is_one_entry(people: People, admin: Admin) -> None:
    people.open_raffle(RAFFLE, free_entries_per_day=5)
    key = str(uuid4())
    assert good(enter(people, key=key), 201) == good(enter(people, key=key), 201)
    assert entries(admin) == 1


def test_a_raffle_gives_free_entries_only_when_and_while_the_staff_says_so(people: People, admin: Admin) -> None:
    people.open_raffle("NONE", free_entries_per_day=0)
    people.open_raffle("OVER", closes_at="2026-02-01T00:00:00Z")
    people.open_raffle("TO-COME", opens_at="2027-12-01T00:00:00Z")
    for raffle in ("NONE", "OVER", "TO-COME", "NEVER-HEARD"):
        assert problem(enter(people, raffle=raffle)) == (409, "free_entry.closed")
    assert problem(enter(people, raffle="no such form")) == (422, "request.invalid")
    assert problem(people.client.post("/api/tickets/free-entries", json={"raffle_code": RAFFLE})) in (
        (400, "idempotency.missing"),
        (401, "auth.no_token"),
    )
    assert entries(admin) == 0


def test_the_service_writes_no_free_entry_past_the_function(
    people: People, admin: Admin, as_role: Callable[[str], Admin]
) -> None:
    people.open_raffle(RAFFLE)
    good(enter(people), 201)
    with pytest.raises(errors.InsufficientPrivilege):
        as_role("redemption_app").execute("DELETE FROM redemption_schema.free_entries")
    with pytest.raises(errors.UniqueViolation):
        admin.execute(
            "INSERT INTO redemption_schema.free_entries (raffle_code, user_id, entry_day, entry_number, issuance_id)"
            " SELECT raffle_code, user_id, entry_day, entry_number, gen_random_uuid()"
            " FROM redemption_schema.free_entries WHERE user_id = %s",
            (ANA,),
        )
