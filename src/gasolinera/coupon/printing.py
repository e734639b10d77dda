"""Sheets of coupons to print and cut: a PDF with ten of them a page. Pure.

Every symbol is of vectors, 36 mm with its quiet zone: a module is 0.73 mm, which cheap printers print and old cameras
read.
"""

import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

import msgspec
from reportlab.lib.pagesizes import A4, LETTER
from reportlab.lib.units import mm
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

from gasolinera.coupon.codes import grouped
from gasolinera.coupon.exporting import qr_text
from gasolinera.coupon.models_coupons import ExportedCoupon, PaperCampaign
from gasolinera.drawing import QUIET_ZONE, Symbol, symbol_of

Paper = Literal["A4", "LETTER"]
Language = Literal["en", "es"]

COLUMNS: Final = 2
ROWS: Final = 5
_SIZES: Final[dict[Paper, tuple[float, float]]] = {"A4": A4, "LETTER": LETTER}
_WIDTH: Final = 95 * mm
_HEIGHT: Final = 51 * mm
_QR: Final = 36 * mm
_PADDING: Final = 4 * mm
_MARK: Final = 4 * mm  # the length of a cut mark
_GAP: Final = 1 * mm  # between a mark and the corner it points at: nothing of it stays on a coupon
_REGULAR: Final = "Helvetica"
_BOLD: Final = "Helvetica-Bold"
_CODE: Final = "Courier-Bold"
_DARK_RUN: Final = re.compile(b"\x01+")
# What the standard fonts of PDF can show; everything else becomes a question mark instead of a box.
_ENCODING: Final = "cp1252"

_WORDS: Final[dict[Language, Mapping[str, str]]] = {
    "es": {
        "percent": "{value} % de descuento",
        "amount": "{value} {currency} de descuento",
        "cap": "Descuento máximo: {value} {currency}",
        "minimum": "Compra mínima: {value} {currency}",
        "window": "Válido del {first} al {last}",
        "once": "Válido por un solo uso",
        "times": "Válido por {count} usos",
        "fuels": "Combustibles: {fuels}",
        "stations": "Solo en estaciones participantes",
        "tickets": "Boletos para el sorteo: {count}",
        "REGULAR": "regular",
        "PREMIUM": "premium",
        "DIESEL": "diésel",
        "title": "Cupones {campaign}",
    },
    "en": {
        "percent": "{value} % off",
        "amount": "{value} {currency} off",
        "cap": "At most {value} {currency} off",
        "minimum": "Minimum purchase: {value} {currency}",
        "window": "Valid from {first} to {last}",
        "once": "Valid once",
        "times": "Valid {count} times",
        "fuels": "Fuels: {fuels}",
        "stations": "At participating stations only",
        "tickets": "Raffle tickets: {count}",
        "REGULAR": "regular",
        "PREMIUM": "premium",
        "DIESEL": "diesel",
        "title": "Coupons {campaign}",
    },
}


class Place(msgspec.Struct, frozen=True):
    """The lower left corner of a coupon on its page, in points."""

    x: float
    y: float


def sheets(
    campaign: PaperCampaign, coupons: Sequence[ExportedCoupon], *, paper: Paper = "A4", language: Language = "es"
) -> bytes:
    """A PDF of so many pages as the coupons need. Each must be signed."""
    target = io.BytesIO()
    canvas: Any = Canvas(target, pagesize=_SIZES[paper], pageCompression=1)
    canvas.setTitle(_WORDS[language]["title"].format(campaign=campaign.campaign_code))
    places = places_of(paper)
    for start in range(0, len(coupons), len(places)):
        for place, coupon in zip(places, coupons[start : start + len(places)], strict=False):
            _draw_coupon(canvas, place, coupon, campaign, language)
        _draw_cut_marks(canvas, places)
        canvas.showPage()
    canvas.save()
    return target.getvalue()


def places_of(paper: Paper) -> tuple[Place, ...]:
    """Row by row from the top, in the middle of the page."""
    width, height = _SIZES[paper]
    left, bottom = (width - COLUMNS * _WIDTH) / 2, (height - ROWS * _HEIGHT) / 2
    return tuple(
        Place(left + column * _WIDTH, bottom + (ROWS - 1 - row) * _HEIGHT)
        for row in range(ROWS)
        for column in range(COLUMNS)
    )


def terms_of(coupon: ExportedCoupon, campaign: PaperCampaign, language: Language) -> list[str]:
    """What a customer must know before driving there, a line each; the first is the offer."""
    words = _WORDS[language]

    def say(key: str, **values: object) -> str:
        return words[key].format(currency=coupon.currency, **values)

    zone = ZoneInfo(campaign.time_zone)
    kind = "percent" if coupon.discount_type == "PERCENTAGE" else "amount"
    lines = [say(kind, value=_number(coupon.discount_value))]
    if coupon.maximum_discount is not None:
        lines.append(say("cap", value=_number(coupon.maximum_discount)))
    if coupon.minimum_purchase > 0:
        lines.append(say("minimum", value=_number(coupon.minimum_purchase)))
    # The window is half open: midnight at its end means the day before.
    last = coupon.valid_until - timedelta(microseconds=1)
    lines.append(say("window", first=_day(coupon.valid_from, zone, language), last=_day(last, zone, language)))
    lines.append(say("once") if coupon.max_usage == 1 else say("times", count=coupon.max_usage))
    if len(campaign.fuel_types) < 3:
        lines.append(say("fuels", fuels=", ".join(words[fuel] for fuel in campaign.fuel_types)))
    if campaign.is_for_listed_stations:
        lines.append(say("stations"))
    if coupon.raffle_tickets:
        lines.append(say("tickets", count=coupon.raffle_tickets))
    return lines


