"""What the coupon service brings into a process."""

from gasolinera.coupon.events import CONSUMERS, OUTBOX
from gasolinera.coupon.partitions import prepare
from gasolinera.parts import Parts

PARTS = Parts(
    name="coupon",
    schema="coupon_schema",
    routers=(),
    prepare=prepare,
    outbox=OUTBOX,
    consumers=CONSUMERS,
)
