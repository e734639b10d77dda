"""What the service publishes, and what it takes in from others."""

from gasolinera.coupon import consuming, welcome
from gasolinera.events import Consumer, Outbox

OUTBOX = Outbox("coupon_schema")
CONSUMERS: tuple[Consumer, ...] = (*consuming.CONSUMERS, *welcome.COUPON_CONSUMERS)
