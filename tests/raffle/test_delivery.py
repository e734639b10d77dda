"""From the claim to the receipt: who looks at the document, what follows what, and what is forgotten afterwards."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import msgspec
import psycopg
import pytest

from gasolinera.config import Settings
from gasolinera.database import open_database
from gasolinera.events import Event
from gasolinera.permissions import Caller, Role
from gasolinera.raffle import claims, queries_winners
from gasolinera.raffle.delivery import FORGET_DELIVERIES, forget_person
from gasolinera.raffle.models_winners import ClaimWish
from tests.raffle.winner_steps import CLAIM, CLERK, RAFFLE, SEEN, Drawn, ask, drawn_raffle, look, states
from tests.redemption.desk import ADMINISTRATOR, DRIVER, OTHER_DRIVER, Desk, problem, user

Conn = psycopg.Connection[Any]
AsRole = Callable[[str], Conn]
COLLEAGUE = Caller(role=Role.SYSTEM_ADMIN, user_id=user(2), has_second_factor=True)
DEPUTY = Caller(role=Role.SYSTEM_ADMIN, user_id=user(5), has_second_factor=True)
RECEIPT = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


def claimed(desk: Desk, admin: Conn, app: Conn, **how: Any) -> tuple[Drawn, str]:
    """A raffle with one winner who has claimed, and the winner's path."""
    drawn = drawn_raffle(admin, app, **how)
    path = f"/winners/{drawn.winners[0]}"
    assert ask(desk, f"{path}/claim", CLAIM, CLERK).status_code == 204
    return drawn, path


def step(desk: Desk, path: str, name: str, **more: str) -> Any:
    return ask(desk, f"{path}/steps", {"step": name, **more})


def test_a_thing_is_prepared_sent_handed_over_and_signed_for_in_this_order(
    desk: Desk, admin: Conn, as_role: AsRole
) -> None:
    drawn, path = claimed(desk, admin, as_role("raffle_app"), method="PHYSICAL")
    assert problem(step(desk, path, "PREPARED")) == (409, "prize.not_identified")
    assert ask(desk, f"{path}/identity", SEEN).status_code == 204
    assert problem(step(desk, path, "HANDED_OVER")) == (409, "prize.step_order")
    assert step(desk, path, "PREPARED").status_code == 204
    assert problem(step(desk, path, "PREPARED")) == (409, "prize.step_done")
    assert problem(step(desk, path, "SENT")) == (422, "prize.step")
    assert step(desk, path, "SENT", carrier="Estafeta", tracking="E-77").status_code == 204
    assert problem(step(desk, path, "RECEIPT_SIGNED", receipt_sha256=RECEIPT)) == (409, "prize.step_order")
    assert step(desk, path, "HANDED_OVER").status_code == 204
    assert states(admin, drawn) == ["CLAIMED"]
    assert step(desk, path, "RECEIPT_SIGNED", receipt_sha256=RECEIPT).status_code == 204
    assert states(admin, drawn) == ["DELIVERED"]
    done = look(desk, path).json()["steps"]
    assert [one["step"] for one in done] == ["PREPARED", "SENT", "HANDED_OVER", "RECEIPT_SIGNED"]
    assert {one["recorded_by"] for one in done} == {str(ADMINISTRATOR.user_id)}
    assert problem(step(desk, path, "SENT", tracking="E-78"))[0] == 409
    logged = admin.execute(
        "SELECT event_type FROM raffle_schema.raffle_audit_log WHERE subject = %s AND created_at > now() - interval"
        " '1 hour' AND actor = %s ORDER BY id",
        (str(drawn.winners[0]), str(ADMINISTRATOR.user_id)),
    ).fetchall()
    assert [row[0] for row in logged] == [
        "IDENTITY_SEEN", "PRIZE_PREPARED", "PRIZE_SENT", "PRIZE_HANDED_OVER",
        "WINNER_DELIVERED", "PRIZE_RECEIPT_SIGNED",
    ]  # fmt: skip


