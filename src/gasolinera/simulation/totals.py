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
    # The ad engine
    views_started: Count = None
    views_completed: Count = None
    views_unbilled: Count = None  # completed when the budget was spent: they earn, and cost nothing
    views_rejected: Count = None
    views_abandoned: Count = None
    small_ads_spent: Money = None
    plenty_ads_spent: Money = None
    bonus_tickets: Count = None
    bonus_tickets_taken_back: Count = None
    # The raffle service
    raffle_entries: Count = None
    raffle_tickets: Count = None
    raffle_participants: Count = None
    raffle_tickets_withdrawn: Count = None
    raffle_tickets_refused: Count = None
    positions_drawn: Count = None
    prizes_awarded: Count = None
    winners_notified: Count = None  # an alternate who moved up too
    prizes_claimed: Count = None
    prizes_delivered: Count = None
    prizes_forfeited: Count = None
    alternates_left: Count = None
    freezes_evidenced: Count = None  # kinds of evidence that held: a timestamp, witnesses
    # Events
    told_coupon_issued: Count = None
    told_coupon_consumed: Count = None
    told_coupon_restored: Count = None
    told_redemption_completed: Count = None
    told_redemption_cancelled: Count = None
    told_tickets_issued: Count = None
    told_tickets_revoked: Count = None
    told_view_completed: Count = None
    told_winner_selected: Count = None
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
    bonuses_that_differ: Count = None  # between what a view earned and the tickets that were made for it
    ad_budgets_miscounted: Count = None
    raffle_miscounted: Count = None  # its counters against its rows
    raffle_tickets_that_differ: Count = None  # those that the redemption service and the raffle do not both hold
