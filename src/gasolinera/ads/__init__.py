"""The ad engine: campaigns, advertisements, views that multiply raffle tickets, and what a view costs.

Owns `ad_schema`. Publishes `ad.view.completed` (the view, its user, the redemption's transaction reference and the
multiplier), from which the redemption service makes the bonus tickets, and `ad.view.rejected`, which takes them back.
Consumes `redemption.completed` and `redemption.cancelled` (what views may multiply) and `user.erased`; it knows users,
stations and redemptions by their public references alone. Other services may import nothing from here.
"""
