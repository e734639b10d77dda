"""Any interleaving, any crash: a machine that invents both, and adds everything up after each step.

Requests, the recovery and the carrying of events are processes that go on by single statements, in an order that
hypothesis chooses; each may die between any two. `make machine` looks for longer.
"""

import os
from collections.abc import Awaitable, Callable, Generator
from contextlib import suppress
from decimal import Decimal
from itertools import count
from typing import Any, ClassVar, Final

import msgspec
import psycopg
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from gasolinera.config import Settings
from gasolinera.coupon import coupons as coupon_desk
from gasolinera.coupon_calls import Coupons
from gasolinera.database import Database, RequestContext
from gasolinera.errors import ConflictError, GasolineraError
from gasolinera.permissions import Caller
from gasolinera.redemption import redeeming
from gasolinera.redemption.jobs import JOBS
from gasolinera.redemption.models import Cancelled, Completion, Fuel, Redemption, RedemptionRequest, Status, Validation
from gasolinera.redemption.recovery import recover
from tests.coupon.at_hand import make_campaign, make_coupon
from tests.redemption.desk import ATTENDANT, Conn, due_now, user
from tests.redemption.reckoning import disagreements, what_is_left
from tests.redemption.stepped_services import Bench, carry, open_bench
from tests.redemption.stepping import Process

_EXAMPLES: Final = int(os.environ.get("GASOLINERA_MACHINE_EXAMPLES", "12"))
_MOST_AT_ONCE: Final = 6
_AMOUNTS: Final = ("100", "250.50", "333.33")
_REFUSED: Final = "coupon.not_redeemable"
_KNOWN_REFUSALS: Final = frozenset(
    {_REFUSED, "redemption.over", "redemption.under_way", "redemption.unknown", "idempotency.other_payload"}
)
_CENT: Final = Decimal("0.01")
_CONTEXT: Final = RequestContext(actor=str(ATTENDANT.user_id), correlation_id="c-1")
_any: Final = st.integers(0, 63)
_newest: Final = st.sampled_from([0, 0, 0, 1, 2])
_statements: Final = st.integers(0, 5)  # no step has more
_numbers = count(1)

Answer = Redemption | Validation | Cancelled | int | str | None


class Asked(msgspec.Struct, frozen=True):
    """What a client asks under one key; it may ask again as often as it likes."""

    key: str
    is_two_step: bool
    request: RedemptionRequest


@pytest.fixture
def bench(settings: Settings, admin: Conn) -> Generator[Bench]:
    admin.execute("UPDATE redemption_schema.fraud_rules SET is_enabled = false")
    with open_bench(settings, admin) as opened:
        yield opened


