"""Tickets enter raffles by event: once each, in any order, at once, and nothing is lost silently."""

import asyncio
import hashlib
import hmac
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from gasolinera.config import Settings
from gasolinera.database import Database
from gasolinera.errors import ConflictError
from gasolinera.raffle import raffles
from gasolinera.raffle.entering import take_ticket_events
from gasolinera.raffle.jobs import RAFFLE_JOBS
from tests.raffle.entry_steps import (
    Admin,
    asked,
    dead_letters,
    deliver,
    entries,
    issued,
    numbers,
    revoked,
    told_back,
    with_raffles,
    yesterday,
)
from tests.schema.catalog import Conn
from tests.schema.racing import wait_until_blocked
from tests.schema.raffle_steps import counted, miscounted, move, opened, totals
from tests.schema.ticket_numbers import user

Connect = Callable[[str], Conn]
CODE = "ENTER-1"


@pytest.fixture
def raffle(as_role: Connect) -> int:
    """OPEN, for entries of the last two days."""
    return opened(as_role("raffle_app"), CODE)


def expected_hash(issuance: UUID, tickets: list[str], code: str = CODE) -> bytes:
    """As the reference says, put together by hand."""
    text = b"gasolinera-entry-1\x00" + bytes([len(code)]) + code.encode() + issuance.bytes
    text += len(tickets).to_bytes(4, "big") + "".join(sorted(tickets)).encode()
    return hashlib.sha256(text).digest()[:28]


def test_an_entry_has_the_hash_and_the_tag_of_the_format(settings: Settings, admin: Admin, raffle: int) -> None:
    tickets = numbers(3)
    told = issued(CODE, user(1), tickets)
    deliver(settings, told)
    issuance = UUID(told.subject)
    assert entries(admin, CODE) == [(issuance, 3, expected_hash(issuance, tickets))]
    row = admin.execute(
        """
        SELECT e.owner_tag, k.owner_key FROM raffle_schema.raffle_entries AS e
          JOIN raffle_schema.raffle_owner_keys AS k USING (raffle_id) WHERE e.raffle_id = %s
        """,
        (raffle,),
    ).fetchone()
    assert row is not None
    message = b"gasolinera-owner-1\x00" + CODE.encode() + b"\x00" + user(1).bytes
    assert row[0] == hmac.new(row[1], message, hashlib.sha256).digest()[:16]


def test_a_message_that_comes_again_changes_nothing(settings: Settings, admin: Admin, raffle: int) -> None:
    told = issued(CODE, user(1), numbers(2))
    again = issued(CODE, user(1), told.data["numbers"], issuance=UUID(told.subject))
    deliver(settings, told, told)
    deliver(settings, told, again)
    assert totals(admin, raffle) == (2, 1)
    assert len(entries(admin, CODE)) == 1
    assert told_back(admin, CODE) == []


def test_a_second_choice_from_the_same_issuance_grows_its_entry(settings: Settings, admin: Admin, raffle: int) -> None:
    first, second = numbers(2), numbers(1)
    told = issued(CODE, user(1), first)
    issuance = UUID(told.subject)
    more = issued(CODE, user(1), second, issuance=issuance)
    deliver(settings, told, more)
    assert entries(admin, CODE) == [(issuance, 3, expected_hash(issuance, first + second))]
    assert totals(admin, raffle) == (3, 1)


def test_tickets_that_are_taken_back_leave_and_the_hash_is_of_what_is_left(
    settings: Settings, admin: Admin, raffle: int
) -> None:
    told = issued(CODE, user(1), numbers(3))
    issuance, tickets = UUID(told.subject), told.data["numbers"]
    deliver(settings, told, revoked(told, tickets[:1]))
    assert entries(admin, CODE) == [(issuance, 2, expected_hash(issuance, tickets[1:]))]
    deliver(settings, revoked(told, tickets[1:]))
    assert entries(admin, CODE) == [(issuance, 0, expected_hash(issuance, []))]
    assert totals(admin, raffle) == (0, 0)


def test_tickets_that_were_taken_back_before_they_came_never_enter(
    settings: Settings, admin: Admin, raffle: int
) -> None:
    told = issued(CODE, user(1), numbers(2))
    deliver(settings, revoked(told))
    deliver(settings, told)
    assert totals(admin, raffle) == (0, 0)
    assert told_back(admin, CODE) == []


