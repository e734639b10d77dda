"""What a worker does for draws unasked."""

import asyncio
from typing import Any

import psycopg

from gasolinera.config import Settings
from gasolinera.database import open_database
from gasolinera.keyring import load_keyring
from gasolinera.raffle.draw_keeping import keep
from gasolinera.raffle.models_draws import NO_EVIDENCE
from tests.raffle.draw_steps import Entered, close_raffle, freeze_now, move, terms

Admin = psycopg.Connection[Any]


def keep_once(settings: Settings, *, pause_s: float = 0.0, gap_s: int = 1) -> int:
    chosen = settings.model_copy(update={"raffle_gap_s": gap_s})

    async def work() -> int:
        await asyncio.sleep(pause_s)
        async with open_database(chosen, "raffle") as db:
            return await keep(db, chosen, load_keyring(chosen))

    return asyncio.run(work())


def states(admin: Admin, code: str) -> list[tuple[Any, ...]]:
    return admin.execute(
        """
        SELECT d.chain_number, d.status, r.status FROM raffle_schema.raffle_draws AS d
          JOIN raffle_schema.raffles AS r ON r.id = d.raffle_id WHERE r.raffle_code = %s ORDER BY 1
        """,
        (code,),
    ).fetchall()


def test_a_closed_raffle_is_frozen_and_drawn_when_its_round_has_come(settings: Settings, admin: Admin) -> None:
    close_raffle(admin, "T-KEPT", [Entered(1, 2), Entered(2, 1)])
    close_raffle(admin, "T-EMPTY", [])
    assert keep_once(settings) == 1
    assert states(admin, "T-KEPT") == [(2, "FROZEN", "CLOSED")]
    assert keep_once(settings, pause_s=3.1) == 1
    assert states(admin, "T-KEPT") == [(2, "DRAWN", "COMPLETED")]
    assert keep_once(settings) == 0


def test_without_required_evidence_a_draw_is_given_up_before_its_round_and_frozen_anew(
    settings: Settings, admin: Admin
) -> None:
    close_raffle(admin, "T-FAIR", [Entered(1, 1)], algorithm="PROVABLY_FAIR")
    assert keep_once(settings, gap_s=4) == 1
    assert keep_once(settings, gap_s=4) == 0, "there is still time for evidence"
    assert keep_once(settings, pause_s=6.1, gap_s=600) == 2
    assert states(admin, "T-FAIR") == [(2, "VOID", "CLOSED"), (3, "FROZEN", "CLOSED")]


def test_without_required_evidence_nothing_is_drawn_once_the_round_is_out(settings: Settings, admin: Admin) -> None:
    close_raffle(admin, "T-FAIR", [Entered(1, 1)], algorithm="PROVABLY_FAIR")
    assert keep_once(settings) == 1
    assert keep_once(settings, pause_s=4.1) == 0
    assert states(admin, "T-FAIR") == [(2, "FROZEN", "CLOSED")]


def test_the_draw_of_a_cancelled_raffle_is_given_up(settings: Settings, admin: Admin) -> None:
    raffle = close_raffle(admin, "T-GONE", [Entered(1, 1)])
    assert keep_once(settings, gap_s=60) == 1
    move(admin, raffle, "CANCELLED")
    assert keep_once(settings) == 1
    assert states(admin, "T-GONE") == [(2, "VOID", "CANCELLED")]


def test_what_had_no_evidence_three_times_waits_for_an_operator(settings: Settings, admin: Admin) -> None:
    close_raffle(admin, "T-FAIR", [Entered(1, 1)], algorithm="PROVABLY_FAIR")
    for _ in range(3):
        assert keep_once(settings, gap_s=60) == 1
        with admin.transaction():
            admin.execute("SET LOCAL session_replication_role = replica")
            admin.execute(
                """
                UPDATE raffle_schema.raffle_draws SET status = 'VOID', void_reason = %s, voided_at = now(),
                       void_signature = sha256('a') || sha256('b') WHERE status = 'FROZEN'
                """,
                (NO_EVIDENCE,),
            )
    assert keep_once(settings, gap_s=60) == 0

    async def by_hand() -> int:
        async with open_database(settings, "raffle") as db:
            return (await freeze_now(db, "T-FAIR", terms(gap_s=60))).draw_number

    assert asyncio.run(by_hand()) == 5


def test_a_raffle_that_the_database_refuses_keeps_no_other_back(settings: Settings, admin: Admin) -> None:
    broken = close_raffle(admin, "T-A-BROKEN", [Entered(1, 1)])
    close_raffle(admin, "T-B-SOUND", [Entered(2, 1)])
    admin.execute(f"ALTER TABLE raffle_schema.raffle_draws ADD CHECK (raffle_id <> {broken})".encode())
    assert keep_once(settings) == 1
    assert states(admin, "T-A-BROKEN") == []
    assert states(admin, "T-B-SOUND") == [(2, "FROZEN", "CLOSED")]


def test_a_round_of_another_chain_than_the_manifests_is_not_even_asked_for(settings: Settings, admin: Admin) -> None:
    close_raffle(admin, "T-CHAIN", [Entered(1, 1)])
    assert keep_once(settings) == 1
    elsewhere = settings.model_copy(update={"beacon_chain": "quicknet", "beacon_relays": "http://127.0.0.1:9"})
    assert keep_once(elsewhere, pause_s=3.1) == 0
    assert states(admin, "T-CHAIN") == [(2, "FROZEN", "CLOSED")]
