"""Tickets of a holder over HTTP: seen by the holder alone, sent to one raffle, ended in time, told once."""

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from gasolinera.config import Settings
from gasolinera.paging import encode_cursor
from gasolinera.redemption.models_tickets import TicketPosition
from gasolinera.redemption.tickets import EXPIRE_TICKETS
from tests.redemption.holders import ANA, BEA, Admin, People, good, issue, met, overdue, problem, run_job, told

RAFFLE = "SPRING-2027"


@pytest.fixture
def people(settings: Settings) -> Generator[People]:
    with met(settings) as found:
        yield found


def choose(people: People, raffle: str = RAFFLE, user: UUID = ANA, **what: object) -> Any:
    return people.post("/tickets/choices", {"raffle_code": raffle, **what}, user)


def statuses(admin: Admin, user: UUID = ANA) -> dict[tuple[str | None, str], int]:
    rows = admin.execute(
        "SELECT raffle_code, status, count(*) FROM redemption_schema.raffle_tickets WHERE user_id = %s GROUP BY 1, 2",
        (user,),
    ).fetchall()
    return {(raffle, status): number for raffle, status, number in rows}


# Seeing


def test_pages_hold_every_own_ticket_once_and_nobody_elses(people: People, admin: Admin) -> None:
    mine = {number for _ in range(4) for number in issue(admin, 5)}
    issue(admin, 3, holder=BEA)
    seen: list[str] = []
    cursor = None
    while True:
        page = good(people.get("/tickets?limit=3" + (f"&cursor={cursor}" if cursor else "")))
        assert len(page["items"]) <= 3
        seen += [one["ticket_number"] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == 20
    assert set(seen) == mine
    moments = [one["issued_at"] for one in good(people.get("/tickets?limit=100"))["items"]]
    assert moments == sorted(moments, reverse=True)


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_a_cursor_at_the_ends_of_the_calendar_is_none_of_ours(people: People, moment: str) -> None:
    cursor = encode_cursor(TicketPosition(datetime.fromisoformat(moment), 1))
    assert problem(people.get(f"/tickets?cursor={cursor}")) == (422, "request.cursor")


def test_filters_know_that_a_tickets_time_is_over_before_the_job_does(people: People, admin: Admin) -> None:
    gone, waiting = issue(admin, 2), issue(admin, 3)
    overdue(admin, gone)

    def numbers(query: str) -> set[str]:
        return {one["ticket_number"] for one in good(people.get(f"/tickets?{query}"))["items"]}

    assert numbers("status=EXPIRED") == set(gone)
    assert numbers("status=ACTIVE") == set(waiting)
    assert numbers("raffle_code=SPRING-2027") == set()
    balance = good(people.get("/tickets/balance"))["items"]
    assert balance == [
        {"raffle_code": None, "status": "ACTIVE", "count": 3},
        {"raffle_code": None, "status": "EXPIRED", "count": 2},
    ]


def test_what_is_lost_soon_is_counted_by_its_moment(people: People, admin: Admin) -> None:
    for tickets, days in ((2, 3), (1, 10), (5, 40)):
        issue(admin, tickets, days=days)
    soon = good(people.get("/tickets/expiring"))["items"]
    assert [one["count"] for one in soon] == [2, 1]
    assert [one["count"] for one in good(people.get("/tickets/expiring?days=60"))["items"]] == [2, 1, 5]


def test_a_ticket_is_found_as_it_is_read_aloud_and_by_its_holder_alone(people: People, admin: Admin) -> None:
    (number,) = issue(admin, 1)
    typed = f"tkt-{number[3:7]} {number[7:]}".lower().replace("0", "o").replace("1", "l")
    assert good(people.get(f"/tickets/{typed}"))["ticket_number"] == number
    assert problem(people.get(f"/tickets/{number}", BEA)) == (404, "ticket.unknown")
    wrong = number[:-1] + ("A" if number[-1] != "A" else "B")
    assert problem(people.get(f"/tickets/{wrong}")) == (404, "ticket.unknown")


def test_another_persons_tickets_are_for_administrators(people: People, admin: Admin) -> None:
    issue(admin, 2)
    path = f"/api/tickets?user_id={ANA}"
    assert problem(people.client.get(path, headers=people.headers(BEA))) == (403, "auth.not_permitted")
    assert len(good(people.client.get(path, headers=people.administrator))["items"]) == 2
    assert problem(people.client.get("/api/tickets")) == (401, "auth.no_token")


# Choosing


def test_tickets_go_where_their_holder_sends_them_once_and_the_raffle_is_told(people: People, admin: Admin) -> None:
    people.open_raffle(RAFFLE)
    numbers = issue(admin, 4)
    for already in (0, 2):
        chosen = good(choose(people, ticket_numbers=numbers[:2]))
        assert (chosen["ticket_numbers"], chosen["already"]) == (sorted(numbers[:2]), already)
    assert statuses(admin) == {(RAFFLE, "ENTERED"): 2, (None, "ACTIVE"): 2}
    assert told(admin) == [("tickets.issued", 4, None), ("tickets.issued", 2, RAFFLE)]
    row = admin.execute(
        "SELECT payload -> 'numbers', aggregate_key = payload ->> 'issuance_id' FROM redemption_schema.outbox_events"
        " WHERE payload ->> 'raffle_code' = %s",
        (RAFFLE,),
    ).fetchone()
    assert row == (numbers[:2], True)


def test_those_that_expire_soonest_go_first(people: People, admin: Admin) -> None:
    people.open_raffle(RAFFLE)
    late, soon = issue(admin, 2, days=80), issue(admin, 2, days=5)
    chosen = good(choose(people, count=3))["ticket_numbers"]
    assert set(soon) <= set(chosen)
    assert len(set(chosen) & set(late)) == 1


def test_a_choice_is_whole_or_nothing(people: People, admin: Admin) -> None:
    people.open_raffle(RAFFLE)
    people.open_raffle("OTHER-2027")
    numbers, foreign, gone = issue(admin, 3), issue(admin, 1, holder=BEA), issue(admin, 1)
    overdue(admin, gone)
    good(choose(people, "OTHER-2027", ticket_numbers=numbers[:1]))
    before = statuses(admin)
    wishes: list[tuple[dict[str, Any], tuple[int, str]]] = [
        ({"ticket_numbers": numbers}, (409, "tickets.not_free")),
        ({"ticket_numbers": [*numbers[1:], *gone]}, (409, "tickets.not_free")),
        ({"ticket_numbers": [*numbers[1:], *foreign]}, (404, "ticket.unknown")),
        ({"ticket_numbers": ["TKT0000000000000001"]}, (404, "ticket.unknown")),
        ({"count": 3}, (409, "tickets.too_few")),
        ({}, (422, "tickets.choice")),
        ({"count": 1, "ticket_numbers": numbers[1:2]}, (422, "tickets.choice")),
        ({"count": 0}, (422, "request.invalid")),
    ]
    for what, expected in wishes:
        assert problem(choose(people, **what)) == expected, what
    assert statuses(admin) == before
    assert statuses(admin, BEA) == {(None, "ACTIVE"): 1}


def test_a_raffle_that_is_not_said_to_take_choices_takes_none(people: People, admin: Admin) -> None:
    numbers = issue(admin, 1)
    people.open_raffle("CLOSED", closes_at="2026-02-01T00:00:00Z")
    people.open_raffle("TO-COME", opens_at="2027-12-01T00:00:00Z")
    people.open_raffle("NO-CHOICE", takes_choices=False)
    people.open_raffle(RAFFLE)
    for raffle in ("CLOSED", "TO-COME", "NO-CHOICE", "NEVER-HEARD"):
        assert problem(choose(people, raffle, ticket_numbers=numbers)) == (409, "raffle.takes_none")
    listed = [one["raffle_code"] for one in good(people.get("/tickets/raffles"))["items"]]
    assert RAFFLE in listed
    assert {"CLOSED", "TO-COME"}.isdisjoint(listed)


def test_two_requests_at_once_never_send_a_ticket_to_two_raffles(people: People, admin: Admin) -> None:
    raffles = ("A-2027", "B-2027", "C-2027")
    for raffle in raffles:
        people.open_raffle(raffle)
    numbers = issue(admin, 12)

    def send(raffle: str) -> int:
        return int(choose(people, raffle, ticket_numbers=numbers).status_code)

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(send, raffles * 2))
    (winner,) = {raffle for raffle, answer in zip(raffles * 2, answers, strict=True) if answer == 200}
    assert statuses(admin) == {(winner, "ENTERED"): 12}
    assert sorted(answers) == [200, 200, 409, 409, 409, 409]
    assert told(admin) == [("tickets.issued", 12, None), ("tickets.issued", 12, winner)]


