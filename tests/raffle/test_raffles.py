"""Raffles from the draft to the end, by their use cases and over HTTP."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Generator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest
from nacl.signing import VerifyKey

from gasolinera.config import Settings
from gasolinera.database import Connection, open_database
from gasolinera.errors import GasolineraError
from gasolinera.jobs import Job
from gasolinera.permissions import Role
from gasolinera.raffle import raffles
from gasolinera.raffle.jobs import RAFFLE_JOBS
from tests.raffle.entry_steps import Admin, asked, deliver, issued, numbers
from tests.redemption.holders import ANA, BEA, People, good, met, problem
from tests.schema.catalog import Conn
from tests.schema.raffle_steps import add_prize, draft, draw, enter, freeze, move, opened
from tests.schema.ticket_numbers import user

Connect = Callable[[str], Conn]
CODE = "MADE-2027"
TERMS = "Bases del sorteo: participa quien quiera, ñandú incluido.\n"


@pytest.fixture
def people(settings: Settings) -> Generator[People]:
    with met(settings) as found:
        yield found


def wish(**others: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "raffle_code": CODE,
        "name": "Sorteo de prueba",
        "opens_at": (now - timedelta(hours=1)).isoformat(),
        "closes_at": (now + timedelta(days=10)).isoformat(),
        "draw_at": (now + timedelta(days=11)).isoformat(),
        "organizer": "Gasolinera JSM",
        "permit_number": "P-1",
        "terms_url": "https://example.com/terms",
    } | others


PRIZE = {"rank": 1, "name": "Gasolina", "prize_type": "FUEL_CREDIT", "prize_value": "1000.00", "quantity": 2}


def make(people: People, **others: Any) -> dict[str, Any]:
    """A draft with a prize and terms."""
    raffle = good(people.manage("POST", "/raffles", wish(**others)), 201)
    code = raffle["raffle_code"]
    good(people.manage("POST", f"/raffles/{code}/terms", {"version": "1.0", "text": TERMS}), 201)
    good(people.manage("POST", f"/raffles/{code}/prizes", PRIZE), 201)
    return raffle


def managed(people: People, code: str = CODE) -> Any:
    return people.client.get(f"/api/raffles/{code}/managed", headers=people.administrator)


def test_a_raffle_is_drafted_completed_published_and_looked_at(people: People) -> None:
    made = make(people)
    assert (made["status"], made["prizes"], made["min_age"]) == ("DRAFT", [], 18)
    assert problem(people.client.get(f"/api/raffles/{CODE}")) == (404, "raffle.unknown")
    opened_now = good(people.manage("POST", f"/raffles/{CODE.lower()}/opening", {}))
    assert (opened_now["status"], opened_now["terms_version"]) == ("OPEN", "1.0")
    shown = good(people.client.get(f"/api/raffles/{CODE}"))
    assert "version" not in shown
    assert shown["terms_sha256"] == hashlib.sha256(TERMS.encode()).hexdigest()
    assert [(prize["rank"], prize["prize_value"], prize["quantity_remaining"]) for prize in shown["prizes"]] == [
        (1, "1000.00", 2)
    ]
    terms = good(people.client.get(f"/api/raffles/{CODE}/terms"))
    assert (terms["text"], terms["sha256"]) == (TERMS, shown["terms_sha256"])
    audit = good(people.client.get(f"/api/raffles/{CODE}/audit", headers=people.administrator))
    assert [entry["event_type"] for entry in audit["items"]] == [
        "RAFFLE_OPEN",
        "PRIZE_ADDED",
        "RAFFLE_CHANGED",
        "RAFFLE_CREATED",
    ]
    assert audit["items"][2]["new_values"] == {
        "terms_version": "1.0",
        "terms_sha256": "\\x" + shown["terms_sha256"],
    }


@pytest.mark.parametrize(
    ("missing", "code"),
    [("prize", "raffle.no_prize"), ("dates", "raffle.no_dates"), ("terms", "raffle.no_terms")],
)
def test_a_raffle_does_not_open_without_prize_dates_and_terms(people: People, missing: str, code: str) -> None:
    good(people.manage("POST", "/raffles", wish(**({"draw_at": None} if missing == "dates" else {}))), 201)
    if missing != "terms":
        good(people.manage("POST", f"/raffles/{CODE}/terms", {"version": "1", "text": TERMS}), 201)
    if missing != "prize":
        good(people.manage("POST", f"/raffles/{CODE}/prizes", PRIZE), 201)
    assert problem(people.manage("POST", f"/raffles/{CODE}/opening", {})) == (409, code)


def test_a_draft_changes_by_the_version_that_was_read_and_what_is_open_stays(people: People) -> None:
    make(people)
    etag = managed(people).headers["etag"]

    def change(body: dict[str, Any], version: str | None) -> Any:
        shown = people.administrator | ({} if version is None else {"if-match": version})
        return people.client.patch(f"/api/raffles/{CODE}", json=body, headers=shown)

    changed = change({"max_tickets_per_user": 20, "min_age": None}, etag)
    assert (good(changed)["max_tickets_per_user"], changed.json()["min_age"]) == (20, None)
    assert problem(change({"name": "Otro"}, etag)) == (412, "raffle.stale")
    assert problem(change({"name": "Otro"}, None)) == (428, "raffle.version_needed")
    assert problem(change({"min_tickets_per_user": 21}, changed.headers["etag"])) == (422, "raffle.min_tickets")
    good(people.manage("PUT", f"/raffles/{CODE}/prizes/1", PRIZE | {"quantity": 3, "sponsor": "Llantas MX"}))
    good(people.manage("POST", f"/raffles/{CODE}/opening", {}))
    etag = managed(people).headers["etag"]
    assert problem(change({"max_tickets_per_user": 30}, etag)) == (409, "raffle.no_draft")
    assert good(change({"description": "Más palabras"}, etag))["description"] == "Más palabras"
    assert problem(people.manage("PUT", f"/raffles/{CODE}/prizes/1", PRIZE)) == (409, "raffle.no_draft")
    again = people.manage("POST", f"/raffles/{CODE}/terms", {"version": "2.0", "text": "Otras"})
    assert problem(again) == (409, "raffle.no_draft")
    assert problem(people.manage("DELETE", f"/raffles/{CODE}", {})) == (409, "raffle.no_draft")


def test_terms_of_a_version_stay_and_a_draft_goes_with_all_it_has(people: People) -> None:
    make(people)
    again = people.manage("POST", f"/raffles/{CODE}/terms", {"version": "1.0", "text": "Otras"})
    assert problem(again) == (409, "raffle.terms_version")
    good(people.manage("POST", f"/raffles/{CODE}/terms", {"version": "1.1", "text": "Otras"}), 201)
    assert problem(people.manage("POST", f"/raffles/{CODE}/prizes", PRIZE)) == (409, "raffle.rank_taken")
    assert people.client.delete(f"/api/raffles/{CODE}", headers=people.administrator).status_code == 204
    assert problem(managed(people)) == (404, "raffle.unknown")


def test_terms_that_were_never_in_force_are_not_published(people: People) -> None:
    make(people)
    good(people.manage("POST", f"/raffles/{CODE}/terms", {"version": "1.1", "text": "Otras"}), 201)
    good(people.manage("POST", f"/raffles/{CODE}/opening", {}))
    assert good(people.client.get(f"/api/raffles/{CODE}/terms?version=1.1"))["text"] == "Otras"
    earlier = people.client.get(f"/api/raffles/{CODE}/terms?version=1.0")
    assert problem(earlier) == (404, "raffle.unknown_terms")
    make(people, raffle_code="NEVER-1")
    good(people.manage("POST", "/raffles/NEVER-1/cancellation", {"reason": "Sin permiso"}))
    assert problem(people.client.get("/api/raffles/NEVER-1/terms")) == (404, "raffle.unknown_terms")


def test_a_date_is_kept_whatever_zone_it_is_written_in(people: People) -> None:
    make(people)
    shown = managed(people)
    headers = people.administrator | {"if-match": shown.headers["etag"], "idempotency-key": str(uuid4())}
    body = {"draw_at": "2028-01-02T23:59:00+23:59", "closes_at": "2028-01-01T00:00:00Z"}
    changed = good(people.client.patch(f"/api/raffles/{CODE}", headers=headers, json=body))
    assert changed["draw_at"] == "2028-01-02T00:00:00Z"


def test_what_a_raffle_refused_is_counted_for_its_staff_alone(people: People, admin: Conn) -> None:
    make(people)
    good(people.manage("POST", f"/raffles/{CODE}/opening", {}))
    admin.execute(
        """
        INSERT INTO raffle_schema.refused_tickets
               (raffle_code, issuance_id, user_id, reason, ticket_numbers, entered_at)
        VALUES (%s, gen_random_uuid(), gen_random_uuid(), 'OVER_LIMIT', ARRAY['x', 'y'], now())
        """,
        (CODE,),
    )
    assert good(managed(people))["refused_tickets"] == 2
    assert "refused_tickets" not in good(people.client.get(f"/api/raffles/{CODE}"))


def test_drafts_are_for_staff_and_a_list_goes_on_where_its_page_ended(people: People) -> None:
    for number in range(3):
        make(people, raffle_code=f"PAGE-{number}", name=f"Sorteo de hojas {number}")
        if number:
            good(people.manage("POST", f"/raffles/PAGE-{number}/opening", {}))
    seen: list[str] = []
    cursor = ""
    while True:
        page = good(people.client.get(f"/api/raffles?q=hojas&limit=1{cursor}"))
        seen += [one["raffle_code"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == ["PAGE-2", "PAGE-1"]
    drafts = people.client.get("/api/raffles/managed?q=hojas&status=DRAFT", headers=people.administrator)
    assert [one["raffle_code"] for one in good(drafts)["items"]] == ["PAGE-0"]


@pytest.mark.parametrize("role", [Role.CUSTOMER, Role.EMPLOYEE, Role.STATION_ADMIN])
def test_raffles_are_run_by_system_administrators_alone(people: People, role: Role) -> None:
    shown = people.headers(ANA, role)
    for method, path in (
        ("POST", "/raffles"),
        ("POST", f"/raffles/{CODE}/opening"),
        ("POST", f"/raffles/{CODE}/cancellation"),
        ("GET", "/raffles/managed"),
        ("GET", "/raffles/exclusions"),
    ):
        body = wish() if method == "POST" else None
        headers = shown | {"idempotency-key": str(uuid4())}
        found = people.client.request(method, f"/api{path}", headers=headers, json=body)
        assert found.status_code in {401, 403}, (method, path)


# The states

STATUSES = ("DRAFT", "OPEN", "CLOSED", "DRAWING", "COMPLETED", "CANCELLED")


async def cancel(conn: Connection, code: str) -> None:
    await raffles.cancel_raffle(conn, code, "No permit")


STEPS: dict[str, tuple[Callable[[Connection, str], Awaitable[None]], set[str]]] = {
    "open": (raffles.open_raffle, {"DRAFT"}),
    "close": (raffles.close_raffle, {"OPEN"}),
    "cancel": (cancel, {*STATUSES[:3]}),  # the round of the draw of the one that is DRAWING has come
    "delete": (raffles.delete_draft, {"DRAFT"}),
}


def at(admin: Conn, app: Conn, code: str, status: str) -> None:
    """A raffle that came to a state by the allowed road, with all that its next step needs."""
    raffle = draft(app, code)
    add_prize(app, raffle, 1)
    if status == "DRAFT":
        app.execute("UPDATE raffle_schema.raffles SET closes_at = now() + interval '1 hour' WHERE id = %s", (raffle,))
    if status == "CANCELLED":
        move(app, raffle, "CANCELLED")
    if status in {"DRAFT", "CANCELLED"}:
        return
    move(app, raffle, "OPEN")
    if status == "OPEN":
        return
    enter(app, raffle, {user(1): 1})
    move(app, raffle, "CLOSED")
    if status == "CLOSED":
        return
    drawn = freeze(admin, raffle)
    move(app, raffle, "DRAWING")
    if status == "COMPLETED":
        draw(app, drawn)
        move(app, raffle, "COMPLETED")


@pytest.mark.parametrize("status", STATUSES)
def test_every_step_is_possible_where_it_may_be_and_refused_elsewhere(
    settings: Settings, admin: Conn, as_role: Connect, status: str
) -> None:
    app = as_role("raffle_app")
    possible: set[str] = set()
    refusals: set[str] = set()
    for name, (step, _) in STEPS.items():
        code = f"{status}-{name.upper()}"
        at(admin, app, code, status)
        try:
            asked(settings, lambda conn, step=step, code=code: step(conn, code))
        except GasolineraError as error:
            refusals.add(error.code)
        except asyncpg.CheckViolationError as error:
            refusals.add("raffle.status" if "about to be known" in str(error) else str(error))
        else:
            possible.add(name)
    assert refusals <= {"raffle.status", "raffle.no_draft"}
    assert possible == {name for name, (_, places) in STEPS.items() if status in places}


def run(settings: Settings, name: str) -> str:
    job: Job = next(job for job in RAFFLE_JOBS if job.name == name)

    async def work() -> str:
        async with open_database(settings, "raffle") as db:
            return await job.run(db, {})

    return asyncio.run(work())


def test_raffles_open_and_close_by_the_clock(settings: Settings, people: People, admin: Admin) -> None:
    soon = datetime.now(UTC) + timedelta(minutes=1)
    make(people, raffle_code="BY-ITSELF", opens_at=soon.isoformat(), opens_by_itself=True)
    make(people, raffle_code="BY-HAND", opens_at=soon.isoformat())
    make(people, raffle_code="LATER", opens_at=(soon + timedelta(hours=1)).isoformat(), opens_by_itself=True)
    good(people.manage("POST", "/raffles", wish(raffle_code="LACKING", opens_by_itself=True)), 201)
    assert run(settings, "raffle.keep_to_the_clock").startswith("1 raffles opened")
    assert good(managed(people, "BY-ITSELF"))["status"] == "OPEN"
    admin.execute("ALTER TABLE raffle_schema.raffles DISABLE TRIGGER USER")
    admin.execute(
        """
        UPDATE raffle_schema.raffles SET opens_at = now() - interval '1 day', closes_at = now() - interval '31 seconds'
         WHERE raffle_code = 'BY-ITSELF'
        """
    )
    admin.execute("ALTER TABLE raffle_schema.raffles ENABLE TRIGGER USER")
    assert run(settings, "raffle.keep_to_the_clock") == "0 raffles opened, 1 closed"
    told = admin.execute(
        "SELECT payload ->> 'status' FROM raffle_schema.outbox_events WHERE aggregate_key = 'BY-ITSELF' ORDER BY id"
    ).fetchall()
    assert told == [("OPEN",), ("CLOSED",)]


# What a participant sees


def test_a_participant_sees_entries_chances_and_receipts_and_nobody_elses(
    settings: Settings, people: People, as_role: Connect
) -> None:
    opened(as_role("raffle_app"), CODE)
    mine, others = issued(CODE, ANA, numbers(3)), issued(CODE, BEA, numbers(1))
    deliver(settings, mine, others, issued("NO-SUCH", ANA, numbers(1)))
    entries = good(people.get("/raffles/entries"))["items"]
    assert [(one["raffle_code"], one["tickets"], one["numbers"]) for one in entries] == [
        (CODE, 3, sorted(mine.data["numbers"]))
    ]
    standing = good(people.get(f"/raffles/{CODE}/standing"))
    assert (standing["tickets"], standing["entries"], standing["chance"]) == (3, 1, "0.750000")
    assert [one["reason"] for one in good(people.get("/raffles/refused-tickets"))["items"]] == ["NOT_OPEN"]
    path = f"/raffles/{CODE}/entries/{mine.subject}/receipt"
    assert problem(people.get(path, BEA)) == (404, "raffle.unknown_entry")
    signed = good(people.get(path))
    assert good(people.get(path)) == signed
    receipt = signed["receipt"]
    assert (receipt["numbers"], receipt["issuance_id"]) == (entries[0]["numbers"], UUID(mine.subject).hex)
    assert receipt["entry_hash"] == entries[0]["entry_hash"]
    # The canonical form of what has neither fractions nor odd characters: sorted keys, no spaces.
    body = msgspec.json.encode(receipt, order="deterministic")
    key = VerifyKey(bytes.fromhex(receipt["operator"]["public_key"]))
    key.verify(b"gasolinera-entry-receipt-1\0" + body, bytes.fromhex(signed["signature"]))


def test_a_person_is_kept_out_by_an_administrator_and_let_in_again(people: People) -> None:
    body = {"user_id": str(ANA), "kind": "FAMILY", "note": "Hermana"}
    kept = good(people.manage("POST", "/raffles/exclusions", body), 201)
    assert problem(people.manage("POST", "/raffles/exclusions", body)) == (409, "raffle.excluded_already")
    listed = good(people.client.get("/api/raffles/exclusions", headers=people.administrator))["items"]
    assert [one["public_id"] for one in listed] == [kept["public_id"]]
    path = f"/api/raffles/exclusions/{kept['public_id']}"
    assert people.client.delete(path, headers=people.administrator).status_code == 204
    assert problem(people.client.delete(path, headers=people.administrator)) == (404, "raffle.unknown_exclusion")
