"""What the service publishes, and what it takes in from others."""

from gasolinera.ads import chains
from gasolinera.ads.personal import ERASURE_CONSUMERS
from gasolinera.events import Consumer, Outbox

OUTBOX = Outbox("ad_schema")
CONSUMERS: tuple[Consumer, ...] = (*chains.REDEMPTION_CONSUMERS, *ERASURE_CONSUMERS)
