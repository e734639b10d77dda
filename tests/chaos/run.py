"""One run of chaos: everything dies while sixty-four tills work; then it comes to rest, and all is added up."""

import asyncio
import random
import time
from collections import Counter
from contextlib import suppress
from decimal import Decimal
from typing import Any, Final

import httpx
import msgspec
import psycopg

from gasolinera.config import Settings
from gasolinera.keyring import load_keyring
from tests.chaos.clients import Tills, Told, cashier, customer
from tests.chaos.processes import Conn, Platform, until, until_ready
from tests.coupon.at_hand import make_campaign, make_coupon
from tests.redemption.desk import due_now
from tests.redemption.reckoning import disagreements, what_is_left

_TILLS: Final = 64
_CUSTOMERS: Final = 140  # of tills, and of what is left in the end
_REST_WITHIN_S: Final = 120.0
_CENT: Final = Decimal("0.01")
# Three campaigns whose coupons everybody wants: one use for all, a tight budget, a tight limit of uses.
_CAMPAIGNS: Final[dict[str, dict[str, Any]]] = {
    "ONE": {"cancellation_policy": "RESTORE", "budget_amount": Decimal(100_000)},
    "BUDGET": {"cancellation_policy": "RESTORE_IF_VALID", "budget_amount": Decimal("700.07"), "shard_count": 8},
    "LIMIT": {
        "cancellation_policy": "FORFEIT",
        "total_usage_limit": 25,
        "per_user_usage_limit": 4,
        "per_user_period": "DAY",
        "per_user_period_limit": 3,
        "shard_count": 4,
    },
}


class Outcome(msgspec.Struct, frozen=True):
    """What a run did, and what is wrong after it; nothing wrong is good."""

    seed: int
    seconds: float
    events: tuple[str, ...]
    heard: Counter[str]
    ends: Counter[str]
    wrong: tuple[str, ...]


async def run(platform: Platform, *, seed: int, rounds: int = 1) -> Outcome:
    """Raises AssertionError where the platform does not come to rest in time."""
    began = time.monotonic()
    chance = random.Random(seed)  # noqa: S311  plays, guards nothing
    prefix = f"CHAOS{seed}X"
    with platform.cluster.connect(platform.database) as admin:
        coupons = _prepare(admin, prefix)
    settings = Settings.model_validate({"environment": "test", "keys_file": platform.keys_file})
    async with httpx.AsyncClient(limits=httpx.Limits(max_connections=None)) as http:
        tills = Tills(http, platform.urls, load_keyring(settings), seed)
        working = [asyncio.create_task(tills.work(till, coupons)) for till in range(_TILLS)]
        events = await _disturb(platform, chance, rounds)
        tills.is_over = True
        platform.start_all()
        await until_ready(platform)
        await _all_answered(platform, working)
        await _come_to_rest(platform)
        wrong = [*tills.wrong, *_added_up(platform, prefix, tills.told)]
        if not wrong:
            wrong += await _use_what_is_left(platform, prefix, tills)
    with platform.cluster.connect(platform.database) as admin:
        query = "SELECT status, count(*) FROM redemption_schema.redemptions WHERE starts_with(campaign_code, %s)"
        ends = Counter(dict[str, int](admin.execute(query + " GROUP BY 1", (prefix,)).fetchall()))
    wrong += _unforeseen(platform)
    return Outcome(seed, time.monotonic() - began, tuple(events), tills.heard, ends, tuple(wrong))


def _unforeseen(platform: Platform) -> list[str]:
    """Errors that nobody thought of; the library of the jobs tells of every lost connection as of one."""
    requests = [
        line
        for line in platform.logs("api-*.log").splitlines()
        if "Traceback" in line and "client disconnected prematurely" not in line  # a till that waited long enough
    ]
    loops = [line for line in platform.logs("worker.log").splitlines() if '"poll_failed"' in line]
    return requests + loops


def _prepare(admin: Conn, prefix: str) -> list[str]:
    """Campaigns, people and coupons; the codes, the one that everybody wants again and again."""
    admin.execute("UPDATE redemption_schema.fraud_rules SET is_enabled = false")
    for till in range(_TILLS):
        admin.execute(
            "INSERT INTO redemption_schema.employments (employee_number, user_id, station_code,"
            " may_process_transactions, is_active, as_of) VALUES (%s, %s, 'JSM001', true, true, now())"
            " ON CONFLICT DO NOTHING",
            (f"EMP{700000 + till}", cashier(till)),
        )
    for number in range(_CUSTOMERS):
        admin.execute(
            "INSERT INTO auth_schema.users (public_id, phone_number, first_name, last_name, phone_verified_at,"
            " terms_version, terms_accepted_at, age_confirmed_at)"
            " VALUES (%s, %s, 'Somebody', 'Who buys', now(), '2026-01', now(), now()) ON CONFLICT DO NOTHING",
            (customer(number), f"+52555{8000000 + number}"),
        )
    ids = {
        name: make_campaign(admin, prefix + name, raffle_tickets_per_coupon=2, **terms)
        for name, terms in _CAMPAIGNS.items()
    }
    one = make_coupon(admin, ids["ONE"], None)
    some = [make_coupon(admin, ids["BUDGET"], None, max_usage=3) for _ in range(8)]
    limited = [make_coupon(admin, ids["LIMIT"], None, max_usage=5) for _ in range(6)]
    return [one] * 6 + some + limited


