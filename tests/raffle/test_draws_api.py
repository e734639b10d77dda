"""What anybody may have of draws over HTTP, and what only a holder may."""

import asyncio
import json
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import uuid4

import psycopg

from gasolinera.config import Settings
from gasolinera.database import open_database
from gasolinera.key_file import new_keys
from gasolinera.permissions import Caller, Role
from gasolinera.raffle.beacon import TEST
from gasolinera.raffle.bundles import Bundle, Inclusion
from gasolinera.raffle.documents import read_document
from gasolinera.raffle.models_draws import Frozen
from gasolinera.raffle.verifying import Trust
from tests.raffle.draw_steps import Entered, close_raffle, freeze_and_draw, freeze_now, move, person, terms
from tests.raffle.verifiers import RUNNER, SINGLE_FILE, by_platform
from tests.redemption.desk import ADMINISTRATOR, Desk, problem

Admin = psycopg.Connection[Any]
ENTRIES = [Entered(number % 90, 2) for number in range(300)]


def customer(number: int) -> Caller:
    return Caller(role=Role.CUSTOMER, user_id=person(number))


def drawn(settings: Settings, code: str) -> Frozen:
    async def work() -> Frozen:
        async with open_database(settings, "raffle") as db:
            return await freeze_and_draw(db, code)

    return asyncio.run(work())


def test_everything_that_a_draw_published_is_there_for_everybody(settings: Settings, admin: Admin, desk: Desk) -> None:
    close_raffle(admin, "T-OPEN", ENTRIES, quantities=(3,), alternates=2)
    frozen = drawn(settings, "T-OPEN")
    get = desk.client.get
    root = f"/api/raffles/draws/{frozen.draw_number}"
    shown = get("/api/raffles/t-open/draw").json()
    assert (shown["draw_number"], shown["status"]) == (frozen.draw_number, "DRAWN")
    assert shown == get(root).json() == get("/api/raffles/draws").json()["items"][0]
    manifest = get(f"{root}/manifest")
    assert sha256(manifest.content).hexdigest() == frozen.manifest_sha256 == shown["manifest_sha256"]
    assert manifest.headers["cache-control"] == "public, max-age=31536000, immutable"
    bundle = get(f"{root}/bundle")
    assert by_platform(bundle.content, Trust(chain=TEST)).code == 3
    said = read_document(Bundle, bundle.content)
    assert get(f"{root}/signature").json()["signature"] == said.signature
    listed = get(f"{root}/entries")
    assert sha256(listed.content).hexdigest() == said.manifest.entries.list_sha256
    excluded = get(f"{root}/excluded")
    assert (excluded.text, excluded.headers["content-type"]) == ("", "text/plain; charset=utf-8")
    assert sha256(excluded.content).hexdigest() == said.manifest.excluded.sha256
    for answer in (bundle, listed, excluded):
        again = get(str(answer.request.url), headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
    proof = read_document(Inclusion, get(f"/api/raffles/proofs/{said.positions[0].ticket}").content)
    assert proof.opening is not None
    assert problem(get(f"{root}/void")) == (422, "draw.not_void")
    assert problem(get("/api/raffles/draws/999")) == (404, "draw.unknown")
    assert problem(get("/api/raffles/draws/999/bundle")) == (404, "draw.unknown")


def test_a_bundle_whose_key_the_ring_has_lost_is_told_so(settings: Settings, admin: Admin, desk: Desk) -> None:
    close_raffle(admin, "T-LOST", ENTRIES[:5])
    lost = new_keys(("raffle",), datetime.now(UTC))[0]

    async def work() -> Frozen:
        async with open_database(settings, "raffle") as db:
            return await freeze_and_draw(db, "T-LOST", terms(lost))

    answer = desk.client.get(f"/api/raffles/draws/{asyncio.run(work()).draw_number}/bundle")
    assert problem(answer) == (503, "draw.key_missing")


def test_the_verifiers_are_there_for_everybody(desk: Desk) -> None:
    for name, file, kind in (
        ("verify_draw.py", SINGLE_FILE, "text/x-python; charset=utf-8"),
        ("verify_draw.mjs", RUNNER.with_name("verify_draw.mjs"), "text/javascript; charset=utf-8"),
    ):
        answer = desk.client.get(f"/api/raffles/verifier/{name}")
        assert (answer.content, answer.headers["content-type"]) == (file.read_bytes(), kind)
        assert answer.headers["etag"] == f'"{sha256(answer.content).hexdigest()}"'
        again = desk.client.get(f"/api/raffles/verifier/{name}", headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")


def test_numbers_of_an_entry_are_shown_to_its_holder_and_to_staff(settings: Settings, admin: Admin, desk: Desk) -> None:
    close_raffle(admin, "T-OWN", ENTRIES)

    async def freeze() -> None:
        async with open_database(settings, "raffle") as db:
            await freeze_now(db, "T-OWN")

    asyncio.run(freeze())
    found = admin.execute(
        "SELECT ticket_number FROM raffle_schema.raffle_tickets WHERE user_id = %s LIMIT 1", (person(7),)
    ).fetchone()
    assert found is not None
    path = f"/api/raffles/proofs/{found[0]}"
    assert json.loads(desk.client.get(path).content)["opening"] is None
    opened = {
        caller.user_id: desk.client.get(f"{path}/own", headers=desk.headers(caller)).json()["opening"]
        for caller in (customer(8), customer(7), ADMINISTRATOR)
    }
    assert opened[person(8)] is None
    assert found[0] in opened[person(7)]["numbers"]
    assert opened[ADMINISTRATOR.user_id] == opened[person(7)]
    assert desk.client.get(f"{path}/own").status_code == 401
    assert problem(desk.client.get("/api/raffles/proofs/TKT3GGV37KHSHQRRJ7M")) == (404, "ticket.unknown")


def test_a_draw_is_given_up_by_who_may_and_with_its_raffle_alone(settings: Settings, admin: Admin, desk: Desk) -> None:
    raffle = close_raffle(admin, "T-UP", ENTRIES)

    async def freeze() -> Frozen:
        async with open_database(settings, "raffle") as db:
            return await freeze_now(db, "T-UP", terms(gap_s=60))

    frozen = asyncio.run(freeze())
    assert problem(desk.client.get(f"/api/raffles/draws/{frozen.draw_number}/bundle")) == (409, "draw.not_drawn")
    path, wish = "/api/raffles/T-UP/draw/void", {"reason": "The permit was withdrawn"}

    def post(caller: Caller) -> Any:
        headers = desk.headers(caller) | {"idempotency-key": str(uuid4())}
        return desk.client.post(path, json=wish, headers=headers)

    assert post(customer(1)).status_code == 403
    assert problem(post(ADMINISTRATOR)) == (409, "draw.counts")
    move(admin, raffle, "CANCELLED")
    assert post(ADMINISTRATOR).json()["draw_number"] == frozen.draw_number
    document = desk.client.get(f"/api/raffles/draws/{frozen.draw_number}/void").json()["document"]
    assert json.loads(document)["reason"] == wish["reason"]