def test_a_thing_that_is_fetched_needs_no_carrier(desk: Desk, admin: Conn, as_role: AsRole) -> None:
    drawn, path = claimed(desk, admin, as_role("raffle_app"), method="MANUAL")
    assert ask(desk, f"{path}/identity", SEEN).status_code == 204
    assert step(desk, path, "PREPARED").status_code == 204
    assert step(desk, path, "HANDED_OVER").status_code == 204
    assert problem(step(desk, path, "SENT", tracking="X")) == (409, "prize.step_order")
    assert step(desk, path, "RECEIPT_SIGNED", receipt_sha256=RECEIPT).status_code == 204
    assert states(admin, drawn) == ["DELIVERED"]


def test_a_credit_is_delivered_when_it_is_sent(desk: Desk, admin: Conn, as_role: AsRole) -> None:
    drawn, path = claimed(desk, admin, as_role("raffle_app"), method="CREDIT")
    assert ask(desk, f"{path}/identity", SEEN).status_code == 204
    assert step(desk, path, "PREPARED").status_code == 204
    assert problem(step(desk, path, "HANDED_OVER")) == (409, "prize.step_order")
    assert step(desk, path, "SENT", tracking="PTS-12").status_code == 204
    assert states(admin, drawn) == ["DELIVERED"]


def test_what_is_worth_much_needs_two_people_who_see_one_document(desk: Desk, admin: Conn, as_role: AsRole) -> None:
    _drawn, path = claimed(desk, admin, as_role("raffle_app"), method="CREDIT", value=20_000)
    assert ask(desk, f"{path}/identity", SEEN).status_code == 204
    assert problem(step(desk, path, "PREPARED")) == (409, "prize.not_identified")
    assert problem(ask(desk, f"{path}/identity", SEEN)) == (409, "prize.second_person")
    other = SEEN | {"document_number": "GOMC-850101 K7QG"}
    assert problem(ask(desk, f"{path}/identity", other, COLLEAGUE)) == (409, "prize.other_document")
    # Written in another way it is the same number.
    same = SEEN | {"document_number": "gomc850101k7qf"}
    assert ask(desk, f"{path}/identity", same, COLLEAGUE).status_code == 204
    assert problem(ask(desk, f"{path}/identity", SEEN, COLLEAGUE)) == (409, "prize.identified")
    assert step(desk, path, "PREPARED").status_code == 204


def test_a_prize_of_less_value_needs_one_person(desk: Desk, admin: Conn, as_role: AsRole) -> None:
    _drawn, path = claimed(desk, admin, as_role("raffle_app"), value=19_999)
    assert ask(desk, f"{path}/identity", SEEN).status_code == 204
    assert problem(ask(desk, f"{path}/identity", SEEN, COLLEAGUE)) == (409, "prize.identified")


def test_nobody_confirms_himself_or_a_minor(desk: Desk, admin: Conn, as_role: AsRole) -> None:
    assert ADMINISTRATOR.user_id is not None
    _drawn, path = claimed(desk, admin, as_role("raffle_app"), users=[ADMINISTRATOR.user_id])
    assert problem(ask(desk, f"{path}/identity", SEEN)) == (403, "prize.own_case")
    for lie in ("is_of_age", "is_the_holder"):
        refused = ask(desk, f"{path}/identity", SEEN | {lie: False}, COLLEAGUE)
        assert problem(refused) == (422, "prize.not_the_winner")


def test_of_two_people_at_once_one_claims_and_one_looks_first(desk: Desk, admin: Conn, as_role: AsRole) -> None:
    drawn = drawn_raffle(admin, as_role("raffle_app"))
    path = f"/winners/{drawn.winners[0]}"
    clerks, lookers = (CLERK, DEPUTY), (ADMINISTRATOR, COLLEAGUE)
    for what, body, people in (("claim", CLAIM, clerks), ("identity", SEEN, lookers)):

        def sent(who: Caller, what: str = what, body: dict[str, Any] = body) -> int:
            return ask(desk, f"{path}/{what}", body, who).status_code

        with ThreadPoolExecutor(2) as both:
            assert sorted(both.map(sent, people)) == [204, 409]
    assert admin.execute(
        "SELECT count(*) FROM raffle_schema.outbox_events WHERE event_type = 'prize.claimed'"
    ).fetchone() == (1,)


