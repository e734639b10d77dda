"""The report of redemptions says what the redemptions say: whatever is folded when, and in whatever zone."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar
from uuid import uuid4

import psycopg
import pytest

from gasolinera.config import Settings
from gasolinera.database import Database, open_database
from gasolinera.events import Event
from gasolinera.redemption import reports
from gasolinera.redemption.fraud import take_station_changed
from gasolinera.redemption.models import Fuel, RedemptionRequest
from gasolinera.redemption.models_reports import By, Difference
from gasolinera.redemption.redeeming import cancel, redeem
from tests.coupon.at_hand import make_campaign, make_coupon
from tests.redemption.desk import ADMINISTRATOR, ATTENDANT, Conn, Services, open_services, user

Told = TypeVar("Told")
Key = tuple[date, str, str]
Facts = dict[str, Decimal]


@pytest.fixture(autouse=True)
def nothing_before(admin: Conn) -> None:
    """Each test counts its own redemptions, not the sample's."""
    admin.execute("DELETE FROM redemption_schema.report_changes")
    admin.execute("UPDATE redemption_schema.fraud_rules SET is_enabled = false")


def run(settings: Settings, work: Callable[[Database], Awaitable[Told]]) -> Told:
    async def opened() -> Told:
        async with open_database(settings, "redemption") as db:
            return await work(db)

    return asyncio.run(opened())


def begin(admin: Conn, station: str = "JSM001", campaign: str | None = "REPORTED", amount: str = "500.00") -> int:
    """A redemption under way since long ago; its id."""
    found = admin.execute(
        "INSERT INTO redemption_schema.redemptions (user_id, coupon_code, campaign_code, station_code, employee_number,"
        " dispenser_code, validation_method, fuel_type, fuel_litres, price_per_litre, original_amount, final_amount,"
        " currency, idempotency_key, created_at) VALUES (%s, %s, %s, %s, 'EMP000022', 'D01', 'PUMP_QR', 'REGULAR',"
        " 10.5, %s / 10.5, %s, %s, 'MXN', %s, '2026-01-01 00:00:00Z') RETURNING id",
        (
            user(51),
            None if campaign is None else "7K2M9QXD4T5WP",
            campaign,
            station,
            Decimal(amount),
            Decimal(amount),
            Decimal(amount),
            str(uuid4()),
        ),
    ).fetchone()
    assert found is not None
    return int(found[0])


def complete(admin: Conn, redemption: int, at: str | None = None, discount: str = "50.00", tickets: int = 0) -> None:
    admin.execute(
        "UPDATE redemption_schema.redemptions SET status = 'COMPLETED', completed_at = coalesce(%s, now()),"
        " discount_amount = %s, final_amount = original_amount - %s, tickets_earned = %s WHERE id = %s",
        (at, discount, discount, tickets, redemption),
    )


def cancel_one(admin: Conn, redemption: int) -> None:
    admin.execute("UPDATE redemption_schema.redemptions SET status = 'CANCELLED' WHERE id = %s", (redemption,))


def days(admin: Conn) -> dict[Key, tuple[Any, ...]]:
    """What the report says: completed, cancelled, final amount, cancelled amount, litres, tickets, taken back."""
    rows = admin.execute(
        "SELECT business_day, station_code, campaign_code, completed, cancelled, final_amount, cancelled_amount,"
        " fuel_litres, tickets_earned, tickets_taken_back FROM redemption_schema.redemption_days"
    ).fetchall()
    return {row[:3]: row[3:] for row in rows}


async def tell_zone(db: Database, station: str, zone: str) -> None:
    data = {"station_code": station, "latitude": 19.0, "longitude": -99.0, "time_zone": zone}
    event = Event(
        id=uuid4(), type="station.changed", source="urn:gasolinera:station", aggregate="station", subject=station,
        time=datetime.now(UTC), data=data,
    )  # fmt: skip
    async with db.transaction() as conn:
        await take_station_changed(conn, event)


