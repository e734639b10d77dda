"""Coupons: campaigns, the coupons issued from them, and every use of one.

Owns `coupon_schema`: campaigns and their stations, coupons with their signed QR codes, the history of their use, the
limits and budgets that this use counts against, and the log of validation attempts.
Publishes `coupon.issued`, `coupon.consumed`, `coupon.restored` and `campaign.changed`, which carry campaign and coupon
code, the redemption's reference and what a cancellation gives back.
Consumes `redemption.cancelled` from the redemption service, `user.registered` (welcome coupons) and `user.erased` from
auth.

Others know a campaign by `campaign_code` and a coupon by `coupon_code`. They may import from this package its public
module alone (validate, consume and restore a coupon), never its queries or its tables.
"""
