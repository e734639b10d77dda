"""What the service publishes, and what it takes in from others."""

from gasolinera.events import Consumer, Outbox

OUTBOX = Outbox("redemption_schema")
CONSUMERS: tuple[Consumer, ...] = ()
