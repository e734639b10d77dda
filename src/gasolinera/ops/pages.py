"""The pages of operations, which belong to no service: they show what this process reaches."""

from litestar import Router

from gasolinera.bodies import JsonRequest
from gasolinera.ops import pages_database, pages_system
from gasolinera.routing import well_asked


def ops_router() -> Router:
    return Router(
        "/",
        route_handlers=[*pages_system.HANDLERS, *pages_database.HANDLERS],
        middleware=[well_asked],
        request_class=JsonRequest,
        tags=["ops"],
    )
