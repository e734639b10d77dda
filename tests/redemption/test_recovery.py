"""Whatever crashes and whoever races, every redemption ends, and every total of both schemas agrees."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any, TypeVar
from uuid import uuid4

import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from gasolinera.app import ALL_PARTS
from gasolinera.config import Settings
from gasolinera.coupon_calls import Coupons, no_coupons
from gasolinera.errors import GasolineraError
from gasolinera.redemption import queries, redeeming
from gasolinera.redemption.jobs import JOBS
from gasolinera.redemption.models import Completion, Fuel, Redemption, RedemptionRequest, Status
from gasolinera.redemption.recovery import recover
from gasolinera.worker import run_worker
from tests.coupon.at_hand import make_campaign, make_coupon
from tests.redemption.desk import ATTENDANT, Conn, Services, due_now, open_services, totals_disagree, user

Told = TypeVar("Told")
Run = Callable[[Callable[[Services], Awaitable[Any]]], Any]


class CrashError(Exception):
    """The process dies here."""


@pytest.fixture
def run(settings: Settings) -> Run:
    def within(work: Callable[[Services], Awaitable[Told]]) -> Told:
        async def opened() -> Told:
            async with open_services(settings) as services:
                return await work(services)

        return asyncio.run(opened())

    return within


def request(code: str, number: int = 51, amount: str = "500") -> RedemptionRequest:
    return RedemptionRequest(
        code=code, fuel_type=Fuel.REGULAR, amount=Decimal(amount), dispenser_code="D03", customer=user(number)
    )


async def redeem(
    services: Services, asked: RedemptionRequest, key: str, coupons: Coupons | None = None
) -> Redemption | str:
    """What came of it: a redemption, or the code of the error."""
    try:
        return await redeeming.redeem(services.db, coupons or services.coupons, services.context, ATTENDANT, key, asked)
    except GasolineraError as error:
        return error.code


def statuses(admin: Conn, code: str) -> Counter[str]:
    rows = admin.execute("SELECT status FROM redemption_schema.redemptions WHERE coupon_code = %s", (code,)).fetchall()
    return Counter(row[0] for row in rows)


def no_fraud_rules(admin: Conn) -> None:
    admin.execute("UPDATE redemption_schema.fraud_rules SET is_enabled = false")


def crashing(coupons: Coupons, where: str) -> Coupons:
    """The real service, and a crash before or after the coupon is consumed."""

    async def consume(context: Any, purchase: Any) -> Any:
        if where == "before consume":
            raise CrashError
        answer = await coupons.consume(context, purchase)
        if where == "after consume":
            raise CrashError
        return answer

    return msgspec.structs.replace(coupons, consume=consume)


@pytest.mark.parametrize("where", ["before consume", "after consume", "after complete"])
@pytest.mark.parametrize("is_good", [True, False])
def test_a_crash_after_any_step_leaves_a_redemption_that_the_recovery_ends(
    run: Run, admin: Conn, monkeypatch: pytest.MonkeyPatch, where: str, *, is_good: bool
) -> None:
    terms: dict[str, Any] = {} if is_good else {"status": "SUSPENDED", "status_reason": "Seen in two cities."}
    code = make_coupon(admin, make_campaign(admin, "CRASH", raffle_tickets_per_coupon=2), **terms)

    async def crash(services: Services) -> None:
        with pytest.raises(CrashError):
            await redeem(services, request(code), "a-key-of-this-crash", crashing(services.coupons, where))

    with monkeypatch.context() as patched:
        if where == "after complete":
            patched.setattr(queries, "complete", _then_crash(queries.complete))
            patched.setattr(queries, "fail", _then_crash(queries.fail))
        run(crash)
    due_now(admin)
    assert run(lambda services: recover(services.db, services.coupons)) == (where != "after complete")
    assert statuses(admin, code) == Counter({"COMPLETED" if is_good else "FAILED": 1})
    assert totals_disagree(admin) == []
    # The client asks again, and learns what came of it.
    again = run(lambda services: redeem(services, request(code), "a-key-of-this-crash"))
    assert again == "coupon.not_redeemable" if not is_good else again.tickets_earned == 2


def _then_crash(step: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def crashed(*values: Any) -> Any:
        await step(*values)
        raise CrashError

    return crashed


def test_a_repeated_request_ends_what_a_crash_left(run: Run, admin: Conn) -> None:
    code = make_coupon(admin, make_campaign(admin, "AGAIN"))

    async def twice(services: Services) -> Redemption | str:
        with pytest.raises(CrashError):
            await redeem(services, request(code), "a-key-that-comes-twice", crashing(services.coupons, "after consume"))
        return await redeem(services, request(code), "a-key-that-comes-twice")

    again = run(twice)
    assert isinstance(again, Redemption)
    assert again.status is Status.COMPLETED
    assert totals_disagree(admin) == []


@pytest.mark.parametrize("step", ["INSERT", "UPDATE"])
def test_a_step_whose_connection_is_lost_is_sent_again(step: str, run: Run, admin: Conn) -> None:
    code = make_coupon(admin, make_campaign(admin, "LOST"))
    admin.execute(
        f"""
        CREATE SEQUENCE redemption_schema.attempts;
        GRANT USAGE ON SEQUENCE redemption_schema.attempts TO redemption_app;
        CREATE FUNCTION redemption_schema.lose_connection() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF nextval('redemption_schema.attempts') = 1 THEN
                PERFORM pg_terminate_backend(pg_backend_pid());
            END IF;
            RETURN NEW;
        END $$;
        CREATE TRIGGER lose_connection BEFORE {step} ON redemption_schema.redemptions
            FOR EACH ROW EXECUTE FUNCTION redemption_schema.lose_connection();
        """.encode()
    )
    told = run(lambda services: redeem(services, request(code), "key-of-a-lost-step"))
    assert isinstance(told, Redemption)
    assert told.status is Status.COMPLETED
    assert totals_disagree(admin) == []


def test_sixty_four_on_one_coupon_are_one_redemption(run: Run, admin: Conn) -> None:
    no_fraud_rules(admin)
    code = make_coupon(admin, make_campaign(admin, "RACE", raffle_tickets_per_coupon=3), None)

    async def race(services: Services) -> list[Redemption | str]:
        asked = (redeem(services, request(code, number), f"a-key-of-racer-{number:04}") for number in range(100, 164))
        return list(await asyncio.gather(*asked))

    answers = run(race)
    assert sum(isinstance(answer, Redemption) for answer in answers) == 1
    assert Counter(answer for answer in answers if isinstance(answer, str)) == {"coupon.not_redeemable": 63}
    assert statuses(admin, code) == Counter({"COMPLETED": 1, "FAILED": 63})
    assert totals_disagree(admin) == []


def test_the_same_key_at_once_is_one_redemption_and_one_answer(run: Run, admin: Conn) -> None:
    code = make_coupon(admin, make_campaign(admin, "KEY"), max_usage=9)

    async def race(services: Services) -> list[Redemption | str]:
        return list(await asyncio.gather(*(redeem(services, request(code), "one-key-for-all-16") for _ in range(16))))

    answers = run(race)
    assert len({msgspec.json.encode(answer) for answer in answers}) == 1
    assert isinstance(answers[0], Redemption)
    assert statuses(admin, code) == Counter({"COMPLETED": 1})
    assert totals_disagree(admin) == []


def test_a_cancellation_that_races_the_completion_leaves_one_of_both_whole(run: Run, admin: Conn) -> None:
    no_fraud_rules(admin)
    shared = make_campaign(admin, "CANCEL", raffle_tickets_per_coupon=2, cancellation_policy="RESTORE")
    codes = [make_coupon(admin, shared, user(200 + number)) for number in range(12)]

    async def one(services: Services, number: int, code: str) -> None:
        asked = request(code, 200 + number)
        validated = await redeeming.validate(
            services.db, services.coupons, services.context, ATTENDANT, f"a-key-to-cancel-{number:03}", asked
        )
        reference = validated.redemption.transaction_reference
        pumped = Completion(amount=asked.amount)
        arguments = services.db, services.coupons, services.context, ATTENDANT, reference
        outcomes = await asyncio.gather(
            redeeming.complete(*arguments, pumped),
            redeeming.cancel(*arguments, "The customer changed his mind."),
            return_exceptions=True,
        )
        codes_of_errors = {error.code for error in outcomes if isinstance(error, GasolineraError)}
        assert codes_of_errors <= {"redemption.over", "redemption.under_way"}
        assert all(isinstance(o, GasolineraError) or not isinstance(o, BaseException) for o in outcomes)

    async def race(services: Services) -> None:
        await asyncio.gather(*(one(services, number, code) for number, code in enumerate(codes)))

    run(race)
    ends = sum((statuses(admin, code) for code in codes), Counter[str]())
    assert set(ends) <= {"COMPLETED", "CANCELLED"}
    assert sum(ends.values()) == len(codes)
    assert totals_disagree(admin) == []


def test_many_workers_and_the_requests_themselves_reach_the_same_end(run: Run, admin: Conn) -> None:
    no_fraud_rules(admin)
    shared = make_campaign(admin, "WORKERS", raffle_tickets_per_coupon=1, total_usage_limit=9)
    codes = [make_coupon(admin, shared, user(300 + number)) for number in range(24)]

    async def crash(services: Services) -> None:
        for number, code in enumerate(codes):
            coupons = crashing(services.coupons, ("before consume", "after consume")[number % 2])
            with pytest.raises(CrashError):
                await redeem(services, request(code, 300 + number), f"a-key-of-worker-{number:03}", coupons)

    async def all_at_once(services: Services) -> None:
        workers = [recover(services.db, services.coupons) for _ in range(4)]
        again = [
            redeem(services, request(code, 300 + number), f"a-key-of-worker-{number:03}")
            for number, code in enumerate(codes)
        ]
        await asyncio.gather(*workers, *again)

    run(crash)
    due_now(admin)
    run(all_at_once)
    ends = sum((statuses(admin, code) for code in codes), Counter[str]())
    assert ends == Counter({"COMPLETED": 9, "FAILED": 15})
    assert totals_disagree(admin) == []


def test_while_the_coupon_service_is_away_nothing_is_lost(run: Run, admin: Conn) -> None:
    code = make_coupon(admin, make_campaign(admin, "AWAY"))

    async def away(services: Services) -> Any:
        halfway = msgspec.structs.replace(services.coupons, consume=no_coupons().consume)
        answer = await redeem(services, request(code), "a-key-without-coupons", halfway)
        due_now(admin)
        return answer, await recover(services.db, no_coupons())

    assert run(away) == ("coupons.no_address", 0)
    assert statuses(admin, code) == Counter({"PENDING": 1})
    due_now(admin)
    assert run(lambda services: recover(services.db, services.coupons)) == 1
    assert statuses(admin, code) == Counter({"COMPLETED": 1})


def test_what_was_validated_and_never_completed_ends_and_its_coupon_is_free(run: Run, admin: Conn) -> None:
    code = make_coupon(admin, make_campaign(admin, "WAITED"))

    async def wait(services: Services) -> str:
        await redeeming.validate(
            services.db, services.coupons, services.context, ATTENDANT, "a-key-that-waits", request(code)
        )
        due_now(admin)
        assert await recover(services.db, services.coupons) == 0
        return await JOBS[0].run(services.db, {})

    assert "1 validated redemptions" in run(wait)
    assert statuses(admin, code) == Counter({"FAILED": 1})
    assert isinstance(run(lambda services: redeem(services, request(code), "a-key-that-comes-later")), Redemption)


@hypothesis_settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=st.data())
def test_any_mixture_of_requests_crashes_cancellations_and_recoveries_adds_up(
    run: Run, admin: Conn, data: st.DataObject
) -> None:
    no_fraud_rules(admin)
    shared = make_campaign(
        admin, f"MIXED_{uuid4().hex[:12].upper()}", raffle_tickets_per_coupon=2, cancellation_policy="RESTORE",
        total_usage_limit=5,
    )  # fmt: skip
    codes = [make_coupon(admin, shared, None, max_usage=2) for _ in range(3)]
    steps = st.tuples(
        st.sampled_from(["redeem", "before consume", "after consume", "cancel", "recover"]),
        st.integers(0, 2),
        st.integers(0, 5),
    )
    asked = data.draw(st.lists(steps, min_size=4, max_size=16))

    async def one(services: Services, what: str, coupon: int, who: int) -> None:
        code, key = codes[coupon], f"a-key-of-the-mixture-{shared}-{coupon}-{who}"
        if what == "recover":
            due_now(admin)
            await recover(services.db, services.coupons)
            return
        coupons = crashing(services.coupons, what)
        try:
            made = await redeem(services, request(code, 400 + who), key, coupons)
        except CrashError:
            return
        if what == "cancel" and isinstance(made, Redemption):
            await redeeming.cancel(
                services.db, services.coupons, services.context, ATTENDANT, made.transaction_reference, "Enough."
            )

    async def mixture(services: Services) -> None:
        await asyncio.gather(*(one(services, *step) for step in asked))
        due_now(admin)
        await recover(services.db, services.coupons)

    run(mixture)
    ends = sum((statuses(admin, code) for code in codes), Counter[str]())
    assert set(ends) <= {"COMPLETED", "FAILED", "CANCELLED"}
    assert ends["COMPLETED"] <= 5
    assert totals_disagree(admin) == []


def test_fuels_are_those_of_the_schema(admin: Conn) -> None:
    found = admin.execute(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'redemptions_fuel_type_check'"
    ).fetchone()
    assert found is not None
    assert all(fuel in found[0] for fuel in Fuel)


def test_a_worker_finds_what_was_left_and_ends_it(run: Run, admin: Conn, settings: Settings) -> None:
    code = make_coupon(admin, make_campaign(admin, "WORKER"))

    async def crash(services: Services) -> None:
        with pytest.raises(CrashError):
            await redeem(services, request(code), "a-key-for-a-worker", crashing(services.coupons, "after consume"))

    async def work() -> None:
        stop = asyncio.Event()
        worker = asyncio.create_task(run_worker(settings, ALL_PARTS, [part.name for part in ALL_PARTS], stop))
        async with asyncio.timeout(20):
            while statuses(admin, code) != Counter({"COMPLETED": 1}):  # noqa: ASYNC110  another process would tell nobody
                await asyncio.sleep(0.05)
        stop.set()
        await worker

    run(crash)
    due_now(admin)
    asyncio.run(work())
    assert totals_disagree(admin) == []
