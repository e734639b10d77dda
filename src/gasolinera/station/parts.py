"""What the station service brings into a process."""

from gasolinera.address_upkeep import address_upkeep_job
from gasolinera.parts import Parts
from gasolinera.routing import service_router
from gasolinera.station import (
    api,
    api_employees,
    api_employees_sheet,
    api_figures,
    api_manage,
    api_sheet,
    api_shifts,
    api_terminals,
    pages_office_employees,
    pages_office_import,
    pages_office_prices,
    pages_office_stations,
    pages_office_terminals,
    pages_office_training,
    pages_stations,
    roster,
)
from gasolinera.station.errors import REFUSALS
from gasolinera.station.errors_employees import EMPLOYEE_REFUSALS
from gasolinera.station.events import CONSUMERS, OUTBOX
from gasolinera.station.jobs import JOBS
from gasolinera.station.personal import export_person
from gasolinera.station.terminal_desk import verify_for_others
from gasolinera.station.terminals import FORGET_TERMINAL_TRACES
from gasolinera.station.training import CERTIFICATIONS_EXPIRING

_HANDLERS = (
    *api.HANDLERS,
    *api_manage.HANDLERS,
    *api_figures.HANDLERS,
    *api_sheet.HANDLERS,
    *api_employees.HANDLERS,
    *api_employees_sheet.HANDLERS,
    *api_shifts.HANDLERS,
    *api_terminals.HANDLERS,
)

_PAGES = (
    *pages_stations.HANDLERS,
    *pages_office_stations.HANDLERS,
    *pages_office_prices.HANDLERS,
    *pages_office_import.HANDLERS,
    *pages_office_employees.HANDLERS,
    *pages_office_training.HANDLERS,
    *pages_office_terminals.HANDLERS,
)

PARTS = Parts(
    name="station",
    schema="station_schema",
    routers=(
        service_router("station", "/api/stations", _HANDLERS),
        service_router("station", "/", _PAGES),
    ),
    has_pages=True,
    outbox=OUTBOX,
    consumers=CONSUMERS,
    jobs=(
        *JOBS,
        CERTIFICATIONS_EXPIRING,
        FORGET_TERMINAL_TRACES,
        address_upkeep_job("station", "station_schema"),
    ),
    refusals={**REFUSALS, **EMPLOYEE_REFUSALS},
    is_current=roster.is_current,
    export_person=export_person,
    verify_terminal=verify_for_others,
)