def test_after_the_close_a_ticket_that_is_taken_back_is_disqualified_and_stays(
    settings: Settings, admin: Admin, as_role: Connect, raffle: int
) -> None:
    told = issued(CODE, user(1), numbers(2))
    deliver(settings, told)
    move(as_role("raffle_app"), raffle, "CLOSED")
    before = entries(admin, CODE)
    deliver(settings, revoked(told))
    assert entries(admin, CODE) == before
    assert admin.execute("SELECT reason FROM raffle_schema.entry_exclusions(%s)", (raffle,)).fetchall() == [
        ("DISQUALIFIED",)
    ]


def test_what_a_raffle_does_not_take_is_told_back_with_the_reason(
    settings: Settings, admin: Admin, as_role: Connect, raffle: int
) -> None:
    early, unknown = numbers(1), numbers(2)
    late = numbers(1)
    deliver(
        settings,
        issued(CODE, user(1), early, entered_at=datetime.now(UTC) - timedelta(days=5)),
        issued("NOBODY-KNOWS", user(1), unknown),
        issued(CODE, user(2), late, entered_at=datetime.now(UTC)),
        issued(None, user(3), numbers(1)),
    )
    assert totals(admin, raffle) == (0, 0)
    assert told_back(admin, CODE) == [("NOT_OPEN", early), ("NOT_OPEN", late)]
    assert told_back(admin, "NOBODY-KNOWS") == [("NOT_OPEN", sorted(unknown))]


def test_over_the_limit_the_first_tickets_enter_and_the_rest_goes_back(
    settings: Settings, admin: Admin, as_role: Connect
) -> None:
    raffle = opened(as_role("raffle_app"), CODE, max_tickets=4)
    deliver(settings, issued(CODE, user(1), numbers(3)), issued(CODE, user(1), numbers(3)))
    deliver(settings, issued(CODE, user(1), numbers(2)), issued(CODE, user(2), numbers(4)))
    assert [tickets for _, tickets, _ in entries(admin, CODE)] == [3, 1, 4]
    assert [(reason, len(found)) for reason, found in told_back(admin, CODE)] == [("OVER_LIMIT", 2), ("OVER_LIMIT", 2)]
    assert totals(admin, raffle) == counted(admin, raffle) == (8, 2)
    assert miscounted(admin) == []


def test_the_limit_holds_for_messages_handled_at_the_same_time(
    settings: Settings, admin: Admin, as_role: Connect
) -> None:
    raffle = opened(as_role("raffle_app"), CODE, max_tickets=10)
    messages = [issued(CODE, user(1), numbers(3)) for _ in range(8)]

    async def work(db: Database) -> None:
        async def one(told: object) -> None:
            async with db.transaction() as conn:
                await take_ticket_events(conn, [told])  # type: ignore[list-item]

        await asyncio.gather(*map(one, messages))

    with_raffles(settings, work)
    assert totals(admin, raffle) == counted(admin, raffle) == (10, 1)
    assert sum(len(found) for _, found in told_back(admin, CODE)) == 14


def test_hundreds_of_messages_at_once_are_counted_exactly(
    settings: Settings, admin: Admin, as_role: Connect, raffle: int
) -> None:
    other = opened(as_role("raffle_app"), "ENTER-2")
    messages = [issued((CODE, "ENTER-2")[i % 2], user(i % 40), numbers(1 + i % 3)) for i in range(300)]
    gone = [revoked(told) for told in messages[::7]]
    deliver(settings, *messages, *gone)
    left = [told for told in messages if told not in messages[::7]]
    for found, code in ((raffle, CODE), (other, "ENTER-2")):
        mine = [told for told in left if told.data["raffle_code"] == code]
        expected = (sum(told.data["count"] for told in mine), len({told.data["user_id"] for told in mine}))
        assert totals(admin, found) == counted(admin, found) == expected
        assert {(issuance, tickets, digest) for issuance, tickets, digest in entries(admin, code) if tickets} == {
            (UUID(told.subject), told.data["count"], expected_hash(UUID(told.subject), told.data["numbers"], code))
            for told in mine
        }
    assert miscounted(admin) == []
    assert dead_letters(admin) == 0