def test_a_day_begins_when_it_does_at_the_station_in_summer_and_in_winter(settings: Settings, admin: Conn) -> None:
    # Tijuana is at UTC-7 in summer, from 8 March to 1 November 2026, and else at UTC-8; Costa Rica always at UTC-6.
    moments = {
        "JSM001": [
            ("2026-03-08 07:59:59Z", date(2026, 3, 7)),
            ("2026-03-08 08:00:00Z", date(2026, 3, 8)),
            ("2026-03-09 06:59:59Z", date(2026, 3, 8)),  # a day of 23 hours
            ("2026-03-09 07:00:00Z", date(2026, 3, 9)),
            ("2026-11-01 07:00:00Z", date(2026, 11, 1)),
            ("2026-11-02 07:59:59Z", date(2026, 11, 1)),  # a day of 25 hours
            ("2026-11-02 08:00:00Z", date(2026, 11, 2)),
        ],
        "JSM002": [
            ("2026-03-09 05:59:59Z", date(2026, 3, 8)),
            ("2026-03-09 06:00:00Z", date(2026, 3, 9)),
            ("2026-11-02 05:59:59Z", date(2026, 11, 1)),
            ("2026-11-02 06:00:00Z", date(2026, 11, 2)),
        ],
        "JSM003": [("2026-03-08 23:59:59Z", date(2026, 3, 8)), ("2026-03-09 00:00:00Z", date(2026, 3, 9))],
    }

    async def tell(db: Database) -> None:
        await tell_zone(db, "JSM001", "America/Tijuana")
        await tell_zone(db, "JSM002", "America/Costa_Rica")

    run(settings, tell)  # of JSM003 nobody tells
    wanted: dict[Key, int] = {}
    for station, known in moments.items():
        for at, day in known:
            complete(admin, begin(admin, station), at)
            wanted[day, station, "REPORTED"] = wanted.get((day, station, "REPORTED"), 0) + 1
    assert run(settings, reports.refresh) == 13
    assert {key: facts[0] for key, facts in days(admin).items()} == wanted


def test_another_zone_moves_no_history_and_a_late_cancellation_counts_in_the_day_of_its_redemption(
    settings: Settings, admin: Conn
) -> None:
    run(settings, lambda db: tell_zone(db, "JSM001", "America/Mexico_City"))
    late = begin(admin)
    complete(admin, late, "2026-05-02 05:59:59Z", tickets=3)  # still the first of May there
    kept = begin(admin, campaign=None)
    complete(admin, kept, "2026-05-02 05:59:59Z", discount="0")
    run(settings, reports.refresh)
    first = date(2026, 5, 1)
    assert days(admin) == {
        (first, "JSM001", "REPORTED"): (1, 0, Decimal(450), 0, Decimal("10.5"), 3, 0),
        (first, "JSM001", ""): (1, 0, Decimal(500), 0, Decimal("10.5"), 0, 0),
    }
    run(settings, lambda db: tell_zone(db, "JSM001", "America/Cancun"))  # an hour ahead: the second of May
    cancel_one(admin, late)
    complete(admin, begin(admin), "2026-05-02 05:59:59Z")
    assert run(settings, reports.refresh) == 2
    assert days(admin) == {
        (first, "JSM001", "REPORTED"): (1, 1, 0, Decimal(450), 0, 3, 3),
        (first, "JSM001", ""): (1, 0, Decimal(500), 0, Decimal("10.5"), 0, 0),
        (date(2026, 5, 2), "JSM001", "REPORTED"): (1, 0, Decimal(450), 0, Decimal("10.5"), 0, 0),
    }
    before = days(admin)
    assert run(settings, reports.refresh) == 0
    assert days(admin) == before


def test_what_never_completed_is_in_no_report(settings: Settings, admin: Conn) -> None:
    cancel_one(admin, begin(admin))
    failed = begin(admin)
    admin.execute(
        "UPDATE redemption_schema.redemptions SET status = 'FAILED', failure_code = 'COUPON_REFUSED' WHERE id = %s",
        (failed,),
    )
    begin(admin)
    assert run(settings, reports.refresh) == 0
    assert days(admin) == {}


def test_a_ticket_whose_draw_was_held_is_not_taken_back(settings: Settings, admin: Conn) -> None:
    redemption = begin(admin)
    complete(admin, redemption, tickets=5)
    held = "UPDATE redemption_schema.raffle_tickets SET status = %s, raffle_code = 'R-1' WHERE redemption_id = %s"
    for status in ("ENTERED", "USED"):
        admin.execute(f"{held} AND ordinal <= 2".encode(), (status, redemption))
    cancel_one(admin, redemption)
    run(settings, reports.refresh)
    assert [facts[5:] for facts in days(admin).values()] == [(5, 3)]