def _number(value: Decimal) -> str:
    """Without decimals that say nothing. Mexico writes 1,234.50 as English does."""
    return f"{value:,.0f}" if value == value.to_integral_value() else f"{value:,.2f}"


def _day(at: datetime, zone: ZoneInfo, language: Language) -> str:
    local = at.astimezone(zone)
    return f"{local:%d/%m/%Y}" if language == "es" else f"{local:%Y-%m-%d}"


def _draw_coupon(
    canvas: Any, place: Place, coupon: ExportedCoupon, campaign: PaperCampaign, language: Language
) -> None:
    text = qr_text(coupon)
    assert text is not None, "only signed coupons are printed"
    right = place.x + _WIDTH - _QR - _PADDING / 2
    _draw_symbol(canvas, symbol_of(text), right, place.y + _HEIGHT - _QR - _PADDING / 2)
    left, width = place.x + _PADDING, _WIDTH - _QR - 2 * _PADDING
    lines = _Lines(canvas, left, place.y + _HEIGHT - _PADDING)
    for line in _wrapped(campaign.name, _BOLD, 9, width)[:2]:
        lines.draw(line, _BOLD, 9)
    offer, *terms = terms_of(coupon, campaign, language)
    for line in _wrapped(offer, _BOLD, 13, width)[:2]:
        lines.draw(line, _BOLD, 13)
    for line in (part for term in terms for part in _wrapped(term, _REGULAR, 6.5, width)):
        lines.draw(line, _REGULAR, 6.5)
    canvas.setFont(_CODE, 11)
    canvas.drawCentredString(right + _QR / 2, place.y + _PADDING, grouped(coupon.coupon_code))
    canvas.setFont(_REGULAR, 6)
    canvas.drawString(left, place.y + _PADDING, campaign.campaign_code)


class _Lines:
    """Text from the top down."""

    def __init__(self, canvas: Any, x: float, y: float) -> None:
        self._canvas = canvas
        self._x = x
        self._y = y

    def draw(self, text: str, font: str, size: float) -> None:
        self._y -= size * 1.2
        self._canvas.setFont(font, size)
        self._canvas.drawString(self._x, self._y, text)


def _wrapped(text: str, font: str, size: float, width: float) -> list[str]:
    """In lines that fit; a word that is wider than a line is cut."""
    measure: Callable[[str, str, float], float] = stringWidth
    lines: list[str] = []
    for word in text.encode(_ENCODING, "replace").decode(_ENCODING).split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and measure(longer, font, size) <= width:
            lines[-1] = longer
            continue
        part = word
        while part:
            fits = next((n for n in range(len(part), 1, -1) if measure(part[:n], font, size) <= width), 1)
            lines.append(part[:fits])
            part = part[fits:]
    return lines


def _draw_symbol(canvas: Any, symbol: Symbol, x: float, y: float) -> None:
    """One path of rectangles, a run of dark modules each."""
    unit = _QR / (symbol.size + 2 * QUIET_ZONE)
    path = canvas.beginPath()
    for row, begin, length in _runs(symbol):
        path.rect(x + (begin + QUIET_ZONE) * unit, y + _QR - (row + QUIET_ZONE + 1) * unit, length * unit, unit)
    canvas.drawPath(path, stroke=0, fill=1)


def _runs(symbol: Symbol) -> Iterator[tuple[int, int, int]]:
    for row, modules in enumerate(symbol.rows):
        for run in _DARK_RUN.finditer(modules):
            yield row, run.start(), run.end() - run.start()


def _draw_cut_marks(canvas: Any, places: Sequence[Place]) -> None:
    """At the edges of the block, where the cuts begin and end: a stack of sheets is cut along them."""
    xs = sorted({round(x, 3) for place in places for x in (place.x, place.x + _WIDTH)})
    ys = sorted({round(y, 3) for place in places for y in (place.y, place.y + _HEIGHT)})
    canvas.setLineWidth(0.25)
    for x in xs:
        canvas.line(x, ys[0] - _GAP - _MARK, x, ys[0] - _GAP)
        canvas.line(x, ys[-1] + _GAP, x, ys[-1] + _GAP + _MARK)
    for y in ys:
        canvas.line(xs[0] - _GAP - _MARK, y, xs[0] - _GAP, y)
        canvas.line(xs[-1] + _GAP, y, xs[-1] + _GAP + _MARK, y)
