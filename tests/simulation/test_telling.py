"""What the application answers is counted, and what the plan does not know is no refusal and no redemption."""

from gasolinera.simulation.asking import Answer
from gasolinera.simulation.telling import Tally

USED = Answer(409, b'{"code": "coupon.already_used"}', "coupon.already_used")
BUSY = Answer(409, b'{"code": "redemption.under_way"}', "redemption.under_way")


def test_an_answer_that_the_plan_does_not_know_is_a_surprise() -> None:
    tally = Tally()
    tally.refused(USED, "coupon.already_used")
    tally.refused(BUSY, "coupon.already_used")
    assert tally.completed(USED) is None
    tally.same(1, 2)
    totals = tally.totals()
    assert (totals.attempts_already_used, totals.redemptions_failed, totals.surprises) == (1, 1, 3)
    assert [line.split(" was expected")[0] for line in tally.surprises] == ["coupon.already_used", "a redemption", "1"]