def test_folding_that_dies_leaves_everything_to_the_next(settings: Settings, admin: Conn) -> None:
    for _ in range(5):
        complete(admin, begin(admin), "2026-05-02 12:00:00Z")

    async def dies(db: Database) -> None:
        async with db.transaction() as conn:
            assert await conn.fetchval("SELECT redemption_schema.fold_report_changes(3)") == 3
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(settings, dies)
    assert days(admin) == {}
    assert run(settings, reports.refresh) == 5
    assert [facts[0] for facts in days(admin).values()] == [5]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_whatever_happens_in_whatever_order_the_report_is_the_sum_of_it(
    settings: Settings, admin: Conn, seed: int
) -> None:
    """Against sums kept beside it; some of it folded a few changes at a time, in between."""
    chance = random.Random(seed)  # noqa: S311  guards nothing
    sums: dict[Key, list[Decimal]] = {}
    open_ones: list[tuple[int, str, str, Decimal]] = []
    standing: list[tuple[int, Key, Decimal, int]] = []
    for _ in range(120):
        step = chance.random()
        if step < 0.35 or not open_ones:
            station, campaign = chance.choice(["JSM001", "JSM002"]), chance.choice(["ONE", "OTHER"])
            amount = Decimal(chance.randrange(10_000, 99_999)) / 100
            open_ones.append((begin(admin, station, campaign, str(amount)), station, campaign, amount))
        elif step < 0.7:
            redemption, station, campaign, amount = open_ones.pop(chance.randrange(len(open_ones)))
            day = date(2026, 6, chance.randrange(1, 4))
            discount, tickets = Decimal(chance.randrange(0, 9_999)) / 100, chance.randrange(3)
            complete(admin, redemption, f"{day} 12:00:00Z", str(discount), tickets)
            line = sums.setdefault((day, station, campaign), [Decimal(0)] * 7)
            for place, more in enumerate((1, 0, amount - discount, 0, Decimal("10.5"), tickets, 0)):
                line[place] += more
            standing.append((redemption, (day, station, campaign), amount - discount, tickets))
        elif step < 0.85 and standing:
            redemption, key, paid, tickets = standing.pop(chance.randrange(len(standing)))
            cancel_one(admin, redemption)
            for place, more in enumerate((0, 1, -paid, paid, -Decimal("10.5"), 0, tickets)):
                sums[key][place] += more
        else:
            admin.execute("SELECT redemption_schema.fold_report_changes(%s)", (chance.randrange(1, 5),))
            if chance.random() < 0.3:
                june = {"first_day": date(2026, 6, 1), "last_day": date(2026, 6, chance.randrange(1, 4))}
                run(settings, partial(reports.rebuild, **june))
            # What is not folded yet is missing on neither side.
            found = run(settings, lambda db: reports.check(db, first_day=date(2026, 6, 1), last_day=date(2026, 6, 3)))
            assert found.differences == ()
    run(settings, reports.refresh)
    assert days(admin) == {key: tuple(line) for key, line in sums.items()}


def test_redemptions_cancellations_and_refreshes_race_and_every_total_is_that_of_the_facts(
    settings: Settings, admin: Conn
) -> None:
    campaign = make_campaign(admin, "RACED", raffle_tickets_per_coupon=2, cancellation_policy="RESTORE")
    codes = [make_coupon(admin, campaign, user(300 + number)) for number in range(24)]
    over = asyncio.Event()

    async def one(services: Services, number: int, code: str) -> None:
        asked = RedemptionRequest(
            code=code, fuel_type=Fuel.REGULAR, amount=Decimal(500), dispenser_code="D03", customer=user(300 + number)
        )
        arguments = services.db, services.coupons, services.context
        done = await redeem(*arguments, ATTENDANT, f"a-key-of-report-{number:04}", asked)
        if number % 3 == 0:
            await cancel(*arguments, ADMINISTRATOR, done.transaction_reference, "The customer changed his mind.")

    async def keep_refreshing(db: Database) -> int:
        count = 0
        while not over.is_set():
            count += await reports.refresh(db)
            await reports.rebuild(db)
        return count

    async def race() -> int:
        async with open_services(settings) as services:
            folding = [asyncio.create_task(keep_refreshing(services.db)) for _ in range(2)]
            await asyncio.gather(*(one(services, number, code) for number, code in enumerate(codes)))
            over.set()
            return sum(await asyncio.gather(*folding)) + await reports.refresh(services.db)

    assert asyncio.run(race()) == 24 + 8
    raced = [facts for key, facts in days(admin).items() if key[2] == "RACED"]
    # 24 at 500 less 10 %, of which 8 were cancelled.
    assert [sum(column) for column in zip(*raced, strict=True)][:4] == [24, 8, 16 * 450, 8 * 450]
    assert [sum(column) for column in zip(*raced, strict=True)][5:] == [48, 16]
    found = run(settings, lambda db: reports.check(db, first_day=datetime.now(UTC).date() - timedelta(days=2)))
    assert (found.differences, found.waiting_count) == ((), 0)
    assert found.as_of is not None