def test_the_number_of_a_document_is_kept_nowhere(desk: Desk, admin: Conn, as_role: AsRole) -> None:
    drawn, path = claimed(desk, admin, as_role("raffle_app"))
    assert ask(desk, f"{path}/identity", SEEN).status_code == 204
    shown = look(desk, path).json()
    assert (shown["document_type"], shown["document_end"]) == ("NATIONAL_ID", "K7QF")
    kept = admin.execute(
        "SELECT c::text, w::text FROM raffle_schema.prize_claims AS c"
        " JOIN raffle_schema.raffle_winners AS w ON w.id = c.winner_id WHERE w.public_id = %s",
        (drawn.winners[0],),
    ).fetchone()
    assert kept is not None
    assert not any("850101" in text for text in kept)


def _details(admin: Conn, winner: UUID) -> tuple[Any, ...]:
    found = admin.execute(
        "SELECT w.delivery_details, c.public_name, c.document_end, c.document_mac"
        " FROM raffle_schema.raffle_winners AS w JOIN raffle_schema.prize_claims AS c ON c.winner_id = w.id"
        " WHERE w.public_id = %s",
        (winner,),
    ).fetchone()
    assert found is not None
    return found


def test_an_erased_person_is_forgotten_when_the_prize_has_arrived(
    settings: Settings, desk: Desk, admin: Conn, as_role: AsRole
) -> None:
    drawn, path = claimed(desk, admin, as_role("raffle_app"), method="CREDIT")
    assert ask(desk, f"{path}/identity", SEEN).status_code == 204

    async def forget(*, erase: bool = False) -> None:
        async with open_database(settings, "raffle") as db:
            if erase:
                async with db.transaction() as conn:
                    await queries_winners.forget_person(conn, drawn.users[0])
            await FORGET_DELIVERIES.run(db, {})

    asyncio.run(forget(erase=True))
    assert _details(admin, drawn.winners[0])[0] == CLAIM["delivery"]  # it is on its way
    assert _details(admin, drawn.winners[0])[1] is None
    assert step(desk, path, "PREPARED").status_code == 204
    assert step(desk, path, "SENT", tracking="PTS-12").status_code == 204
    asyncio.run(forget())
    assert _details(admin, drawn.winners[0]) == ({}, None, None, None)
    assert look(desk, f"/{RAFFLE}/winners", None).json()["items"][0]["name"] is None


def test_an_erased_person_keeps_the_published_reason_and_not_the_note(
    settings: Settings, desk: Desk, admin: Conn, as_role: AsRole
) -> None:
    drawn, path = claimed(desk, admin, as_role("raffle_app"))
    assert ask(desk, f"{path}/disqualify", {"reason": "FRAUD", "note": "His brother."}).status_code == 204

    async def erase() -> None:
        async with open_database(settings, "raffle") as db, db.transaction() as conn:
            await queries_winners.forget_person(conn, drawn.users[0])

    asyncio.run(erase())
    assert look(desk, path).json()["winner"]["reason"] == "FRAUD"
    assert _details(admin, drawn.winners[0]) == ({}, None, None, None)


def test_details_of_a_delivery_go_after_ninety_days(
    settings: Settings, desk: Desk, admin: Conn, as_role: AsRole
) -> None:
    drawn, path = claimed(desk, admin, as_role("raffle_app"), method="CREDIT")
    assert ask(desk, f"{path}/identity", SEEN).status_code == 204
    assert step(desk, path, "PREPARED").status_code == 204
    assert step(desk, path, "SENT", tracking="PTS-12").status_code == 204

    async def forget() -> None:
        async with open_database(settings, "raffle") as db:
            await FORGET_DELIVERIES.run(db, {})

    for days, is_there in ((89, True), (91, False)):
        admin.execute(
            "UPDATE raffle_schema.raffle_winners SET delivered_at = now() - %s * interval '1 day' WHERE public_id = %s",
            (days, drawn.winners[0]),
        )
        asyncio.run(forget())
        assert (_details(admin, drawn.winners[0])[0] != {}) is is_there
    assert _details(admin, drawn.winners[0])[1] == "M•••• G."


