"""What the redemption service brings into a process."""

from gasolinera.parts import Parts
from gasolinera.redemption import api, api_fraud, api_offline, api_points, api_pump, api_reports, api_tickets, errors
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

PARTS = Parts(
    name="redemption",
    schema="redemption_schema",
    routers=(
        service_router("redemption", "/api/redemptions", _HANDLERS),
        service_router("redemption", "/api/tickets", api_tickets.HANDLERS),
        service_router("redemption", "/api/points", api_points.HANDLERS),
        service_router("redemption", "/api/reports", api_reports.HANDLERS),
    ),
    outbox=OUTBOX,
    consumers=CONSUMERS,
    jobs=(*JOBS, EXPIRE_TICKETS, EXPIRE_POINTS, *REPORT_JOBS),
    coupon_pollers=(RECOVERY, SETTLING),
    refusals={**errors.REFUSALS, **FRAUD_REFUSALS, **OFFLINE_REFUSALS, **POINTS_REFUSALS},
    export_person=export_person,
)
