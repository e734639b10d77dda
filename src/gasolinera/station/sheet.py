"""Stations as a table in a CSV file: what its columns hold. Pure."""

from datetime import date

from gasolinera.station import changes
from gasolinera.station.models import Country, Fuel, Service, StationStatus, StationType
from gasolinera.tabular import Column, Layout, Sheet, read_table

STATIONS = Layout(
    thing="station",
    columns=(
        Column("station_code", "codigo", changes.Code, is_capitals=True),
        Column("name", "nombre", changes.Name),
        Column("status", "estatus", StationStatus, is_capitals=True),
        Column("station_type", "tipo", StationType, is_capitals=True),
        Column("accepts_coupons", "acepta_cupones", bool),
        Column("address", "direccion", changes.Address),
        Column("city", "ciudad", changes.Place),
        Column("state", "estado", changes.Place),
        Column("postal_code", "codigo_postal", changes.PostalCode),
        Column("country", "pais", Country, is_capitals=True),
        Column("latitude", "latitud", changes.Latitude),
        Column("longitude", "longitud", changes.Longitude),
        Column("time_zone", "zona_horaria", changes.Zone, check=changes.check_zone),
        Column("pump_count", "bombas", changes.Pumps),
        Column("fuels", "combustibles", frozenset[Fuel], is_list=True),
        Column("services_offered", "servicios", frozenset[Service], is_list=True),
        Column("phone", "telefono", changes.Phone),
        Column("email", "correo", changes.Email),
        Column("permit_number", "permiso", changes.Permit),
        Column("opened_on", "fecha_apertura", date, check=changes.check_opened_on),
    ),
    key="station_code",
    needed=("station_code",),
)
COLUMNS = STATIONS.names


def read_sheet(data: bytes) -> Sheet:
    """Raises InputError `sheet.*` for what is no table of stations at all."""
    return read_table(data, STATIONS)