def test_one_message_that_cannot_be_handled_holds_no_other_back(settings: Settings, admin: Admin, raffle: int) -> None:
    bad = numbers(1)[0]
    wrong = bad[:-1] + ("0" if bad[-1] != "0" else "1")
    deliver(settings, *(issued(CODE, user(i), [wrong] if i == 3 else numbers(1)) for i in range(6)))
    assert totals(admin, raffle) == (5, 5)
    assert dead_letters(admin) == 1


def test_a_raffle_closes_only_when_messages_from_before_its_end_have_come_in(
    settings: Settings, admin: Admin, raffle: int
) -> None:
    told = issued(CODE, user(1), numbers(1))
    admin.execute(
        """
        INSERT INTO raffle_schema.inbox_events (event_id, consumer, event_type, aggregate_type, aggregate_key, event)
        VALUES (%s, 'take_ticket_events', 'tickets.issued', 'issuance', 'x', jsonb_build_object('time', %s::text))
        """,
        (uuid4(), yesterday().isoformat()),
    )
    with pytest.raises(ConflictError) as refused:
        asked(settings, lambda conn: raffles.close_raffle(conn, CODE))
    assert refused.value.code == "raffle.entries_waiting"
    admin.execute("DELETE FROM raffle_schema.inbox_events WHERE aggregate_key = 'x'")
    deliver(settings, told)
    asked(settings, lambda conn: raffles.close_raffle(conn, CODE))
    assert totals(admin, raffle) == (1, 1)
    # What comes after all that goes back to its holder.
    late = issued(CODE, user(2), numbers(1))
    deliver(settings, late)
    assert told_back(admin, CODE) == [("NOT_OPEN", late.data["numbers"])]


def test_the_close_waits_for_tickets_under_way(settings: Settings, admin: Conn, as_role: Connect, raffle: int) -> None:
    told = issued(CODE, user(1), numbers(2))
    entering, closing = as_role("raffle_app"), as_role("raffle_app")
    with ThreadPoolExecutor(1) as pool:
        with entering.transaction():
            entering.execute(
                "SELECT * FROM raffle_schema.enter_tickets(%s, %s::uuid[], %s::uuid[], %s, %s::timestamptz[], %s)",
                (
                    [CODE],
                    [told.subject],
                    [told.data["user_id"]],
                    ["BONUS"],
                    [told.data["entered_at"]],
                    [",".join(told.data["numbers"])],
                ),
            )
            racing = pool.submit(move, closing, raffle, "CLOSED")
            wait_until_blocked(admin, closing)
        racing.result(timeout=20)
    assert totals(admin, raffle) == counted(admin, raffle) == (2, 1)


def test_the_service_chooses_neither_hash_nor_tag_nor_reads_the_key(as_role: Connect, raffle: int) -> None:
    app, reader = as_role("raffle_app"), as_role("raffle_ro")
    for conn, statement in (
        (app, "INSERT INTO raffle_schema.raffle_entries (entry_hash) VALUES (DEFAULT)"),
        (app, "UPDATE raffle_schema.raffle_entries SET owner_tag = DEFAULT"),
        (app, "UPDATE raffle_schema.raffle_entries SET entry_hash = DEFAULT"),
        (app, "SELECT owner_key FROM raffle_schema.raffle_owner_keys"),
        (reader, "SELECT owner_key FROM raffle_schema.raffle_owner_keys"),
        (app, "SELECT raffle_schema.owner_tag(1, gen_random_uuid())"),
    ):
        with pytest.raises(Exception, match="permission denied"):
            conn.execute(statement.encode())


def test_messages_that_were_given_up_hold_the_close_back_until_they_are_replayed(
    settings: Settings, admin: Admin, raffle: int
) -> None:
    bad = numbers(1)[0]
    deliver(settings, issued(CODE, user(1), [bad[:-1] + ("0" if bad[-1] != "0" else "1")]))
    assert dead_letters(admin) == 1
    with pytest.raises(ConflictError) as refused:
        asked(settings, lambda conn: raffles.close_raffle(conn, CODE))
    assert refused.value.code == "raffle.entries_waiting"
    admin.execute("UPDATE raffle_schema.dead_letters SET replayed_at = now()")
    asked(settings, lambda conn: raffles.close_raffle(conn, CODE))


def over_since(admin: Admin, raffle: int, seconds: float) -> None:
    admin.execute("ALTER TABLE raffle_schema.raffles DISABLE TRIGGER USER")
    admin.execute(
        "UPDATE raffle_schema.raffles SET closes_at = now() - make_interval(secs => %s) WHERE id = %s",
        (seconds, raffle),
    )
    admin.execute("ALTER TABLE raffle_schema.raffles ENABLE TRIGGER USER")


