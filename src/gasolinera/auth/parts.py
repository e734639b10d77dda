"""What the auth service brings into a process."""

from gasolinera.auth import (
    administration,
    api,
    api_account,
    api_administration,
    api_audit,
    api_internal,
    api_notifications,
    api_partners,
    api_second_factor,
    api_webhooks,
    pages,
    pages_account,
    pages_api_keys,
    pages_audit,
    pages_deliveries,
    pages_factor,
    pages_login,
    pages_partners,
    pages_permissions,
    pages_privacy,
    pages_security,
    pages_sessions,
    pages_start,
    pages_users,
    pages_webhooks,
    partners,
    service,
)
from gasolinera.auth.delivery import send_notifications
from gasolinera.auth.errors import REFUSALS
from gasolinera.auth.events import CONSUMERS, OUTBOX
from gasolinera.auth.jobs import JOBS
from gasolinera.auth.notifications import FORGET_NOTIFICATIONS
from gasolinera.auth.revocations import local_authority
from gasolinera.auth.senders import open_courier
from gasolinera.auth.webhooks import FORGET_DELIVERIES
from gasolinera.auth.webhooks_delivery import send_webhooks
from gasolinera.parts import Parts, Poller
from gasolinera.routing import service_router

PARTS = Parts(
    name="auth",
    schema="auth_schema",
    routers=(
        service_router(
            "auth",
            "/api/auth",
            [
                *api.HANDLERS,
                *api_account.HANDLERS,
                *api_partners.HANDLERS,
                *api_internal.HANDLERS,
                *api_notifications.HANDLERS,
                *api_webhooks.HANDLERS,
                *api_administration.HANDLERS,
                *api_audit.HANDLERS,
                *api_second_factor.HANDLERS,
            ],
        ),
        service_router(
            "auth",
            "/",
            [
                *api_internal.OPEN_HANDLERS,
                *pages.HANDLERS,
                *pages_start.HANDLERS,
                *pages_login.HANDLERS,
                *pages_factor.HANDLERS,
                *pages_account.HANDLERS,
                *pages_sessions.HANDLERS,
                *pages_security.HANDLERS,
                *pages_privacy.HANDLERS,
                *pages_users.HANDLERS,
                *pages_permissions.HANDLERS,
                *pages_audit.HANDLERS,
                *pages_partners.HANDLERS,
                *pages_api_keys.HANDLERS,
                *pages_webhooks.HANDLERS,
                *pages_deliveries.HANDLERS,
            ],
        ),
    ),
    outbox=OUTBOX,
    consumers=CONSUMERS,
    jobs=(*JOBS, FORGET_NOTIFICATIONS, FORGET_DELIVERIES),
    pollers=(Poller("notifications", send_notifications), Poller("webhooks", send_webhooks)),
    refusals={**REFUSALS, **administration.REFUSALS, **partners.REFUSALS},
    find_user=service.find_user,
    authority=local_authority,
    opened=open_courier,
    has_pages=True,
)
