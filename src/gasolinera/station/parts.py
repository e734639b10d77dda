"""What the station service brings into a process."""

from gasolinera.parts import Parts
from gasolinera.station import api, service

PARTS = Parts(name="station", schema="station_schema", routers=(api.router,), prepare=service.prepare)
