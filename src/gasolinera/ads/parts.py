"""What the ad engine brings into a process."""

from gasolinera.ads import (
    api_advertisements,
    api_callbacks,
    api_campaigns,
    api_media,
    api_reports,
    api_reviews,
    api_views,
    pages_office,
    pages_office_ad_list,
    pages_office_ads,
    pages_office_reports,
    pages_office_reviews,
    pages_office_tile,
    pages_watch,
)
from gasolinera.ads.analytics import ANALYTICS_JOBS
from gasolinera.ads.errors import AD_REFUSALS
from gasolinera.ads.events import CONSUMERS, OUTBOX
from gasolinera.ads.jobs_campaigns import AD_CAMPAIGN_JOBS
from gasolinera.ads.personal import export_person
from gasolinera.ads.retention import RETENTION_JOBS
from gasolinera.ads.views import EXPIRE_VIEWS, VIEW_REFUSALS
from gasolinera.parts import Parts
from gasolinera.routing import service_router

PARTS = Parts(
    name="ads",
    schema="ad_schema",
    routers=(
        service_router(
            "ads",
            "/api/ads",
            (
                *api_campaigns.HANDLERS,
                *api_advertisements.HANDLERS,
                *api_media.HANDLERS,
                *api_views.HANDLERS,
                *api_callbacks.HANDLERS,
            ),
        ),
        service_router("ads", "/api/ads/reports", api_reports.HANDLERS),
        service_router("ads", "/api/ads/reviews", api_reviews.HANDLERS),
        service_router(
            "ads",
            "/",
            (
                *pages_watch.HANDLERS,
                *pages_office.HANDLERS,
                *pages_office_ad_list.HANDLERS,
                *pages_office_ads.HANDLERS,
                *pages_office_reports.HANDLERS,
                *pages_office_reviews.HANDLERS,
                *pages_office_tile.HANDLERS,
            ),
        ),
    ),
    has_pages=True,
    outbox=OUTBOX,
    consumers=CONSUMERS,
    jobs=(
        *AD_CAMPAIGN_JOBS,
        EXPIRE_VIEWS,
        *ANALYTICS_JOBS,
        *RETENTION_JOBS,
    ),
    refusals={**AD_REFUSALS, **VIEW_REFUSALS},
    export_person=export_person,
)