class Machine(RuleBasedStateMachine):
    """One campaign with tight limits, a few coupons, three customers, and whoever asks."""

    bench: ClassVar[Bench]

    def __init__(self) -> None:
        super().__init__()
        self.campaign = f"MACHINE{next(_numbers):04}"
        self.asked: list[Asked] = []
        self.processes: list[tuple[Process[Answer], str]] = []
        self.completed: dict[str, tuple[Decimal, int]] = {}
        self.cancelled: set[str] = set()
        self.refused_keys: set[str] = set()

    @initialize(
        limit=st.integers(3, 9),
        budget=st.sampled_from(["40", "60.05", "1000"]),
        shards=st.integers(1, 5),
        most=st.integers(1, 2),
        per_user=st.integers(1, 3),
        per_day=st.none() | st.integers(1, 3),
        policy=st.sampled_from(["RESTORE", "RESTORE_IF_VALID", "FORFEIT"]),
    )
    def open_campaign(
        self, limit: int, budget: str, shards: int, most: int, per_user: int, per_day: int | None, policy: str
    ) -> None:
        per_period = {} if per_day is None else {"per_user_period": "DAY", "per_user_period_limit": per_day}
        self.campaign_id = make_campaign(
            self.bench.admin,
            self.campaign,
            total_usage_limit=limit,
            budget_amount=Decimal(budget),
            shard_count=shards,
            per_user_usage_limit=per_user,
            cancellation_policy=policy,
            raffle_tickets_per_coupon=2,
            **per_period,
        )
        self.most = most
        self.coupons: list[str] = []

    # What is asked ------------------------------------------------------------------------------------------------

    def _start(self, name: str, about: str, statements: int, work: Callable[[], Awaitable[Answer]]) -> None:
        """Begins with so many of its statements: the others come when somebody says so."""

        async def begin() -> Process[Answer]:
            return Process(name, work)

        self.processes.append((self.bench.run(begin()), about))
        self._advance(self.processes[-1][0], statements)
        self._collect()

    def _advance(self, process: Process[Answer], statements: int) -> None:
        for _ in range(statements):
            if not process.is_over:
                self.bench.run(process.advance())

    def _ask(self, asked: Asked, statements: int) -> None:
        step = redeeming.validate if asked.is_two_step else redeeming.redeem
        db, coupons = self.bench.stepped["redemption"], self.bench.coupons
        self._start(
            "validate" if asked.is_two_step else "redeem",
            asked.key,
            statements,
            lambda: step(db, coupons, _CONTEXT, ATTENDANT, asked.key, asked.request),
        )

    def _has_place(self) -> bool:
        return len(self.processes) < _MOST_AT_ONCE

    @precondition(_has_place)
    @rule(
        coupon=_any,
        customer=st.integers(0, 2),
        amount=st.sampled_from(_AMOUNTS),
        is_two_step=st.booleans(),
        done=_statements,
    )
    def ask(self, coupon: int, customer: int, amount: str, done: int, *, is_two_step: bool) -> None:
        if coupon % 5 >= len(self.coupons):
            self.coupons.append(make_coupon(self.bench.admin, self.campaign_id, None, max_usage=self.most))
        request = RedemptionRequest(
            code=self.coupons[-1 - coupon % len(self.coupons)],
            fuel_type=Fuel.REGULAR,
            amount=Decimal(amount),
            dispenser_code="D03",
            customer=user(500 + customer),
        )
        self.asked.append(Asked(f"a-key-of-{self.campaign}-{len(self.asked):03}", is_two_step, request))
        self._ask(self.asked[-1], done)

    @precondition(lambda self: self.asked and self._has_place())
    @rule(which=_newest, done=_statements)
    def ask_again(self, which: int, done: int) -> None:
        self._ask(self.asked[-1 - which % len(self.asked)], done)

    def _about(self, which: int, flow: str) -> tuple[Database, Coupons, RequestContext, Caller, str] | None:
        """What an employee finds in the station's list, and asks something about."""
        rows = self.bench.admin.execute(
            "SELECT transaction_reference FROM redemption_schema.redemptions"
            " WHERE campaign_code = %s AND starts_with(flow, %s) ORDER BY id DESC",
            (self.campaign, flow),
        ).fetchall()
        if not rows:
            return None
        return self.bench.stepped["redemption"], self.bench.coupons, _CONTEXT, ATTENDANT, rows[which % len(rows)][0]

    @precondition(lambda self: self.asked and self._has_place())
    @rule(which=_newest, amount=st.sampled_from(_AMOUNTS[:2]), done=_statements)
    def complete(self, which: int, amount: str, done: int) -> None:
        if about := self._about(which, "TWO_STEP"):
            pumped = Completion(amount=Decimal(amount))
            self._start("complete", about[-1], done, lambda: redeeming.complete(*about, pumped))

    @precondition(lambda self: self.asked and self._has_place())
    @rule(which=_newest, done=_statements)
    def cancel(self, which: int, done: int) -> None:
        if about := self._about(which, ""):
            self._start("cancel", about[-1], done, lambda: redeeming.cancel(*about, "No."))

    @precondition(lambda self: len(self.processes) < _MOST_AT_ONCE - 1)
    @rule(
        asked=st.tuples(_any, st.integers(0, 2), st.sampled_from(_AMOUNTS), _statements, st.booleans()),
        what=st.sampled_from(["again", "complete", "cancel", "recovery"]),
        statements=st.integers(2, 9),
    )
    def cross(self, asked: tuple[int, int, str, int, bool], what: str, statements: int) -> None:
        """One is asked and stands somewhere, and another one about the same redemption goes by."""
        coupon, customer, amount, done, is_two_step = asked
        self.ask(coupon, customer, amount, done, is_two_step=is_two_step)
        if what == "again":
            self.ask_again(0, statements)
        elif what == "complete":
            self.complete(0, amount, statements)
        elif what == "cancel":
            self.cancel(0, statements)
        else:
            self.somebody_looks_after(what, statements)

    # What happens beside ------------------------------------------------------------------------------------------

    @precondition(_has_place)
    @rule(what=st.sampled_from(["recovery", "end of waiting", "events"]), done=_statements)
    def somebody_looks_after(self, what: str, done: int) -> None:
        db = self.bench.stepped["redemption"]
        due_now(self.bench.admin)
        work: dict[str, Callable[[], Awaitable[Answer]]] = {
            "recovery": lambda: recover(db, self.bench.coupons),
            "end of waiting": lambda: JOBS[0].run(db, {}),
            "events": lambda: carry(self.bench.stepped),
        }
        self._start(what, "", done, work[what])

    @rule(what=st.sampled_from(["suspend", "release", "cancel", "PAUSED", "ACTIVE", "limits"]), number=_any)
    def somebody_changes(self, what: str, number: int) -> None:
        if what in ("PAUSED", "ACTIVE"):
            self._change_campaign(what)
        elif what == "limits":
            self._change_limits(1 + number % 7, ("30", "70.07")[number % 2])
        elif self.coupons:
            with suppress(ConflictError):  # the coupon's status does not allow that
                self.bench.run(self._change_coupon(what, self.coupons[number % len(self.coupons)]))

    async def _change_coupon(self, what: str, code: str) -> None:
        change = {"suspend": coupon_desk.suspend, "release": coupon_desk.release, "cancel": coupon_desk.cancel}
        async with self.bench.plain["coupon"].transaction(_CONTEXT) as conn:
            await change[what](conn, code, "Seen in two cities.")

    def _change_campaign(self, status: str) -> None:
        self.bench.admin.execute(
            "UPDATE coupon_schema.campaigns SET status = %s WHERE id = %s", (status, self.campaign_id)
        )

    def _change_limits(self, limit: int, budget: str) -> None:
        with suppress(psycopg.errors.CheckViolation):  # more is used already
            self.bench.admin.execute(
                "UPDATE coupon_schema.campaigns SET total_usage_limit = %s, budget_amount = least(%s, budget_amount)"
                " WHERE id = %s",
                (limit, Decimal(budget), self.campaign_id),
            )

    # How it goes on -----------------------------------------------------------------------------------------------

    def _is_busy(self) -> bool:
        return bool(self.processes)

    def _at(self, which: int) -> Process[Answer]:
        return self.processes[which % len(self.processes)][0]

    def _collect(self) -> None:
        for process, about in [one for one in self.processes if one[0].is_over]:
            self._hear(process, about)
        self.processes = [one for one in self.processes if not one[0].is_over]

    @precondition(_is_busy)
    @rule(which=_any, statements=st.integers(1, 3))
    def advance(self, which: int, statements: int) -> None:
        self._advance(self._at(which), statements)
        self._collect()

    @precondition(lambda self: len(self.processes) > 1)
    @rule(turns=st.lists(_statements, min_size=2, max_size=4))
    def take_turns(self, turns: list[int]) -> None:
        """The two newest, which mostly are about the same redemption."""
        both = self.processes[-2:]
        for number, statements in enumerate(turns):
            self._advance(both[number % 2][0], statements)
        self._collect()

    @precondition(_is_busy)
    @rule(which=_any)
    def finish(self, which: int) -> None:
        self.bench.run(self._at(which).finish())
        self._collect()

    @precondition(_is_busy)
    @rule(which=_any, after=st.integers(0, 6))
    def kill(self, which: int, after: int) -> None:
        self.bench.run(self._at(which).kill(after))
        self._collect()

    def _hear(self, process: Process[Answer], about: str) -> None:
        answer = process.answer
        if isinstance(answer, GasolineraError):
            assert answer.code in _KNOWN_REFUSALS, f"{process.name}: {answer.code}"
            if answer.code == _REFUSED and process.name in ("redeem", "validate"):
                self.refused_keys.add(about)
        if isinstance(answer, Validation):
            answer = answer.redemption
        if isinstance(answer, Cancelled):
            answer = answer.redemption
            assert answer.status is Status.CANCELLED
            self.cancelled.add(answer.transaction_reference)
        if isinstance(answer, Redemption) and answer.completed_at is not None:
            facts = answer.discount_amount, answer.tickets_earned
            assert self.completed.setdefault(answer.transaction_reference, facts) == facts

    # What always holds --------------------------------------------------------------------------------------------

    @invariant()
    def everything_adds_up(self) -> None:
        assert disagreements(self.bench.admin, self.campaign, at_rest=False) == {}

    @invariant()
    def what_was_told_holds(self) -> None:
        rows = self.bench.admin.execute(
            "SELECT transaction_reference, idempotency_key, status, completed_at IS NOT NULL, discount_amount,"
            "       tickets_earned FROM redemption_schema.redemptions WHERE campaign_code = %s",
            (self.campaign,),
        ).fetchall()
        facts = {row[0]: row[2:] for row in rows}
        for reference, told in self.completed.items():
            status, was_completed, *amounts = facts[reference]
            assert (status in ("COMPLETED", "CANCELLED"), was_completed, tuple(amounts)) == (True, True, told)
        assert all(facts[reference][0] == "CANCELLED" for reference in self.cancelled)
        assert [row for row in rows if row[1] in self.refused_keys and row[2] != "FAILED"] == []
        assert len({row[1] for row in rows}) == len(rows), "a key is one redemption"

    # The end ------------------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        try:
            for process, _ in self.processes:
                self.bench.run(process.finish())
            self._collect()
            self._come_to_rest()
            assert disagreements(self.bench.admin, self.campaign, at_rest=True) == {}
            self.what_was_told_holds()
            self._use_what_is_left()
            self._come_to_rest()
            assert disagreements(self.bench.admin, self.campaign, at_rest=True) == {}
        finally:
            for process, _ in self.processes:
                self.bench.run(process.kill(0))

    def _come_to_rest(self) -> None:
        due_now(self.bench.admin)
        self.bench.run(recover(self.bench.plain["redemption"], self.bench.plain_coupons))
        self.bench.run(carry(self.bench.plain))

    def _use_what_is_left(self) -> None:
        """To the last use and the last cent, and then no more."""
        self._change_campaign("ACTIVE")
        uses, money = what_is_left(self.bench.admin, self.campaign)
        assert uses is not None
        cents = min(uses, int(money / _CENT))
        shares = [_CENT] * (cents - 1) + [money - _CENT * (cents - 1)] if cents else []
        for number, share in enumerate([*shares, _CENT]):
            terms: dict[str, Any] = {"discount_type": "FIXED_AMOUNT", "discount_value": share}
            code = make_coupon(self.bench.admin, self.campaign_id, user(900 + number), **terms)
            request = RedemptionRequest(
                code=code,
                fuel_type=Fuel.REGULAR,
                amount=Decimal(2000),
                dispenser_code="D03",
                customer=user(900 + number),
            )
            outcome = self.bench.run(self._redeem(f"a-key-of-{self.campaign}-left-{number:03}", request))
            assert outcome == ("COMPLETED" if number < len(shares) else _REFUSED), f"{uses} uses, {money} were left"
        assert any(left == 0 for left in what_is_left(self.bench.admin, self.campaign))

    async def _redeem(self, key: str, request: RedemptionRequest) -> str:
        db, coupons = self.bench.plain["redemption"], self.bench.plain_coupons
        try:
            return (await redeeming.redeem(db, coupons, _CONTEXT, ATTENDANT, key, request)).status
        except GasolineraError as error:
            return error.code


def test_whatever_comes_between_and_whoever_dies_everything_adds_up(bench: Bench) -> None:
    Machine.bench = bench
    run_state_machine_as_test(
        Machine,
        settings=hypothesis_settings(
            max_examples=_EXAMPLES,
            stateful_step_count=40,
            deadline=None,
            database=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
        ),
    )
