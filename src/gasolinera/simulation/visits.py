"""What each kind of customer does, over HTTP. An attendant serves one after the other; attendants work side by side."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final
from uuid import UUID, uuid4

import msgspec

from gasolinera.coupon import codes, qr
from gasolinera.coupon.models_coupons import WalletCoupon
from gasolinera.paging import Page
from gasolinera.permissions import Caller, Role
from gasolinera.redemption.models import Cancelled, Redemption, Status, Validation
from gasolinera.redemption.models_tickets import Chosen, FreeEntry
from gasolinera.redemption.queries import PumpCode
from gasolinera.simulation.asking import Answer, Api, good
from gasolinera.simulation.expecting import PAPER_TICKETS
from gasolinera.simulation.opening import Opened
from gasolinera.simulation.plan import (
    ON_PAPER,
    PUMP_TICKET,
    RUSH_AMOUNT,
    WATCHING,
    Customer,
    Kind,
    Plan,
    Purchase,
    Till,
)
from gasolinera.simulation.telling import Tally

_A_MINUTE: Final = 60  # visits; a few ask three times for a redemption, of which a user may do 120 a minute
_NOT_REDEEMABLE: Final = "coupon.not_redeemable"
_USED: Final = ("coupon.already_used", "redemption.blocked")  # the rules decide whether they come first


class _Text(msgspec.Struct):
    text: str


class Desk:
    """One attendant at one station, and what the day has for those who come there."""

    def __init__(
        self, api: Api, tally: Tally, plan: Plan, opened: Opened, till: Till, paper: Mapping[UUID, str]
    ) -> None:
        self.api = api
        self.tally = tally
        self.plan = plan
        self.opened = opened
        self.attendant = opened.employees[till.user_id]
        self.manager = opened.managers[till.station_code]
        self.paper = paper

    async def redeem(
        self,
        shown: Mapping[str, str],
        customer: Customer,
        purchase: Purchase,
        *,
        path: str = "",
        key: str | None = None,
        attendant: Caller | None = None,
    ) -> Answer:
        body = {
            **shown,
            "fuel_type": customer.fuel_type,
            "litres": purchase.litres,
            "price_per_litre": purchase.price_per_litre,
            "customer": customer.user_id,
            "dispenser_code": "D01",
            "device_id": customer.device_id,
        }
        return await self.api.post(attendant or self.attendant, f"/api/redemptions{path}", body, key=key)

    async def cancel(self, reference: str, *, by: Caller | None = None) -> Answer:
        body = {"reason": "the customer changed his mind"}
        return await self.api.post(by or self.attendant, f"/api/redemptions/{reference}/cancel", body)

    async def cancelled(self, reference: str, coupon: str | None, *, by: Caller | None = None) -> None:
        """Twice, with one answer. `coupon`: what becomes of it."""
        first = good(await self.cancel(reference, by=by), Cancelled)
        self.tally.same(coupon, first.coupon)
        again = good(await self.cancel(reference, by=by), Cancelled)
        self.tally.same(first.redemption, again.redemption)
        self.tally.keep(first.redemption, Status.CANCELLED)


async def serve_all(
    api: Api, plan: Plan, opened: Opened, tally: Tally, served: Callable[[], None] = lambda: None
) -> None:
    """The whole day. `served` is called for each customer. Raises what a visit cannot go on from."""
    shown = _coupons_on_paper(plan, opened)
    try:
        async with asyncio.TaskGroup() as group:
            for till in plan.tills:
                group.create_task(_serve(Desk(api, tally, plan, opened, till, shown), till, served))
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None  # where one attendant cannot go on, none can


async def _serve(desk: Desk, till: Till, served: Callable[[], None]) -> None:
    began: deque[float] = deque(maxlen=_A_MINUTE)
    for customer in till.customers:
        if len(began) == _A_MINUTE:
            await asyncio.sleep(max(0.0, 60.0 - (time.monotonic() - began[0])))
        began.append(time.monotonic())
        await _VISITS[customer.kind](desk, customer)
        served()


def _coupons_on_paper(plan: Plan, opened: Opened) -> Mapping[UUID, str]:
    return {
        **_handed_out(plan, ON_PAPER, opened.paper),
        **_handed_out(plan, (Kind.RUSH,), opened.rush),
    }


def _handed_out(plan: Plan, kinds: Sequence[Kind], texts: Sequence[str]) -> dict[UUID, str]:
    holders = [customer.user_id for customer in plan.customers if customer.kind in kinds]
    return dict(zip(holders, texts[: len(holders)], strict=True))


def _driver(customer: Customer) -> Caller:
    return Caller(role=Role.CUSTOMER, user_id=customer.user_id)


async def _wallet(desk: Desk, customer: Customer) -> WalletCoupon:
    page = good(await desk.api.get(_driver(customer), "/api/coupons/mine"), Page[WalletCoupon])
    return page.items[0]


async def _on_screen(desk: Desk, customer: Customer) -> Mapping[str, str]:
    """As the wallet shows it right now."""
    coupon = await _wallet(desk, customer)
    answer = await desk.api.get(_driver(customer), f"/api/coupons/{coupon.coupon_code}/qr")
    return {"qr": good(answer, _Text).text}


async def _plain(desk: Desk, customer: Customer) -> None:
    desk.tally.completed(await desk.redeem(await _on_screen(desk, customer), customer, customer.purchase))


async def _earning(desk: Desk, customer: Customer) -> None:
    """What it earns is multiplied later."""
    done = desk.tally.completed(await desk.redeem(await _on_screen(desk, customer), customer, customer.purchase))
    if done is not None:
        desk.tally.earned[customer.user_id] = done.transaction_reference


async def _typed(desk: Desk, customer: Customer) -> None:
    if customer.kind is Kind.MISTYPED:
        wrong = {"code": codes.grouped(codes.code_of(customer.wrong_number))}
        desk.tally.refused(await desk.redeem(wrong, customer, customer.purchase), _NOT_REDEEMABLE)
    coupon = await _wallet(desk, customer)
    shown = {"code": codes.grouped(coupon.coupon_code).lower()}
    desk.tally.completed(await desk.redeem(shown, customer, customer.purchase))


async def _forged(desk: Desk, customer: Customer) -> None:
    shown = await _on_screen(desk, customer)
    signed = qr.read(shown["qr"])
    turned = bytes([signed.signature[0] ^ 1]) + signed.signature[1:]
    forged = {"qr": qr.as_text(signed.body, turned, signed.display or b"")}
    desk.tally.refused(await desk.redeem(forged, customer, customer.purchase), _NOT_REDEEMABLE)
    await _plain(desk, customer)


async def _two_step(desk: Desk, customer: Customer) -> None:
    shown = await _on_screen(desk, customer)
    asked = await desk.redeem(shown, customer, customer.other, path="/validate")
    reference = good(asked, Validation).redemption.transaction_reference
    path = f"/api/redemptions/{reference}/complete"
    pumped = {"litres": customer.purchase.litres, "price_per_litre": customer.purchase.price_per_litre}
    first = desk.tally.completed(await desk.api.post(desk.attendant, path, pumped))
    again = desk.tally.completed(await desk.api.post(desk.attendant, path, pumped))
    desk.tally.same(first, again)
    more = pumped | {"litres": customer.purchase.litres + 1}
    desk.tally.refused(await desk.api.post(desk.attendant, path, more), "idempotency.other_payload")


async def _twice(desk: Desk, customer: Customer) -> None:
    shown, key = await _on_screen(desk, customer), str(uuid4())
    first, second = await asyncio.gather(*(desk.redeem(shown, customer, customer.purchase, key=key) for _ in range(2)))
    desk.tally.same(desk.tally.completed(first), desk.tally.completed(second))
    other = await desk.redeem(shown, customer, customer.other, key=key)
    desk.tally.refused(other, "idempotency.other_payload")


async def _cancelled(desk: Desk, customer: Customer) -> None:
    purchase = customer.other if customer.kind is Kind.AGAIN else customer.purchase
    shown = await _on_screen(desk, customer)
    first = good(await desk.redeem(shown, customer, purchase), Redemption)
    await desk.cancelled(first.transaction_reference, "RESTORED")
    if customer.kind is Kind.AGAIN:
        await _plain(desk, customer)


async def _strange_station(desk: Desk, customer: Customer) -> None:
    stranger = desk.opened.employees[desk.plan.tills[-1].user_id]
    shown = await _on_screen(desk, customer)
    answer = await desk.redeem(shown, customer, customer.purchase, attendant=stranger)
    desk.tally.refused(answer, "coupon.station_not_eligible")
    await _plain(desk, customer)


async def _too_little(desk: Desk, customer: Customer) -> None:
    shown = await _on_screen(desk, customer)
    answer = await desk.redeem(shown, customer, customer.purchase)
    desk.tally.refused(answer, "coupon.minimum_not_met")


async def _duplicate(desk: Desk, customer: Customer) -> None:
    shown = await _on_screen(desk, customer)
    desk.tally.completed(await desk.redeem(shown, customer, customer.purchase))
    desk.tally.refused(await desk.redeem(shown, customer, customer.purchase), *_USED)


async def _paper(desk: Desk, customer: Customer) -> None:
    shown = {"qr": desk.paper[customer.user_id]}
    desk.tally.completed(await desk.redeem(shown, customer, customer.purchase))
    choice = {"raffle_code": desk.plan.names.raffle, "count": PAPER_TICKETS}
    chosen = good(await desk.api.post(_driver(customer), "/api/tickets/choices", choice), Chosen)
    desk.tally.same(PAPER_TICKETS, len(chosen.ticket_numbers))


async def _forfeited(desk: Desk, customer: Customer) -> None:
    shown = {"qr": desk.paper[customer.user_id]}
    first = good(await desk.redeem(shown, customer, customer.purchase), Redemption)
    await desk.cancelled(first.transaction_reference, "FORFEITED")
    answer = await desk.redeem(shown, customer, customer.other)
    desk.tally.refused(answer, "coupon.already_used")


async def _pump(desk: Desk, customer: Customer) -> None:
    wish = {
        "dispenser_code": "D02",
        "currency": "MXN",
        "amount": PUMP_TICKET * customer.pump_tickets,
        "fuel_type": customer.fuel_type,
    }
    shown = good(await desk.api.post(desk.attendant, "/api/redemptions/pump-codes", wish), PumpCode)
    path = f"/api/redemptions/pump-codes/{shown.nonce}"
    good(await desk.api.post(_driver(customer), f"{path}/scan", {}), PumpCode)
    desk.tally.refused(await desk.api.post(desk.manager, f"{path}/scan", {}), "pump.taken")
    text = desk.paper.get(customer.user_id)
    activation = {"device_id": customer.device_id} | ({} if text is None else {"qr": text})
    first = desk.tally.completed(await desk.api.post(_driver(customer), f"{path}/activate", activation))
    again = desk.tally.completed(await desk.api.post(_driver(customer), f"{path}/activate", activation))
    desk.tally.same(first, again)
    desk.tally.pump_codes += first is not None


async def _rush(desk: Desk, customer: Customer) -> None:
    body = {
        "qr": desk.paper[customer.user_id],
        "fuel_type": customer.fuel_type,
        "amount": RUSH_AMOUNT,
        "customer": customer.user_id,
        "dispenser_code": "D01",
        "device_id": customer.device_id,
    }
    answer = await desk.api.post(desk.attendant, "/api/redemptions", body)
    desk.tally.refused_or_none(answer, "coupon.budget_exhausted")


async def _free(desk: Desk, customer: Customer) -> None:
    wish = {"raffle_code": desk.plan.names.raffle}
    good(await desk.api.post(_driver(customer), "/api/tickets/free-entries", wish), FreeEntry)
    desk.tally.free_entries += 1
    second = await desk.api.post(_driver(customer), "/api/tickets/free-entries", wish)
    desk.tally.refused(second, "free_entry.limit")


async def _late(desk: Desk, customer: Customer) -> None:
    reference = desk.opened.late[customer.user_id]
    desk.tally.refused(await desk.cancel(reference), "redemption.too_late")
    await desk.cancelled(reference, None, by=desk.manager)


async def _home(desk: Desk, customer: Customer) -> None:
    coupon = await _wallet(desk, customer)
    desk.tally.same(coupon.is_usable, True)


_VISITS: Final[Mapping[Kind, Callable[[Desk, Customer], Awaitable[None]]]] = {
    Kind.PLAIN: _plain,
    Kind.TYPED: _typed,
    Kind.MISTYPED: _typed,
    Kind.FORGED: _forged,
    Kind.TWO_STEP: _two_step,
    Kind.TWICE: _twice,
    Kind.CANCELLED: _cancelled,
    Kind.AGAIN: _cancelled,
    Kind.STRANGE_STATION: _strange_station,
    Kind.TOO_LITTLE: _too_little,
    Kind.DUPLICATE: _duplicate,
    Kind.PAPER: _paper,
    Kind.FORFEITED: _forfeited,
    Kind.PUMP_COUPON: _pump,
    Kind.PUMP: _pump,
    Kind.RUSH: _rush,
    Kind.FREE: _free,
    Kind.LATE: _late,
    Kind.HOME: _home,
    **dict.fromkeys(WATCHING, _earning),
}
