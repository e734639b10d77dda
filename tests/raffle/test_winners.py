"""What becomes of winners: told once, claimed in time or lost to the next alternate, and never by anybody's choice."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import psycopg
import pytest
from nacl.signing import VerifyKey

from gasolinera.auth.notifications import notify
from gasolinera.config import Settings
from gasolinera.database import open_database
from gasolinera.errors import GoneError
from gasolinera.events import Event
from gasolinera.raffle import claims, queries_winners, winners
from gasolinera.raffle.models_winners import ClaimWish, DisqualificationReason, DisqualificationWish
from tests.raffle.winner_steps import (
    CLAIM,
    CLERK,
    RAFFLE,
    SEEN,
    ask,
    drawn_raffle,
    end_claims,
    events,
    held,
    look,
    states,
    tell_all,
)
from tests.redemption.desk import ADMINISTRATOR, DRIVER, OTHER_DRIVER, Desk, problem

Conn = psycopg.Connection[Any]
AsRole = Callable[[str], Conn]
WISH = msgspec.convert(CLAIM, ClaimWish)
NOTIFY, FORFEIT = winners.JOBS


def test_a_winner_is_told_once_however_many_workers_tell(settings: Settings, admin: Conn, as_role: AsRole) -> None:
    drawn = drawn_raffle(admin, as_role("raffle_app"), units=3, alternates=1)

    async def told() -> None:
        async with open_database(settings, "raffle") as db:
            await asyncio.gather(*(NOTIFY.run(db, {}) for _ in range(4)))

    asyncio.run(told())
    assert states(admin, drawn) == ["NOTIFIED"] * 3 + ["ALTERNATE"]
    found = {event["ticket_number"]: event for event in events(admin, "raffle.winner.selected")}
    assert len(events(admin, "raffle.winner.selected")) == 3
    assert set(found) == set(drawn.tickets[:3])
    event = found[drawn.tickets[0]]
    assert (event["user_id"], event["raffle_code"], event["rank"]) == (str(drawn.users[0]), RAFFLE, 1)
    # Thirty days are the default of a raffle, and they begin when the winner is told.
    left = datetime.fromisoformat(event["claim_deadline"]) - datetime.now(UTC)
    assert timedelta(days=29, hours=23) < left <= timedelta(days=30)


def test_what_a_winner_is_told_is_read_once_in_the_application(
    settings: Settings, desk: Desk, admin: Conn, as_role: AsRole
) -> None:
    assert DRIVER.user_id is not None
    drawn = drawn_raffle(admin, as_role("raffle_app"), users=[DRIVER.user_id])
    # A prize is lost after its deadline: whoever wants no news of prizes is told in the application all the same.
    admin.execute(
        "INSERT INTO auth_schema.notification_preferences (user_id, category, channel, is_wanted)"
        " VALUES (%s, 'PRIZES', 'IN_APP', false)"
        " ON CONFLICT ON CONSTRAINT notification_preferences_pk DO UPDATE SET is_wanted = false",
        (DRIVER.user_id,),
    )

    async def told() -> None:
        async with open_database(settings, "raffle") as db, open_database(settings, "auth") as auth:
            await NOTIFY.run(db, {})
            event = Event(
                id=uuid4(), type="raffle.winner.selected", source="urn:gasolinera:raffle", aggregate="winner",
                subject=str(drawn.winners[0]), time=datetime.now(UTC), data=events(admin, "raffle.winner.selected")[0],
            )  # fmt: skip
            for _ in range(2):  # events come at least once
                async with auth.transaction() as conn:
                    await notify(conn, event)

    asyncio.run(told())
    shown = desk.client.get("/api/auth/notifications", headers=desk.headers(DRIVER)).json()["items"]
    about = [one for one in shown if RAFFLE in one["title"]]
    assert [one["category"] for one in about] == ["PRIZES"]
    assert drawn.tickets[0] in about[0]["body"]
    told_of = events(admin, "raffle.winner.selected")[0]
    assert told_of["prize_name"] in about[0]["body"]
    assert told_of["claim_deadline"][:16].replace("T", " ") in about[0]["body"]


def test_a_prize_goes_through_all_alternates_in_order_to_none_left(
    settings: Settings, admin: Conn, as_role: AsRole
) -> None:
    drawn = drawn_raffle(admin, as_role("raffle_app"), units=2, alternates=3)

    async def again() -> None:
        async with open_database(settings, "raffle") as db:
            await NOTIFY.run(db, {})
            end_claims(admin, drawn)
            await FORFEIT.run(db, {})

    seen: list[list[str]] = []
    for _ in range(3):
        asyncio.run(again())
        seen.append(states(admin, drawn))
        assert len(set(held(admin, drawn))) == 1
    lost = "FORFEITED"
    assert seen == [
        [lost, lost, "SELECTED", "SELECTED", "ALTERNATE"],
        [lost, lost, lost, lost, "SELECTED"],
        [lost] * 5,
    ]
    assert held(admin, drawn) == (0, 0)
    assert len(events(admin, "raffle.winner.selected")) == 5


def test_a_claim_at_the_last_moment_or_the_forfeit_wins_and_never_both(
    settings: Settings, admin: Conn, as_role: AsRole
) -> None:
    """Both run in a loop over the deadline, on connections of their own; what comes out is one of two worlds."""
    drawn = drawn_raffle(admin, as_role("raffle_app"), units=8, alternates=8)
    tell_all(admin, drawn)

    async def race() -> list[bool]:
        async with open_database(settings, "raffle") as db:
            end_claims(admin, drawn, within_ms=250)
            over = asyncio.get_running_loop().time() + 0.6

            async def forfeit() -> None:
                while asyncio.get_running_loop().time() < over:
                    await FORFEIT.run(db, {})

            async def claim(place: int) -> bool:
                # Each a little later than the one before, the last ones after the deadline.
                await asyncio.sleep(0.1 + place * 0.04)
                try:
                    async with db.transaction() as conn:
                        await asyncio.sleep(0.03)
                        await claims.claim(
                            conn, drawn.winners[place], WISH, holder=drawn.users[place],
                            second_from=claims.thresholds_of(settings),
                        )  # fmt: skip
                except GoneError:
                    return False
                return True

            outcomes = await asyncio.gather(forfeit(), *(claim(place) for place in range(8)))
            return [outcome for outcome in outcomes if outcome is not None]

    claimed = asyncio.run(race())
    found = states(admin, drawn)
    assert [state == "CLAIMED" for state in found[:8]] == claimed
    assert True in claimed
    assert False in claimed
    assert found[:8].count("FORFEITED") == 8 - claimed.count(True)
    assert found[8:].count("SELECTED") == claimed.count(False)
    assert held(admin, drawn) == (8, 8)
    assert len(events(admin, "prize.claimed")) == claimed.count(True)


def test_a_claim_that_is_not_committed_yet_keeps_the_prize_from_being_forfeited(
    settings: Settings, admin: Conn, as_role: AsRole
) -> None:
    drawn = drawn_raffle(admin, as_role("raffle_app"), alternates=1)
    tell_all(admin, drawn)

    async def steps() -> None:
        async with open_database(settings, "raffle") as db:
            end_claims(admin, drawn, within_ms=300)
            async with db.transaction() as conn:
                await claims.claim(
                    conn, drawn.winners[0], WISH, holder=drawn.users[0], second_from=claims.thresholds_of(settings)
                )
                await asyncio.sleep(0.5)
                await FORFEIT.run(db, {})
            async with db.transaction() as conn:
                assert await queries_winners.forfeit_unclaimed(conn, 10) == 0

    asyncio.run(steps())
    assert states(admin, drawn) == ["CLAIMED", "ALTERNATE"]


def test_who_claims_while_the_prize_is_being_forfeited_is_told_that_it_is_late(
    settings: Settings, admin: Conn, as_role: AsRole
) -> None:
    drawn = drawn_raffle(admin, as_role("raffle_app"), alternates=1)
    tell_all(admin, drawn)

    async def claim(db: Any) -> None:
        async with db.transaction() as conn:
            await claims.claim(
                conn, drawn.winners[0], WISH, holder=drawn.users[0], second_from=claims.thresholds_of(settings)
            )

    async def steps() -> None:
        async with open_database(settings, "raffle") as db:
            end_claims(admin, drawn)
            async with db.transaction() as conn:
                assert await queries_winners.forfeit_unclaimed(conn, 10) == 1
                waiting = asyncio.create_task(claim(db))
                await asyncio.sleep(0.1)
            with pytest.raises(GoneError):
                await waiting

    asyncio.run(steps())
    assert states(admin, drawn) == ["FORFEITED", "SELECTED"]
    assert held(admin, drawn) == (1, 1)


def test_forfeits_and_disqualifications_at_once_pass_on_each_prize_once(
    settings: Settings, desk: Desk, admin: Conn, as_role: AsRole
) -> None:
    drawn = drawn_raffle(admin, as_role("raffle_app"), units=6, alternates=6)
    tell_all(admin, drawn)
    why = DisqualificationWish(reason=DisqualificationReason.DECLINED, note="He called.")

    async def both() -> None:
        async with open_database(settings, "raffle") as db:

            async def disqualify(place: int) -> None:
                async with db.transaction() as conn:
                    await winners.disqualify(conn, desk.keyring, drawn.winners[place], why, decider=None)

            async def forfeit() -> None:
                async with db.transaction() as conn:
                    await queries_winners.forfeit_unclaimed(conn, 2)

            for place in (3, 4, 5):  # their time is not over, so the job passes them over
                admin.execute(
                    "UPDATE raffle_schema.raffle_winners SET claim_deadline = now() + interval '1 day'"
                    " WHERE draw_id = %s AND draw_position = %s",
                    (drawn.draw, place + 1),
                )
            admin.execute(
                "UPDATE raffle_schema.raffle_winners SET created_at = now() - interval '40 days',"
                " claim_deadline = now() - interval '1 s' WHERE draw_id = %s AND draw_position <= 3",
                (drawn.draw,),
            )
            await asyncio.gather(*(disqualify(place) for place in (3, 4, 5)), forfeit(), forfeit())

    asyncio.run(both())
    assert states(admin, drawn) == ["FORFEITED"] * 3 + ["DISQUALIFIED"] * 3 + ["SELECTED"] * 6
    assert held(admin, drawn) == (6, 6)


def test_a_disqualification_is_signed_and_published_without_its_note(desk: Desk, admin: Conn, as_role: AsRole) -> None:
    drawn = drawn_raffle(admin, as_role("raffle_app"), alternates=1)
    path = f"/winners/{drawn.winners[0]}/disqualify"
    assert ask(desk, path, {"reason": "FRAUD", "note": "His brother, who serves at JSM001."}).status_code == 204
    assert problem(ask(desk, path, {"reason": "FRAUD", "note": "Again."})) == (409, "prize.over")
    assert states(admin, drawn) == ["DISQUALIFIED", "SELECTED"]
    shown = look(desk, f"/{RAFFLE}/winners", None)
    assert "brother" not in shown.text
    signed = shown.json()["items"][0]["disqualification"]
    document = msgspec.json.decode(signed["document"])
    assert (document["raffle"], document["position"], document["reason"]) == (RAFFLE, 1, "FRAUD")
    message = b"gasolinera-disqualification-1\0" + signed["document"].encode()
    VerifyKey(bytes.fromhex(document["operator"]["public_key"])).verify(message, bytes.fromhex(signed["signature"]))
    kept = look(desk, f"/winners/{drawn.winners[0]}").json()["winner"]["reason"]
    assert kept == "FRAUD: His brother, who serves at JSM001."


def test_nobody_disqualifies_himself_and_nobody_after_the_prize_has_left(
    desk: Desk, admin: Conn, as_role: AsRole
) -> None:
    assert ADMINISTRATOR.user_id is not None
    drawn = drawn_raffle(admin, as_role("raffle_app"), units=2, users=[ADMINISTRATOR.user_id], method="CREDIT")
    wish = {"reason": "DECLINED", "note": "For my neighbour."}
    assert problem(ask(desk, f"/winners/{drawn.winners[0]}/disqualify", wish)) == (403, "prize.own_case")
    other = drawn.winners[1]
    _deliver(desk, other)
    assert problem(ask(desk, f"/winners/{other}/disqualify", wish)) == (409, "prize.over")


def _deliver(desk: Desk, winner: UUID) -> None:
    assert ask(desk, f"/winners/{winner}/claim", CLAIM, CLERK).status_code == 204
    assert ask(desk, f"/winners/{winner}/identity", SEEN).status_code == 204
    assert ask(desk, f"/winners/{winner}/steps", {"step": "PREPARED"}).status_code == 204
    assert ask(desk, f"/winners/{winner}/steps", {"step": "SENT", "tracking": "C-1"}).status_code == 204


def test_a_winner_sees_and_claims_the_own_prize_and_no_other(desk: Desk, admin: Conn, as_role: AsRole) -> None:
    assert DRIVER.user_id is not None
    drawn = drawn_raffle(admin, as_role("raffle_app"), alternates=1, users=[DRIVER.user_id])
    winner = drawn.winners[0]
    assert ask(desk, f"/prizes/{winner}/claim", CLAIM, OTHER_DRIVER).status_code == 404
    own = [one for one in look(desk, "/prizes", DRIVER).json()["items"] if one["raffle_code"] == RAFFLE]
    assert [(one["winner_id"], one["status"], one["prize_value"]) for one in own] == [
        (str(winner), "SELECTED", "1000.00")
    ]
    assert ask(desk, f"/prizes/{winner}/claim", CLAIM, DRIVER).status_code == 204
    assert problem(ask(desk, f"/prizes/{winner}/claim", CLAIM, DRIVER)) == (409, "prize.claimed")
    assert states(admin, drawn) == ["CLAIMED", "ALTERNATE"]
    assert [event["ticket_number"] for event in events(admin, "prize.claimed")] == [drawn.tickets[0]]
    assert problem(ask(desk, f"/prizes/{drawn.winners[1]}/claim", CLAIM, DRIVER)) == (404, "prize.unknown")


def test_results_show_first_letters_to_everybody_and_nothing_else_of_a_person(
    desk: Desk, admin: Conn, as_role: AsRole
) -> None:
    drawn = drawn_raffle(admin, as_role("raffle_app"), units=2, alternates=1)
    silent = CLAIM | {"shows_name": False}
    assert ask(desk, f"/winners/{drawn.winners[0]}/claim", CLAIM).status_code == 204
    assert ask(desk, f"/winners/{drawn.winners[1]}/claim", silent).status_code == 204
    answer = look(desk, f"/{RAFFLE}/winners", None)
    assert [(one["draw_position"], one["rank"], one["status"], one["name"]) for one in answer.json()["items"]] == [
        (1, 1, "CLAIMED", "M•••• G."), (2, 1, "CLAIMED", None), (3, None, "ALTERNATE", None),
    ]  # fmt: skip
    secret = ["María", "Luz", "Gonz", "5512345678", "Calle", *map(str, drawn.users), *drawn.tickets]
    secret += map(str, drawn.winners)
    assert [word for word in secret if word in answer.text] == []
    assert answer.json()["items"][0]["ticket"] == f"TKT••••{drawn.tickets[0][-4:]}"
    assert problem(look(desk, "/NO-SUCH-RAFFLE/winners", None)) == (404, "raffle.unknown")


def test_staff_alone_sees_winners_by_raffle_and_state_in_pages(desk: Desk, admin: Conn, as_role: AsRole) -> None:
    drawn = drawn_raffle(admin, as_role("raffle_app"), units=3, alternates=2)
    assert problem(look(desk, "/winners", DRIVER)) == (403, "auth.not_permitted")
    assert look(desk, "/winners", None).status_code == 401
    assert ask(desk, f"/winners/{drawn.winners[0]}/claim", CLAIM, DRIVER).status_code == 403
    seen: list[str] = []
    cursor = ""
    for _ in range(3):
        page = look(desk, f"/winners?raffle={RAFFLE}&status=SELECTED&limit=2{cursor}").json()
        seen += [one["winner_id"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == [str(winner) for winner in drawn.winners[:3]]


def test_the_next_alternate_is_disqualified_while_a_prize_is_passed_on_to_it(
    settings: Settings, desk: Desk, admin: Conn, as_role: AsRole
) -> None:
    """Whoever frees a prize and whoever strikes the alternate out lock in the same order, so that none is refused."""
    drawn = drawn_raffle(admin, as_role("raffle_app"), alternates=2)
    tell_all(admin, drawn)
    why = DisqualificationWish(reason=DisqualificationReason.DECLINED, note="He called.")

    async def both() -> None:
        async with open_database(settings, "raffle") as db:

            async def free() -> None:
                end_claims(admin, drawn)
                async with db.transaction() as conn:
                    await queries_winners.forfeit_unclaimed(conn, 10)

            async with db.transaction() as conn:
                # The alternate is held, and what frees the prize waits, before the alternate is struck out.
                assert await queries_winners.hold_winner(conn, drawn.winners[1]) is not None
                waiting = asyncio.create_task(free())
                await asyncio.sleep(0.3)
                await winners.disqualify(conn, desk.keyring, drawn.winners[1], why, decider=None)
                # An alternate without a prize frees nothing, and still takes the draw.
                await asyncio.sleep(0.1)
            await waiting

    asyncio.run(both())
    assert states(admin, drawn) == ["FORFEITED", "DISQUALIFIED", "SELECTED"]


def test_results_show_no_name_beside_a_disqualification(desk: Desk, admin: Conn, as_role: AsRole) -> None:
    drawn = drawn_raffle(admin, as_role("raffle_app"), alternates=1)
    path = f"/winners/{drawn.winners[0]}"
    assert ask(desk, f"{path}/claim", CLAIM).status_code == 204
    assert ask(desk, f"{path}/disqualify", {"reason": "FRAUD", "note": "Two accounts."}).status_code == 204
    shown = look(desk, f"/{RAFFLE}/winners", None).json()["items"][0]
    assert (shown["status"], shown["name"]) == ("DISQUALIFIED", None)


def test_staff_claims_nothing_for_itself(desk: Desk, admin: Conn, as_role: AsRole) -> None:
    assert ADMINISTRATOR.user_id is not None
    drawn = drawn_raffle(admin, as_role("raffle_app"), users=[ADMINISTRATOR.user_id])
    assert problem(ask(desk, f"/winners/{drawn.winners[0]}/claim", CLAIM)) == (403, "prize.own_case")


@pytest.mark.parametrize(("method", "missing"), [("CREDIT", "account"), ("PHYSICAL", "address"), ("MANUAL", "address")])
def test_a_claim_says_where_the_prize_can_go(
    desk: Desk, admin: Conn, as_role: AsRole, method: str, missing: str
) -> None:
    drawn = drawn_raffle(admin, as_role("raffle_app"), method=method)
    path = f"/winners/{drawn.winners[0]}/claim"
    nowhere = {name: value for name, value in CLAIM["delivery"].items() if name != missing}
    assert problem(ask(desk, path, CLAIM | {"delivery": nowhere})) == (422, "prize.destination")
    assert ask(desk, path, CLAIM).status_code == 204