def test_the_same_request_again_has_its_answer_and_no_second_effect(people: People, admin: Admin) -> None:
    people.open_raffle(RAFFLE)
    issue(admin, 5)
    key = str(uuid4())
    body = {"raffle_code": RAFFLE, "count": 2}
    first, second = (people.post("/tickets/choices", body, key=key) for _ in range(2))
    assert good(first) == good(second)
    assert statuses(admin) == {(RAFFLE, "ENTERED"): 2, (None, "ACTIVE"): 3}


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"time_zone": "Europe/Atlantis"}, "raffle.time_zone"),
        ({"closes_at": "2026-01-01T00:00:00Z"}, "raffle.window"),
        ({"closes_at": "2036-01-01T00:00:00Z"}, "raffle.window"),
        ({"opens_at": "0001-01-01T00:00:00+14:00", "closes_at": "0001-02-01T00:00:00Z"}, "raffle.window"),
        ({"opens_at": "9999-12-01T00:00:00Z", "closes_at": "9999-12-31T23:59:59-12:00"}, "raffle.window"),
        ({"free_entries_per_day": 11}, "request.invalid"),
    ],
)
def test_what_a_raffle_takes_must_make_sense(people: People, wish: dict[str, object], code: str) -> None:
    body = {"opens_at": "2026-01-01T00:00:00Z", "closes_at": "2028-01-01T00:00:00Z"} | wish
    assert problem(people.manage("PUT", f"/tickets/raffles/{RAFFLE}", body)) == (422, code)


