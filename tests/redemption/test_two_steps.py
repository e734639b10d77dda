"""The two steps of one redemption where they cross: a first step that comes late does not undo the second one."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from gasolinera.config import Settings
from gasolinera.database import RequestContext, open_database
from gasolinera.keyring import load_keyring
from gasolinera.redemption import redeeming
from gasolinera.redemption.models import Completion, Fuel, Redemption, RedemptionRequest, Status, Validation
from tests.coupon.at_hand import make_campaign, make_coupon
from tests.redemption.desk import ATTENDANT, Conn, totals_disagree, user
from tests.redemption.stepped_services import SteppedServices
from tests.redemption.stepping import Process

_CONTEXT = RequestContext(actor=str(ATTENDANT.user_id))
_KEY = "a-key-that-is-sent-twice"


@pytest.mark.parametrize("advances", [2, 3, 4, 9])
def test_a_repeated_first_step_that_comes_late_does_not_undo_the_second(
    settings: Settings, admin: Conn, advances: int
) -> None:
    """Judged when the second step has begun, started, used the coupon, or ended: its own use refuses the late one."""
    code = make_coupon(admin, make_campaign(admin, "CROSSING", raffle_tickets_per_coupon=2))
    asked = RedemptionRequest(
        code=code, fuel_type=Fuel.REGULAR, amount=Decimal(500), dispenser_code="D03", customer=user(51)
    )

    async def cross() -> tuple[Any, Any]:
        async with open_database(settings, "redemption") as db, open_database(settings, "coupon") as coupon_db:
            services = SteppedServices({"redemption": db, "coupon": coupon_db}, load_keyring(settings))
            stepped = services.stepped["redemption"], services.coupons, _CONTEXT, ATTENDANT
            late = Process("late", lambda: redeeming.validate(*stepped, _KEY, asked))
            while not is_begun(admin, code):
                await late.advance()
            first = await redeeming.validate(db, services.plain_coupons, _CONTEXT, ATTENDANT, _KEY, asked)
            reference = first.redemption.transaction_reference
            pumped = Completion(amount=Decimal(500))
            second = Process("second", lambda: redeeming.complete(*stepped, reference, pumped))
            for _ in range(advances):
                if not second.is_over:
                    await second.advance()
            await late.finish()
            await second.finish()
            return late.answer, second.answer

    late, second = asyncio.run(cross())
    assert isinstance(second, Redemption)
    assert (second.status, second.tickets_earned) == (Status.COMPLETED, 2)
    assert isinstance(late, Validation)
    assert late.redemption.transaction_reference == second.transaction_reference
    assert totals_disagree(admin) == []


def is_begun(admin: Conn, code: str) -> bool:
    query = "SELECT FROM redemption_schema.redemptions WHERE coupon_code = %s"
    return admin.execute(query, (code,)).fetchone() is not None