async def _disturb(platform: Platform, chance: random.Random, rounds: int) -> list[str]:
    """Everything that may happen, once each round; meanwhile much is found to be overdue."""
    happened: list[str] = []
    kinds = [
        platform.kill_api,
        platform.kill_worker,
        platform.kill_backend,
        platform.end_connections,
        platform.restart_server,
        platform.kill_server,
        platform.freeze,
    ]
    for _ in range(rounds):
        chance.shuffle(kinds)
        for disturb in kinds:
            await asyncio.sleep(chance.uniform(0.3, 0.9))
            await asyncio.to_thread(_time_passes, platform)
            happened.append(await disturb(chance))
    return happened


def _time_passes(platform: Platform) -> None:
    """The recovery takes what is under way, although its request still is: as it may when a process hangs."""
    with suppress(psycopg.Error), platform.cluster.connect(platform.database) as admin:
        admin.execute("SET statement_timeout = '2s'")
        due_now(admin)
        for schema in ("coupon_schema", "redemption_schema"):
            admin.execute(f"UPDATE {schema}.outbox_events SET next_attempt_at = now() WHERE published_at IS NULL")
            admin.execute(f"UPDATE {schema}.inbox_events SET next_attempt_at = now() WHERE settled_at IS NULL")


async def _all_answered(platform: Platform, working: list[asyncio.Task[None]]) -> None:
    done, left = await asyncio.wait(working, timeout=_REST_WITHIN_S)
    for task in left:
        task.cancel()
    assert not left, f"{len(left)} tills never got an answer:\n{platform.logs()[-3000:]}"
    for task in done:
        task.result()


async def _come_to_rest(platform: Platform) -> None:
    async def is_at_rest() -> bool:
        return not await asyncio.to_thread(_left_to_do, platform)

    await until(is_at_rest, f"it does not come to rest:\n{platform.logs()[-3000:]}", _REST_WITHIN_S)


def _left_to_do(platform: Platform) -> int:
    _time_passes(platform)
    with platform.cluster.connect(platform.database) as admin:
        row = admin.execute(
            """
            SELECT (SELECT count(*) FROM redemption_schema.redemptions
                     WHERE status = 'IN_PROGRESS' OR status = 'PENDING' AND flow = 'ONE_SHOT')
                 + (SELECT count(*) FROM redemption_schema.outbox_events WHERE published_at IS NULL)
                 + (SELECT count(*) FROM coupon_schema.outbox_events WHERE published_at IS NULL)
                 + (SELECT count(*) FROM redemption_schema.inbox_events WHERE settled_at IS NULL)
                 + (SELECT count(*) FROM coupon_schema.inbox_events WHERE settled_at IS NULL)
            """
        ).fetchone()
    assert row is not None
    return int(row[0])


def _added_up(platform: Platform, prefix: str, told: list[Told]) -> list[str]:
    with platform.cluster.connect(platform.database) as admin:
        wrong = _disagreements(admin, prefix, at_rest=True)
        rows = admin.execute(
            "SELECT idempotency_key, transaction_reference, status, completed_at IS NOT NULL, discount_amount,"
            "       tickets_earned FROM redemption_schema.redemptions WHERE starts_with(campaign_code, %s)",
            (prefix,),
        ).fetchall()
    known = {row[0]: row[1:] for row in rows}
    if len(known) < len(rows):
        wrong.append("a key is two redemptions")
    for one in told:
        is_so = _is_as_told(one, known.get(one.key))
        if not is_so:
            wrong.append(f"{one} is not {known.get(one.key)}")
    return wrong


def _disagreements(admin: Conn, prefix: str, *, at_rest: bool) -> list[str]:
    found = disagreements(admin, prefix, at_rest=at_rest)
    return [f"{count} times not so: {name}" for name, count in found.items()]


def _is_as_told(told: Told, row: tuple[Any, ...] | None) -> bool:
    if row is None:
        return told.reference is None and told.completed is None
    reference, status, was_completed, *facts = row
    return (
        told.reference in (None, reference)
        and (told.completed is None or (was_completed and tuple(facts) == told.completed))
        and (not told.is_cancelled or status == "CANCELLED")
        and (told.refused is None or (status == "FAILED" and told.completed is None))
        and (told.asked_to_cancel or status != "CANCELLED")
    )


async def _use_what_is_left(platform: Platform, prefix: str, tills: Tills) -> list[str]:
    """To the last use and the last cent, through HTTP; and nothing beyond."""
    wrong: list[str] = []
    with platform.cluster.connect(platform.database) as admin:
        for campaign in (f"{prefix}BUDGET", f"{prefix}LIMIT"):
            shares = _shares_left(admin, campaign)
            for number, share in enumerate([*shares, _CENT]):
                terms: dict[str, Any] = {"discount_type": "FIXED_AMOUNT", "discount_value": share}
                found = admin.execute(
                    "SELECT id FROM coupon_schema.campaigns WHERE campaign_code = %s", (campaign,)
                ).fetchone()
                assert found is not None
                body = {
                    "code": make_coupon(admin, found[0], None, **terms),
                    "fuel_type": "REGULAR",
                    "amount": "2000",
                    "dispenser_code": "D03",
                    "customer": str(customer(100 + number)),
                }
                status = await tills.redeem(number % _TILLS, f"a-key-of-what-is-left-{campaign}-{number:03}", body)
                if status != (201 if number < len(shares) else 409):
                    wrong.append(f"{campaign}: of {shares} number {number} was answered {status}")
        wrong += _disagreements(admin, prefix, at_rest=False)
    return wrong


def _shares_left(admin: Conn, campaign: str) -> list[Decimal]:
    uses, money = what_is_left(admin, campaign)
    if uses is not None:
        return [_CENT] * uses
    halves = [Decimal(int(money)) / 2, money - Decimal(int(money)) / 2]
    return [share for share in halves if share > 0]
