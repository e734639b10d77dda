"""Feeds as the regulator publishes them, made for tests."""

from collections.abc import Iterable
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import msgspec


class Place(msgspec.Struct, frozen=True):
    place_id: str
    permit: str
    x: str = "-99.13"
    y: str = "19.43"
    name: str = "SERVICIO DE PRUEBA, S.A. DE C.V."


class Prices(msgspec.Struct, frozen=True):
    """One element of the file of prices; a place may have several."""

    place_id: str
    prices: tuple[tuple[str, str], ...]


def permit(number: int) -> str:
    return f"PL/{number}/EXP/ES/2015"


def places_xml(places: Iterable[Place]) -> str:
    elements = "".join(
        f"<place place_id={quoteattr(p.place_id)}><name>{escape(p.name)}</name><cre_id>{escape(p.permit)}</cre_id>"
        f"<location><x>{p.x}</x><y>{p.y}</y></location></place>\n"
        for p in places
    )
    return f'\ufeff<?xml version="1.0" encoding="utf-8"?>\n<places>\n{elements}</places>'


def prices_xml(prices: Iterable[Prices]) -> str:
    elements = "".join(
        f"<place place_id={quoteattr(p.place_id)}>"
        + "".join(f"<gas_price type={quoteattr(fuel)}>{value}</gas_price>" for fuel, value in p.prices)
        + "</place>\n"
        for p in prices
    )
    return f'\ufeff<?xml version="1.0" encoding="utf-8"?>\n<places>\n{elements}</places>'


class Files(msgspec.Struct, frozen=True):
    places: Path
    prices: Path


def written(folder: Path, places: Iterable[Place], prices: Iterable[Prices]) -> Files:
    files = Files(folder / "places.xml", folder / "prices.xml")
    files.places.write_text(places_xml(places), encoding="utf-8")
    files.prices.write_text(prices_xml(prices), encoding="utf-8")
    return files


GOOD = (
    Place("1", permit(1)),
    Place("2", permit(2), x="-103.38", y="20.67"),
    Place("3", permit(3), x="-86.83", y="21.15"),
)
GOOD_PRICES = (
    Prices("1", (("regular", "23.49"), ("premium", "25.9"))),
    Prices("2", (("regular", "24"),)),
    Prices("2", (("diesel", "26.19"),)),  # the regulator splits a place's prices over elements
)

# Each fault once, with the reason that the report must give.
FAULTY_PLACES = {
    "coordinates_zero": Place("101", permit(101), x="0", y="0"),
    "coordinates_outside": Place("102", permit(102), x="2.35", y="48.85"),
    "coordinates_swapped": Place("103", permit(103), x="19.41447", y="-99.03223"),
    "coordinates_sign": Place("104", permit(104), x="101.5987", y="21.07213"),
    "coordinates_invalid": Place("105", permit(105), x="NaN", y="19.4"),
    "permit_invalid": Place("106", "PL/1/EXP"),
    "name_invalid": Place("107", permit(107), name="  "),
    "place_id_invalid": Place("x1", permit(108)),
    "duplicate_place": Place("1", permit(109)),
    "duplicate_permit": Place("110", permit(1)),
}
# Places 201 and on are good; only their prices are not.
FAULTY_PRICES = {
    "price_implausible": Prices("201", (("regular", "0.01"),)),
    "conflicting_prices": Prices("202", (("diesel", "26.48"), ("diesel", "26.39"))),
    "price_invalid": Prices("203", (("regular", "2e1"),)),
    "unknown_fuel": Prices("204", (("kerosene", "20.00"),)),
    "unknown_place": Prices("999", (("regular", "23.00"),)),
    "place_rejected": Prices("101", (("regular", "23.00"),)),
}