def test_only_an_administrator_with_the_second_factor_says_what_a_raffle_takes(people: People) -> None:
    body = {"opens_at": "2026-01-01T00:00:00Z", "closes_at": "2028-01-01T00:00:00Z"}
    path = f"/api/tickets/raffles/{RAFFLE}"
    assert problem(people.client.put(path, json=body, headers=people.headers(ANA))) == (403, "auth.not_permitted")


# The end


def test_the_job_ends_what_nobody_chose_for_and_nothing_else(people: People, admin: Admin, settings: Settings) -> None:
    people.open_raffle(RAFFLE)
    gone, waiting, entered = issue(admin, 3), issue(admin, 2), issue(admin, 2)
    good(choose(people, ticket_numbers=entered))
    overdue(admin, gone + entered)
    before = told(admin)
    assert run_job(settings, EXPIRE_TICKETS) == "3 tickets expired"
    assert run_job(settings, EXPIRE_TICKETS) == "0 tickets expired"
    assert statuses(admin) == {(None, "EXPIRED"): 3, (None, "ACTIVE"): len(waiting), (RAFFLE, "ENTERED"): 2}
    assert told(admin) == before, "no raffle had them, so none is told"


def test_more_than_a_batch_ends_in_one_run(admin: Admin, settings: Settings) -> None:
    overdue(admin, issue(admin, 6_000))
    assert run_job(settings, EXPIRE_TICKETS) == "6000 tickets expired"
    assert statuses(admin) == {(None, "EXPIRED"): 6_000}


def test_an_expired_ticket_cannot_be_sent_even_before_the_job(people: People, admin: Admin) -> None:
    people.open_raffle(RAFFLE)
    gone = issue(admin, 1)
    overdue(admin, gone)
    assert problem(choose(people, ticket_numbers=gone)) == (409, "tickets.not_free")
    assert problem(choose(people, count=1)) == (409, "tickets.too_few")
