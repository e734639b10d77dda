"""What the service publishes, and what it takes in from others."""

from gasolinera.events import Consumer, Outbox
from gasolinera.redemption import ad_bonuses, drawn_tickets, employments, fraud, raffles
from gasolinera.redemption.personal import forget_erased_user
from gasolinera.redemption.points import take_redemption_event

OUTBOX = Outbox("redemption_schema")
CONSUMERS: tuple[Consumer, ...] = (
    *employments.CONSUMERS,
    *fraud.CONSUMERS,
    *ad_bonuses.CONSUMERS,
    *raffles.CONSUMERS,
    *drawn_tickets.CONSUMERS,
    Consumer("redemption", frozenset({"redemption.completed", "redemption.cancelled"}), take_redemption_event),
    Consumer("redemption", frozenset({"user.erased"}), forget_erased_user),
)
