"""What the station service brings into a process."""

from gasolinera.parts import Parts
from gasolinera.routing import service_router
from gasolinera.station import api, api_figures, api_manage, service
from gasolinera.station.errors import REFUSALS
from gasolinera.station.jobs import JOBS

PARTS = Parts(
    name="station",
    schema="station_schema",
    routers=(service_router("station", "/api/stations", [*api.HANDLERS, *api_manage.HANDLERS, *api_figures.HANDLERS]),),
    prepare=service.prepare,
    jobs=JOBS,
    refusals=REFUSALS,
)