def test_a_request_that_is_sent_again_has_its_effect_once(desk: Desk, admin: Conn, as_role: AsRole) -> None:
    drawn = drawn_raffle(admin, as_role("raffle_app"))
    headers = desk.headers(ADMINISTRATOR) | {"idempotency-key": str(uuid4())}
    path = f"/api/raffles/winners/{drawn.winners[0]}/claim"
    answers = [
        desk.client.post(
            path, content=msgspec.json.encode(CLAIM), headers=headers | {"content-type": "application/json"}
        )
        for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [204, 204]


def test_who_claims_for_a_winner_does_not_confirm_who_that_is(desk: Desk, admin: Conn, as_role: AsRole) -> None:
    drawn = drawn_raffle(admin, as_role("raffle_app"), value=10)
    path = f"/winners/{drawn.winners[0]}"
    assert ask(desk, f"{path}/claim", CLAIM).status_code == 204
    assert problem(ask(desk, f"{path}/identity", SEEN)) == (409, "prize.claimer")
    with pytest.raises(psycopg.errors.CheckViolation, match="prize_claims_claimer_check"):
        admin.execute(
            "UPDATE raffle_schema.prize_claims SET document_type = 'PASSPORT', identified_by = claimed_by,"
            " identified_at = now() WHERE winner_id = (SELECT id FROM raffle_schema.raffle_winners"
            " WHERE public_id = %s)",
            (drawn.winners[0],),
        )
    assert ask(desk, f"{path}/identity", SEEN, COLLEAGUE).status_code == 204


def test_nobody_delivers_to_himself(desk: Desk, admin: Conn, as_role: AsRole) -> None:
    assert ADMINISTRATOR.user_id is not None
    _drawn, path = claimed(desk, admin, as_role("raffle_app"), users=[ADMINISTRATOR.user_id])
    assert ask(desk, f"{path}/identity", SEEN, COLLEAGUE).status_code == 204
    assert problem(step(desk, path, "PREPARED")) == (403, "prize.own_case")


def test_a_first_look_that_was_written_wrong_is_taken_back_until_it_is_confirmed(
    desk: Desk, admin: Conn, as_role: AsRole
) -> None:
    drawn, path = claimed(desk, admin, as_role("raffle_app"), method="CREDIT", value=20_000)

    def take_back() -> Any:
        return desk.client.delete(f"/api/raffles{path}/identity", headers=desk.headers(ADMINISTRATOR))

    assert problem(take_back()) == (409, "prize.not_seen")
    typo = SEEN | {"document_number": "GOMC-850101 K7QX"}
    assert ask(desk, f"{path}/identity", typo).status_code == 204
    assert problem(ask(desk, f"{path}/identity", SEEN, COLLEAGUE)) == (409, "prize.other_document")
    assert take_back().status_code == 204
    assert ask(desk, f"{path}/identity", SEEN).status_code == 204
    assert ask(desk, f"{path}/identity", SEEN, COLLEAGUE).status_code == 204
    assert problem(take_back()) == (409, "prize.not_seen")
    logged = admin.execute(
        "SELECT event_type FROM raffle_schema.raffle_audit_log WHERE subject = %s AND event_type LIKE 'IDENTITY%%'"
        " ORDER BY id",
        (str(drawn.winners[0]),),
    ).fetchall()
    assert [row[0] for row in logged] == [
        "IDENTITY_SEEN", "IDENTITY_TAKEN_BACK", "IDENTITY_SEEN", "IDENTITY_CONFIRMED",
    ]  # fmt: skip


def test_where_a_prize_goes_changes_until_it_is_prepared(desk: Desk, admin: Conn, as_role: AsRole) -> None:
    assert DRIVER.user_id is not None
    drawn, path = claimed(desk, admin, as_role("raffle_app"), method="CREDIT", users=[DRIVER.user_id])
    own = f"/prizes/{drawn.winners[0]}"

    def change(to: str, account: str | None, caller: Caller) -> Any:
        delivery = {"recipient": "Ana Ruiz"} | ({} if account is None else {"account": account})
        return desk.client.put(f"/api/raffles{to}/delivery", json={"delivery": delivery}, headers=desk.headers(caller))

    assert problem(change(path, None, ADMINISTRATOR)) == (422, "prize.destination")
    assert change(path, "PTS-2", ADMINISTRATOR).status_code == 204
    assert problem(ask(desk, f"{path}/identity", SEEN)) == (409, "prize.claimer")
    assert ask(desk, f"{path}/identity", SEEN, COLLEAGUE).status_code == 204
    assert problem(change(path, "PTS-3", ADMINISTRATOR)) == (409, "prize.identified")
    assert problem(change(own, "PTS-3", OTHER_DRIVER)) == (404, "prize.unknown")
    assert change(own, "PTS-4", DRIVER).status_code == 204
    assert look(desk, path).json()["delivery"] == {"recipient": "Ana Ruiz", "account": "PTS-4"}
    assert step(desk, path, "PREPARED").status_code == 204
    assert problem(change(own, "PTS-5", DRIVER)) == (409, "prize.prepared")


def test_an_account_that_is_erased_while_its_claim_is_on_its_way_shows_no_name(
    settings: Settings, admin: Conn, as_role: AsRole
) -> None:
    drawn = drawn_raffle(admin, as_role("raffle_app"), units=2)
    drawn_again = [drawn.users[0], drawn.users[1]]
    wish = msgspec.convert(CLAIM, ClaimWish)

    async def erase(db: Any, user_id: UUID) -> None:
        event = Event(
            id=uuid4(), type="user.erased", source="urn:gasolinera:auth", aggregate="user", subject=str(user_id),
            time=datetime.now(UTC), data={"public_id": str(user_id)},
        )  # fmt: skip
        async with db.transaction() as conn:
            await forget_person(conn, event)

    async def claim(conn: Any, place: int) -> None:
        await claims.claim(
            conn, drawn.winners[place], wish, holder=drawn_again[place], second_from=claims.thresholds_of(settings)
        )

    async def steps() -> None:
        async with open_database(settings, "raffle") as db:
            async with db.transaction() as conn:
                await claim(conn, 0)
                waiting = asyncio.create_task(erase(db, drawn.users[0]))
                await asyncio.sleep(0.2)
            await waiting
            await erase(db, drawn.users[1])
            async with db.transaction() as conn:
                await claim(conn, 1)

    asyncio.run(steps())
    kept = admin.execute("SELECT c.public_name, c.forget_when_over FROM raffle_schema.prize_claims AS c"
                         " JOIN raffle_schema.raffle_winners AS w ON w.id = c.winner_id WHERE w.draw_id = %s",
                         (drawn.draw,)).fetchall()  # fmt: skip
    assert kept == [(None, True), (None, True)]


def test_the_note_of_a_disqualification_goes_after_ninety_days(
    settings: Settings, desk: Desk, admin: Conn, as_role: AsRole
) -> None:
    drawn = drawn_raffle(admin, as_role("raffle_app"))
    path = f"/winners/{drawn.winners[0]}"
    assert ask(desk, f"{path}/disqualify", {"reason": "FRAUD", "note": "His brother."}).status_code == 204
    admin.execute(
        "UPDATE raffle_schema.raffle_winners SET disqualified_at = now() - interval '91 days' WHERE public_id = %s",
        (drawn.winners[0],),
    )

    async def forget() -> None:
        async with open_database(settings, "raffle") as db:
            await FORGET_DELIVERIES.run(db, {})

    asyncio.run(forget())
    assert look(desk, path).json()["winner"]["reason"] == "FRAUD"


def test_a_document_number_is_more_than_its_dashes(desk: Desk, admin: Conn, as_role: AsRole) -> None:
    _drawn, path = claimed(desk, admin, as_role("raffle_app"))
    refused = ask(desk, f"{path}/identity", SEEN | {"document_number": "A-----"})
    assert problem(refused) == (422, "request.invalid")
