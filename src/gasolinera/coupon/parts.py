"""What the coupon service brings into a process."""

from gasolinera.coupon import api_internal, api_qr
from gasolinera.coupon.consuming import DESK, FORGET_REFUSED_USES
from gasolinera.coupon.events import CONSUMERS, OUTBOX
from gasolinera.coupon.partitions import prepare
from gasolinera.coupon.revocations import QR_UPKEEP
from gasolinera.parts import Parts
from gasolinera.routing import service_router

_HANDLERS = (*api_internal.HANDLERS, *api_qr.HANDLERS)

PARTS = Parts(
    name="coupon",
    schema="coupon_schema",
    routers=(service_router("coupon", "/api/coupons", _HANDLERS),),
    prepare=prepare,
    outbox=OUTBOX,
    consumers=CONSUMERS,
    jobs=(FORGET_REFUSED_USES,),
    pollers=(QR_UPKEEP,),
    coupon_desk=DESK,
)
