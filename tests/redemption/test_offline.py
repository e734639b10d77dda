"""What terminals took without a connection: kept once and in order, within its lease, settled by the first to come."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import psycopg
import pytest

from gasolinera.auth.service import find_user
from gasolinera.calls import UserDirectory, local_users
from gasolinera.config import Settings
from gasolinera.coupon import qr
from gasolinera.coupon.display import live_text
from gasolinera.database import open_database
from gasolinera.keyring import to_base64url
from gasolinera.redemption import offline, queries_offline
from gasolinera.redemption.models_offline import SignedEntry
from gasolinera.redemption.offline import Asked
from gasolinera.redemption.personal import export_person
from gasolinera.redemption.recovery import recover
from gasolinera.terminal_calls import KnownTerminal
from tests.coupon.at_hand import make_campaign, make_coupon, signed_text
from tests.redemption.desk import (
    ADMINISTRATOR,
    ATTENDANT,
    DRIVER,
    MANAGER,
    OTHER_ATTENDANT,
    Conn,
    Desk,
    due_now,
    open_services,
    problem,
    totals_disagree,
)
from tests.redemption.offline_steps import Till, set_limits
from tests.redemption.test_recovery import CrashError, crashing

CONFLICTS = "/offline/conflicts"


def scanned(admin: Conn, campaign: str = "OFFLINE", **terms: Any) -> str:
    """The text of a new coupon of 10 %."""
    return signed_text(admin, make_coupon(admin, make_campaign(admin, campaign), **terms))


def resolve(desk: Desk, till: Till, sequence: int, caller: Any, resolution: str) -> Any:
    body = {"resolution": resolution, "notes": "Both stations had no network."}
    return desk.client.post(
        f"/api/redemptions/offline/conflicts/{till.code}/{sequence}/resolve", json=body, headers=desk.headers(caller)
    )


def test_what_was_taken_is_a_redemption_after_the_sync_and_again_changes_nothing(
    desk: Desk, admin: Conn, till: Till
) -> None:
    entries = [till.took(scanned(admin))]
    first = till.sync(entries)
    assert first.status_code == 200, first.text
    assert [one["status"] for one in first.json()["entries"]] == ["SETTLED"]
    assert first.json()["head_sequence"] == 1
    assert till.sync(entries).json() == first.json()
    found = desk.get(f"/{first.json()['entries'][0]['transaction_reference']}", ADMINISTRATOR).json()
    assert (found["status"], found["flow"], found["terminal_code"], found["discount_amount"]) == (
        "COMPLETED", "OFFLINE", till.code, "50.00",
    )  # fmt: skip
    assert totals_disagree(admin) == []


def test_two_terminals_with_one_coupon_that_sync_at_once_are_one_use_and_one_conflict(
    desk: Desk, admin: Conn, till: Till
) -> None:
    set_limits(desk, "JSM002")
    other = Till(desk, "JSM002")
    other.open_lease()
    text = scanned(admin)
    mine, theirs = till.took(text), other.took(text, employee="EMP000024")
    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(till.states, [mine]), pool.submit(other.states, [theirs])]
        answers = [one.result() for one in asked]
    assert sorted(map(str, answers)) == ["[('CONFLICT', 'ALREADY_USED')]", "[('SETTLED', None)]"]
    loser = till if answers[0] != [("SETTLED", None)] else other
    queued = desk.get(CONFLICTS, ADMINISTRATOR).json()["items"]
    assert [(one["terminal_code"], one["reason"], one["discount_amount"]) for one in queued] == [
        (loser.code, "ALREADY_USED", "50.00")
    ]
    assert totals_disagree(admin) == []


def test_a_coupon_that_was_used_with_a_connection_meanwhile_is_a_conflict(desk: Desk, admin: Conn, till: Till) -> None:
    text = scanned(admin)
    entry = till.took(text)
    online = {"qr": text, "fuel_type": "REGULAR", "amount": "500", "dispenser_code": "D01"}
    assert desk.post("", ATTENDANT, online).status_code == 201
    assert till.states([entry]) == [("CONFLICT", "ALREADY_USED")]


@pytest.mark.parametrize(
    ("status", "reason"), [("SUSPENDED", "SUSPENDED"), ("CANCELLED", "CANCELLED"), ("EXPIRED", "EXPIRED")]
)
def test_a_coupon_that_was_ended_meanwhile_is_a_conflict(admin: Conn, till: Till, status: str, reason: str) -> None:
    entry = till.took(scanned(admin))
    admin.execute(
        "UPDATE coupon_schema.coupons SET status = %s, status_reason = 'Lost.' WHERE campaign_id ="
        " (SELECT id FROM coupon_schema.campaigns WHERE campaign_code = 'OFFLINE')",
        (status,),
    )
    assert till.states([entry]) == [("CONFLICT", reason)]


def test_the_coupon_gives_what_its_campaign_says_and_the_difference_is_a_conflict(admin: Conn, till: Till) -> None:
    text = signed_text(admin, make_coupon(admin, make_campaign(admin, "CAPPED", maximum_discount=20)))
    assert till.states([till.took(text)]) == [("CONFLICT", "OTHER_DISCOUNT")]
    assert totals_disagree(admin) == []


def test_more_than_the_lease_allows_is_kept_and_settled_by_nobody(desk: Desk, admin: Conn, till: Till) -> None:
    entries = [till.took(scanned(admin, f"CAP{number}"), discount="50.00") for number in range(4)]
    entries.append(till.took(scanned(admin, "HIGH"), amount="700.00", discount="70.00"))
    over = ("CONFLICT", "OVER_CAP")
    assert till.states(entries) == [("SETTLED", None)] * 3 + [over, over], "150 in all, 60 each"
    used = admin.execute("SELECT used_count, used_total FROM redemption_schema.offline_leases").fetchall()
    assert [(count, str(total)) for count, total in used] == [(3, "150.00")]
    assert problem(resolve(desk, till, 4, MANAGER, "ACCEPT")) == (403, "auth.second_factor_needed")
    manager = msgspec.structs.replace(MANAGER, has_second_factor=True)
    assert problem(resolve(desk, till, 4, manager, "ACCEPT")) == (403, "offline.accept")
    accepted = resolve(desk, till, 4, ADMINISTRATOR, "ACCEPT")
    assert (accepted.status_code, accepted.json()["status"]) == (200, "SETTLED"), accepted.text
    assert accepted.json()["accepted_because"] == "OVER_CAP"
    assert totals_disagree(admin) == []


@pytest.mark.parametrize(("hours", "reason"), [(-13, "OUTSIDE_LEASE"), (13, "CLOCK"), (-24 * 8, "TOO_LATE")])
def test_what_was_taken_outside_of_the_lease_or_by_a_wrong_clock_is_a_conflict(
    admin: Conn, till: Till, hours: int, reason: str
) -> None:
    entry = till.took(scanned(admin), at=datetime.now(UTC) + timedelta(hours=hours))
    assert till.states([entry]) == [("CONFLICT", reason)]


def test_a_clock_that_goes_back_between_two_entries_is_a_conflict(admin: Conn, till: Till) -> None:
    now = datetime.now(UTC)
    entries = [
        till.took(scanned(admin, "LATER"), at=now),
        till.took(scanned(admin, "EARLIER"), at=now - timedelta(seconds=30)),
    ]
    assert till.states(entries) == [("SETTLED", None), ("CONFLICT", "CLOCK")]


def test_a_wallets_code_is_judged_by_the_moment_at_which_it_was_taken(desk: Desk, admin: Conn, till: Till) -> None:
    admin.execute("UPDATE redemption_schema.offline_leases SET created_at = now() - interval '1 hour'")
    signed, before = qr.read(scanned(admin)), datetime.now(UTC) - timedelta(minutes=30)
    text = live_text(signed.body, signed.signature, desk.keyring, now=before)
    assert till.states([till.took(text, at=before), till.took(text)]) == [
        ("SETTLED", None),
        ("CONFLICT", "NOT_LIVE"),
    ]


def test_a_made_up_lease_and_a_campaign_outside_of_its_scope_are_conflicts_and_a_lost_lease_is_not(
    desk: Desk, admin: Conn, till: Till
) -> None:
    closed = till.lease
    set_limits(desk, campaign_codes=["INSIDE"])
    assert till.open_lease().status_code == 201
    opened, till.lease = till.lease, str(uuid4())
    entries = [till.took(scanned(admin, "MADEUP"))]
    till.lease = opened
    entries.append(till.took(scanned(admin, "OUTSIDE")))
    till.lease = closed  # the answer with the next one never came
    entries.append(till.took(scanned(admin, "INSIDE")))
    assert till.states(entries) == [("CONFLICT", "NO_LEASE"), ("CONFLICT", "OUT_OF_SCOPE"), ("SETTLED", None)]
    counted = admin.execute("SELECT lease_id::text, used_count FROM redemption_schema.offline_leases").fetchall()
    assert set(counted) == {(opened, 2), (closed, 0)}


def test_one_batch_sent_four_times_at_once_is_taken_once(admin: Conn, till: Till) -> None:
    entries = [till.took(scanned(admin, f"BATCH{number}")) for number in range(2)]
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(till.sync, entries) for _ in range(4)]
        assert [one.result().status_code for one in asked] == [200] * 4
    assert till.states(entries) == [("SETTLED", None)] * 2
    made = admin.execute("SELECT count(*) FROM redemption_schema.redemptions WHERE flow = 'OFFLINE'").fetchone()
    assert made == (2,)
    with pytest.raises(psycopg.errors.CheckViolation, match="offline_leases_used_total_check"):
        admin.execute("UPDATE redemption_schema.offline_leases SET used_total = 150.01")
    assert totals_disagree(admin) == []


def test_an_altered_entry_ends_the_chain_after_what_came_before_it(desk: Desk, admin: Conn, till: Till) -> None:
    good, altered, last = (till.took(scanned(admin, f"ALTER{number}")) for number in range(3))
    altered = altered | {"entry": altered["entry"].replace("500.00", "400.00")}
    answer = till.sync([good, altered, last]).json()
    assert (answer["stopped_by"], answer["head_sequence"], len(answer["entries"])) == ("SIGNATURE", 1, 1)
    assert problem(till.sync([last])) == (409, "offline.chain_broken")
    assert problem(till.open_lease()) == (409, "offline.chain_broken")
    chains = desk.get("/offline/terminals", MANAGER).json()["items"]
    assert [(one["terminal_code"], one["broken_because"]) for one in chains] == [(till.code, "SIGNATURE")]


def test_a_gap_is_not_taken_and_a_second_entry_of_one_number_ends_the_chain(admin: Conn, till: Till) -> None:
    first, second = till.took(scanned(admin, "FIRST")), till.took(scanned(admin, "SECOND"))
    assert till.sync([second]).json()["stopped_by"] == "GAP"
    assert till.states([first, second]) == [("SETTLED", None)] * 2
    till.sequence, till.head = 0, "00" * 32  # the device's memory was put back
    assert till.sync([till.took(scanned(admin, "FORK"))]).json()["stopped_by"] == "FORK"
    assert problem(till.sync([second])) == (409, "offline.chain_broken")


def test_a_lease_is_for_terminals_of_enabled_stations_that_have_told_everything(
    desk: Desk, admin: Conn, till: Till
) -> None:
    entry = till.took(scanned(admin))
    assert problem(till.open_lease()) == (409, "offline.unsynced")
    till.sync([entry])
    assert till.open_lease().status_code == 201
    set_limits(desk, is_enabled=False)
    assert problem(till.open_lease()) == (403, "offline.not_enabled")
    stranger = Till(desk, "JSM002")
    assert problem(stranger.sync([stranger.took("GC1:")])) == (409, "offline.no_lease")
    assert problem(till.sync([stranger.took("GC1:")])) == (422, "offline.other_terminal")


def test_a_revoked_terminal_tells_nothing_any_more(desk: Desk, admin: Conn, till: Till) -> None:
    entry = till.took(scanned(admin))
    shut = desk.client.post(
        f"/api/stations/terminals/{till.code}/revoke", json={"reason": "Stolen."}, headers=desk.headers(ADMINISTRATOR)
    )
    assert shut.status_code == 200, shut.text
    assert problem(till.sync([entry])) == (401, "terminal.signature_invalid")


def test_a_conflict_is_seen_by_its_station_and_resolved_once_by_somebody_who_had_no_part(
    desk: Desk, admin: Conn, till: Till
) -> None:
    del admin
    assert till.states([till.took("GC1:0000")]) == [("CONFLICT", "INVALID_CODE")]
    assert [one["sequence"] for one in desk.get(CONFLICTS, MANAGER).json()["items"]] == [1]
    assert problem(desk.get(CONFLICTS, OTHER_ATTENDANT))[0] == 403
    assert problem(desk.get(f"{CONFLICTS}?station=JSM002", MANAGER)) == (403, "auth.other_station")
    server = msgspec.structs.replace(MANAGER, employee_number="EMP000022", has_second_factor=True)
    assert problem(resolve(desk, till, 1, server, "WRITTEN_OFF"))[0] == 403
    done = resolve(desk, till, 1, ADMINISTRATOR, "WRITTEN_OFF")
    assert (done.status_code, done.json()["resolved_by"]) == (200, str(ADMINISTRATOR.user_id)), done.text
    assert problem(resolve(desk, till, 1, ADMINISTRATOR, "CLAIMED")) == (409, "offline.resolved")
    assert desk.get(CONFLICTS, MANAGER).json()["items"] == []
    assert len(desk.get(f"{CONFLICTS}?resolved=true", MANAGER).json()["items"]) == 1


def test_limits_that_contradict_each_other_are_refused(desk: Desk) -> None:
    assert problem(set_limits(desk, max_discount="2000")) == (422, "offline.limits")
    assert problem(set_limits(desk, max_amount="1E30")) == (422, "offline.limits")
    assert desk.client.get(
        "/api/redemptions/offline/limits/JSM001", headers=desk.headers(MANAGER)
    ).status_code == 404  # fmt: skip


def within(settings: Settings, work: Callable[[Any, UserDirectory], Awaitable[Any]]) -> Any:
    async def opened() -> Any:
        async with open_services(settings) as services, open_database(settings, "auth") as auth:
            return await work(services, local_users(auth, find_user))

    return asyncio.run(opened())


@pytest.mark.parametrize("where", ["before consume", "after consume"])
def test_a_crash_in_the_middle_of_a_sync_loses_nothing_and_uses_nothing_twice(
    settings: Settings, admin: Conn, till: Till, where: str
) -> None:
    texts = [scanned(admin, "CRASH1"), scanned(admin, "CRASH2")]
    entries = [till.took(text) for text in texts]
    known = KnownTerminal(till.code, "JSM001", to_base64url(bytes(till.key.verify_key)))
    sent = [SignedEntry(**one) for one in entries]

    async def crash(services: Any, users: UserDirectory) -> None:
        broken = Asked(crashing(services.coupons, where), users)
        unsettled = await kept_unsettled(services, broken, known, sent)
        with pytest.raises(CrashError):
            await offline.settle(services.db, broken, services.context, unsettled[0])

    within(settings, crash)
    due_now(admin)
    admin.execute("UPDATE redemption_schema.offline_redemptions SET settle_at = now()")

    async def again(services: Any, users: UserDirectory) -> None:
        asked = Asked(services.coupons, users)
        await asyncio.gather(
            recover(services.db, services.coupons),
            offline.settle_left(services.db, asked),
            offline.settle_left(services.db, asked),
        )

    within(settings, again)
    assert till.states(entries) == [("SETTLED", None)] * 2
    assert totals_disagree(admin) == []


async def kept_unsettled(services: Any, broken: Asked, known: KnownTerminal, sent: list[SignedEntry]) -> Any:
    """The batch is kept, and nothing of it settled: each of its settlings fails, and the sync leaves it for later."""
    answer = await offline.sync(services.db, broken, services.context, known, sent)
    assert [one.status for one in answer.entries] == ["RECEIVED", "RECEIVED"]
    async with services.db.connection() as conn:
        return await queries_offline.list_unsettled(conn, known.terminal_code, [1, 2])


def test_what_a_terminal_told_of_a_person_is_in_the_export_and_notes_go_with_the_account(
    settings: Settings, desk: Desk, admin: Conn, till: Till
) -> None:
    text = scanned(admin)
    assert till.states([till.took(text), till.took(text)]) == [("SETTLED", None), ("CONFLICT", "ALREADY_USED")]
    assert resolve(desk, till, 2, ADMINISTRATOR, "WRITTEN_OFF").status_code == 200

    async def exported(services: Any, _users: UserDirectory) -> Any:
        async with services.db.connection() as conn:
            assert DRIVER.user_id is not None
            return await export_person(conn, DRIVER.user_id)

    found = msgspec.json.decode(msgspec.json.encode(within(settings, exported)))
    told = next(one["rows"] for one in found["holdings"] if one["name"] == "offline_redemptions")
    assert [(one["sequence"], one["status"]) for one in told] == [(2, "CONFLICT"), (1, "SETTLED")]
    admin.execute(
        "INSERT INTO redemption_schema.erased_users (user_id, erased_at) VALUES (%s, now())",
        (UUID(str(DRIVER.user_id)),),
    )
    notes = admin.execute("SELECT notes FROM redemption_schema.offline_redemptions").fetchall()
    assert notes == [(None,), (None,)]