def test_by_hand_a_raffle_closes_no_sooner_than_by_itself(settings: Settings, admin: Admin, raffle: int) -> None:
    over_since(admin, raffle, 5)
    with pytest.raises(ConflictError) as refused:
        asked(settings, lambda conn: raffles.close_raffle(conn, CODE))
    assert refused.value.code == "raffle.entries_waiting"


def test_after_the_grace_the_close_waits_for_who_holds_the_raffle(
    settings: Settings, admin: Admin, as_role: Connect, raffle: int
) -> None:
    over_since(admin, raffle, 1900)
    holding = as_role("raffle_app")
    with ThreadPoolExecutor(1) as pool:
        with holding.transaction():
            holding.execute("SELECT FROM raffle_schema.raffles WHERE id = %s FOR SHARE", (raffle,))
            closing = pool.submit(asked, settings, raffles.close_due)
            time.sleep(1)
            assert not closing.done()
        assert closing.result(timeout=20) >= 1
    assert admin.execute("SELECT status FROM raffle_schema.raffles WHERE id = %s", (raffle,)).fetchone() == ("CLOSED",)


def test_who_holds_a_closed_raffle_holds_no_ticket_of_another_back(
    settings: Settings, admin: Admin, as_role: Connect, raffle: int
) -> None:
    app = as_role("raffle_app")
    closed = opened(app, "ENTER-2")
    move(app, closed, "CLOSED")
    with app.transaction():
        app.execute("SELECT FROM raffle_schema.raffles WHERE id = %s FOR UPDATE", (closed,))
        deliver(settings, issued("ENTER-2", user(1), numbers(1)), issued(CODE, user(1), numbers(2)))
        assert totals(admin, raffle) == (2, 1)
        assert [reason for reason, _ in told_back(admin, "ENTER-2")] == ["NOT_OPEN"]


def test_the_same_refusal_is_told_each_time_and_kept_once(settings: Settings, admin: Admin, as_role: Connect) -> None:
    opened(as_role("raffle_app"), "ENTER-2", max_tickets=1)
    deliver(settings, issued("ENTER-2", user(1), numbers(1)))
    again, issuance = numbers(2), uuid4()
    for _ in range(3):
        deliver(settings, issued("ENTER-2", user(1), again, issuance=issuance))
    assert told_back(admin, "ENTER-2") == [("OVER_LIMIT", sorted(again))] * 3
    kept = admin.execute("SELECT count(*) FROM raffle_schema.refused_tickets WHERE raffle_code = 'ENTER-2'").fetchone()
    assert kept == (1,)


def test_batches_in_which_tickets_come_and_go_do_not_wait_for_each_other_in_a_circle(
    settings: Settings, admin: Admin, raffle: int
) -> None:
    had = {number: issued(CODE, user(number), numbers(2)) for number in (1, 2)}
    deliver(settings, *had.values())

    async def work(db: Database) -> None:
        async def one(first: int, second: int) -> None:
            batch = [issued(CODE, user(first), numbers(1)), revoked(had[second], had[second].data["numbers"][:1])]
            for _ in range(8):
                batch.append(issued(CODE, user(second), numbers(1)))
                batch.append(revoked(batch[0], []))
            async with db.transaction() as conn:
                await take_ticket_events(conn, batch)

        await asyncio.gather(one(1, 2), one(2, 1))

    with_raffles(settings, work)
    assert totals(admin, raffle) == counted(admin, raffle) == (20, 2)
    assert miscounted(admin) == []


def test_refusals_are_forgotten_after_a_year(settings: Settings, admin: Admin) -> None:
    deliver(settings, issued("NOBODY", user(1), numbers(1)), issued("NOBODY", user(2), numbers(1)))
    admin.execute(
        "UPDATE raffle_schema.refused_tickets SET created_at = now() - interval '400 days' WHERE user_id = %s",
        (user(1),),
    )

    async def forget(db: Database) -> None:
        await next(job for job in RAFFLE_JOBS if job.name == "raffle.forget_refused_tickets").run(db, {})

    with_raffles(settings, forget)
    found = admin.execute("SELECT user_id FROM raffle_schema.refused_tickets WHERE raffle_code = 'NOBODY'").fetchall()
    assert found == [(user(2),)]
