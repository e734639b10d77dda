"""What the auth service brings into a process."""

from gasolinera.auth import api, api_account, api_notifications, api_partners, partners, service
from gasolinera.auth.delivery import send_notifications
from gasolinera.auth.errors import REFUSALS
from gasolinera.auth.events import CONSUMERS, OUTBOX
from gasolinera.auth.notifications import FORGET_NOTIFICATIONS
from gasolinera.auth.revocations import FORGET_REVOCATIONS, local_authority
from gasolinera.event_upkeep import purge_job
from gasolinera.parts import Parts, Poller
from gasolinera.routing import service_router

PARTS = Parts(
    name="auth",
    schema="auth_schema",
    routers=(
        service_router(
            "auth",
            "/api/auth",
            [*api.HANDLERS, *api_account.HANDLERS, *api_partners.HANDLERS, *api_notifications.HANDLERS],
        ),
        service_router("auth", "/", api_partners.OPEN_HANDLERS),
    ),
    prepare=service.prepare,
    outbox=OUTBOX,
    consumers=CONSUMERS,
    jobs=(FORGET_REVOCATIONS, FORGET_NOTIFICATIONS, purge_job("auth", "auth_schema")),
    pollers=(Poller("notifications", send_notifications),),
    refusals={**REFUSALS, **partners.REFUSALS},
    find_user=service.find_user,
    authority=local_authority,
)