def test_the_check_finds_a_wrong_sum_a_lost_change_and_a_line_out_of_nothing(settings: Settings, admin: Conn) -> None:
    async def check(db: Database) -> tuple[Difference, ...]:
        return (await reports.check(db, first_day=date(2026, 5, 1), last_day=date(2026, 5, 31))).differences

    for at in ("2026-05-02 12:00:00Z", "2026-05-03 12:00:00Z"):
        complete(admin, begin(admin), at)
    run(settings, reports.refresh)
    assert run(settings, check) == ()
    admin.execute("UPDATE redemption_schema.redemption_days SET fuel_litres = 11 WHERE business_day = '2026-05-02'")
    complete(admin, begin(admin), "2026-05-04 12:00:00Z")
    admin.execute("DELETE FROM redemption_schema.report_changes")
    admin.execute(
        "UPDATE redemption_schema.redemption_days SET station_code = 'JSM009' WHERE business_day = '2026-05-03'"
    )
    found = run(settings, check)
    wrong = {(one.business_day.day, one.station_code, one.told, one.fact) for one in found}
    assert (2, "JSM001", Decimal(11), Decimal("10.5")) in wrong
    assert (4, "JSM001", None, Decimal(1)) in wrong
    assert (3, "JSM009", Decimal(1), None) in wrong
    assert (3, "JSM001", None, Decimal(1)) in wrong
    assert not any(one.business_day.day == 2 and one.measure != "fuel_litres" for one in found)


def test_the_runtime_role_can_neither_write_a_report_nor_date_a_redemption(
    as_role: Callable[[str], psycopg.Connection[Any]],
) -> None:
    app = as_role("redemption_app")
    for statement in (
        "UPDATE redemption_schema.redemption_days SET completed = 1",
        "INSERT INTO redemption_schema.report_changes (redemption_id, became) VALUES (1, 'COMPLETED')",
        "DELETE FROM redemption_schema.report_changes",
        "UPDATE redemption_schema.report_states SET as_of = now()",
        "UPDATE redemption_schema.redemptions SET business_day = '2026-01-01'",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute(statement.encode())


def test_days_that_nobody_names_are_the_latest_month_and_more_than_a_year_is_refused() -> None:
    today = date(2026, 11, 23)

    def between(first: date | None, last: date | None) -> tuple[date, date]:
        question = reports.asked(
            station_code=None, campaign_code=None, first_day=first, last_day=last, by=frozenset({By.DAY}), today=today
        )
        return question.first_day, question.last_day

    assert between(None, None) == (date(2026, 10, 25), date(2026, 11, 24))
    assert between(date(2026, 11, 1), None) == (date(2026, 11, 1), date(2026, 11, 24))
    assert between(date(2020, 1, 1), None) == (date(2020, 1, 1), date(2020, 12, 31))
    assert between(date(2030, 1, 1), None) == (date(2030, 1, 1), date(2030, 1, 1))
    assert between(None, date.min) == (date.min, date.min)
    assert between(date.max, date.max) == (date.max, date.max)
    for first, last in ((date(2026, 1, 2), date(2026, 1, 1)), (date(2025, 1, 1), date(2026, 1, 2))):
        with pytest.raises(Exception, match="1 to 366 days"):
            between(first, last)
