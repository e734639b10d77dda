"""What the coupon service brings into a process."""

from gasolinera.coupon import (
    api_batches,
    api_campaigns,
    api_coupons,
    api_internal,
    api_offers,
    api_qr,
    pages_app,
    pages_batches,
    pages_campaign_wizard,
    pages_campaigns,
    pages_coupons,
    pages_offers,
    pages_wallet,
)
from gasolinera.coupon.consuming import DESK, FORGET_REFUSED_USES
from gasolinera.coupon.coupons import COUPON_JOBS
from gasolinera.coupon.errors import CAMPAIGN_REFUSALS
from gasolinera.coupon.errors_coupons import COUPON_REFUSALS
from gasolinera.coupon.events import CONSUMERS, OUTBOX
from gasolinera.coupon.issuing import ISSUING
from gasolinera.coupon.jobs import CAMPAIGN_JOBS
from gasolinera.coupon.personal import export_person
from gasolinera.coupon.revocations import QR_UPKEEP
from gasolinera.parts import Parts
from gasolinera.routing import service_router

_HANDLERS = (*api_internal.HANDLERS, *api_qr.HANDLERS, *api_coupons.HANDLERS, *api_batches.HANDLERS)

_OFFICE = (
    *pages_campaigns.HANDLERS,
    *pages_campaign_wizard.HANDLERS,
    *pages_batches.HANDLERS,
    *pages_coupons.HANDLERS,
)

PARTS = Parts(
    name="coupon",
    schema="coupon_schema",
    routers=(
        service_router("coupon", "/api/coupons", _HANDLERS),
        service_router("coupon", "/api/campaigns", (*api_campaigns.HANDLERS, *api_offers.HANDLERS)),
        service_router("coupon", "/", (*pages_wallet.HANDLERS, *pages_offers.HANDLERS, *pages_app.HANDLERS)),
        service_router("coupon", "/", _OFFICE),
    ),
    has_pages=True,
    outbox=OUTBOX,
    consumers=CONSUMERS,
    jobs=(FORGET_REFUSED_USES, *COUPON_JOBS, *CAMPAIGN_JOBS),
    pollers=(QR_UPKEEP, ISSUING),
    refusals={**COUPON_REFUSALS, **CAMPAIGN_REFUSALS},
    coupon_desk=DESK,
    export_person=export_person,
)
