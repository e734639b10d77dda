"""What the redemption service brings into a process."""

from gasolinera.parts import Parts
from gasolinera.redemption import (
    api,
    api_fraud,
    api_offline,
    api_points,
    api_pump,
    api_reports,
    api_tickets,
    errors,
    pages_dashboard,
    pages_fraud,
    pages_fraud_log,
    pages_fraud_rules,
    pages_history,
    pages_offline_review,
    pages_points,
    pages_pump,
    pages_receipts,
    pages_redemptions,
    pages_scan,
    pages_tickets,
    pages_till,
    pages_till_offline,
    pages_today,
)
from gasolinera.redemption.drawn_tickets import END_DRAWN_TICKETS
from gasolinera.redemption.errors_fraud import FRAUD_REFUSALS
from gasolinera.redemption.errors_offline import OFFLINE_REFUSALS
from gasolinera.redemption.events import CONSUMERS, OUTBOX
from gasolinera.redemption.jobs import JOBS
from gasolinera.redemption.offline import SETTLING
from gasolinera.redemption.personal import export_person
from gasolinera.redemption.points import EXPIRE_POINTS, POINTS_REFUSALS
from gasolinera.redemption.recovery import RECOVERY
from gasolinera.redemption.reports import REPORT_JOBS
from gasolinera.redemption.tickets import EXPIRE_TICKETS
from gasolinera.routing import service_router

_HANDLERS = (*api.HANDLERS, *api_pump.HANDLERS, *api_fraud.HANDLERS, *api_offline.HANDLERS)
_TILL = (
    *pages_till.HANDLERS,
    *pages_receipts.HANDLERS,
    *pages_today.HANDLERS,
    *pages_till_offline.HANDLERS,
    *pages_pump.HANDLERS,
    *pages_scan.HANDLERS,
)

PARTS = Parts(
    name="redemption",
    schema="redemption_schema",
    routers=(
        service_router("redemption", "/api/redemptions", _HANDLERS),
        service_router("redemption", "/api/tickets", api_tickets.HANDLERS),
        service_router("redemption", "/api/points", api_points.HANDLERS),
        service_router("redemption", "/api/reports", api_reports.HANDLERS),
        service_router("redemption", "/", _TILL),
        service_router("redemption", "/", [*pages_history.HANDLERS, *pages_tickets.HANDLERS, *pages_points.HANDLERS]),
        service_router(
            "redemption",
            "/",
            [
                *pages_dashboard.HANDLERS,
                *pages_redemptions.HANDLERS,
                *pages_fraud.HANDLERS,
                *pages_fraud_rules.HANDLERS,
                *pages_fraud_log.HANDLERS,
                *pages_offline_review.HANDLERS,
            ],
        ),
    ),
    outbox=OUTBOX,
    consumers=CONSUMERS,
    jobs=(*JOBS, EXPIRE_TICKETS, END_DRAWN_TICKETS, EXPIRE_POINTS, *REPORT_JOBS),
    coupon_pollers=(RECOVERY, SETTLING),
    refusals={**errors.REFUSALS, **FRAUD_REFUSALS, **OFFLINE_REFUSALS, **POINTS_REFUSALS},
    has_pages=True,
    export_person=export_person,
)
