"""What the service publishes, and what it takes in from others."""

from gasolinera.coupon import consuming
from gasolinera.events import Consumer, Outbox

OUTBOX = Outbox("coupon_schema")
CONSUMERS: tuple[Consumer, ...] = (*consuming.CONSUMERS,)
