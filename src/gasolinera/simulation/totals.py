"""The totals of a day. The plan, the API, the tables and the reports each give theirs; None: it does not say."""

from decimal import Decimal

import msgspec

Count = int | None
Money = Decimal | None


class Totals(msgspec.Struct, kw_only=True, frozen=True):
    """Of one seed alone. Money is of redemptions that stay COMPLETED, unless a name says otherwise."""

    # The coupon service
    coupons_issued: Count = None
    coupons_available: Count = None
    coupons_used: Count = None
    coupons_in_wallets: Count = None  # to be used
    wallet_uses: Count = None
    wallet_spent: Money = None
    paper_uses: Count = None
    paper_spent: Money = None
    rush_uses: Count = None
    rush_spent: Money = None
    uses_given_back: Count = None
    attempts_good: Count = None
    attempts_already_used: Count = None
    attempts_budget_exhausted: Count = None
    attempts_invalid_code: Count = None
    attempts_invalid_signature: Count = None
    attempts_minimum_not_met: Count = None
    attempts_other_station: Count = None
    attempts_of_other_kinds: Count = None
    # The redemption service
    redemptions_completed: Count = None
    redemptions_failed: Count = None
    used_coupons_refused: Count = None  # by the coupon's use, or by the fraud rules before it
    redemptions_cancelled: Count = None
    redemptions_under_way: Count = None
    original_amount: Money = None
    discount_amount: Money = None
    final_amount: Money = None
    fuel_litres: Money = None
    tickets_issued: Count = None
    tickets_of_redemptions: Count = None  # the rest was free
    tickets_taken_back: Count = None
    tickets_valid: Count = None
    tickets_in_raffle: Count = None
    points: Count = None
    points_in_ledger: Count = None
    pump_codes_completed: Count = None
    assessed: Count = None
    blocked: Count = None
    blocked_falsely: Count = None
    # Events
    told_coupon_issued: Count = None
    told_coupon_consumed: Count = None
    told_coupon_restored: Count = None
    told_redemption_completed: Count = None
    told_redemption_cancelled: Count = None
    told_tickets_issued: Count = None
    told_tickets_revoked: Count = None
    told_twice: Count = None
    told_to_nobody: Count = None  # not published, or not settled by a consumer
    # What has to be nothing
    surprises: Count = None  # answers that the plan does not know
    coupons_miscounted: Count = None
    campaigns_miscounted: Count = None
    uses_without_redemption: Count = None
    redemptions_without_use: Count = None
    amounts_that_differ: Count = None
    tickets_not_earned: Count = None
