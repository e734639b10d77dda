"""What the redemption service brings into a process."""

from gasolinera.parts import Parts
from gasolinera.redemption.events import CONSUMERS, OUTBOX
from gasolinera.redemption.partitions import prepare

PARTS = Parts(
    name="redemption",
    schema="redemption_schema",
    routers=(),
    prepare=prepare,
    outbox=OUTBOX,
    consumers=CONSUMERS,
)
