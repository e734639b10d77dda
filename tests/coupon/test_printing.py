"""Sheets to print: what a camera reads from them is what was issued, inside the cut marks, on both papers."""

import base64
import re
import zlib
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

import psycopg
import pytest
import zxingcpp
from nacl.signing import SigningKey
from PIL import Image, ImageDraw

from gasolinera.config import Settings
from gasolinera.coupon import qr
from gasolinera.coupon.codes import code_of, grouped
from gasolinera.coupon.models_coupons import CouponStatus, ExportedCoupon, PaperCampaign
from gasolinera.coupon.printing import Paper, places_of, sheets, terms_of
from tests.coupon.test_coupons import problem
from tests.coupon.test_exporting import ask_and_issue, opened
from tests.schema.coupon_rows import new_campaign

Admin = psycopg.Connection[Any]
CAMPAIGN = PaperCampaign("WELCOME", "Bienvenida a los señores de Ñuñoa", "America/Mexico_City", ("PREMIUM",), True)
MM = 72 / 25.4
PAGES: dict[Paper, tuple[float, float]] = {"A4": (210, 297), "LETTER": (215.9, 279.4)}


def coupon(number: int, **values: Any) -> ExportedCoupon:
    filled: dict[str, Any] = {
        "discount_type": "PERCENTAGE",
        "discount_value": Decimal("12.50"),
        "maximum_discount": Decimal("50.00"),
        "minimum_purchase": Decimal("1200.00"),
        "raffle_tickets": 3,
        # Midnight in Mexico: the last day is the one before.
        "valid_from": datetime(2026, 11, 1, 6, tzinfo=UTC),
        "valid_until": datetime(2027, 1, 1, 6, tzinfo=UTC),
        "max_usage": 1,
        **values,
    }
    body = qr.CouponBody(
        key_id=1, dense_index=number, coupon=number, campaign=1, currency="MXN", kind=filled["discount_type"],
        value=filled["discount_value"], valid_from=filled["valid_from"], valid_until=filled["valid_until"],
    )  # fmt: skip
    payload = qr.pack(body)
    signature = SigningKey(b"\1" * 32).sign(qr.DOMAIN + payload).signature
    return ExportedCoupon(
        position=number,
        coupon_code=code_of(number),
        campaign_code="WELCOME",
        status=CouponStatus.ACTIVE,
        currency="MXN",
        qr_payload=payload,
        qr_signature=signature,
        **filled,
    )


def contents(pdf: bytes) -> list[str]:
    """What each page draws, as the operators of PDF."""
    streams = re.findall(rb"stream\r?\n(.*?)~>endstream", pdf, re.DOTALL)
    return [zlib.decompress(base64.a85decode(stream)).decode("latin-1") for stream in streams]


def rendered(page: str, paper: Paper) -> Image.Image:
    """The filled rectangles of a page as a printer of 200 dots an inch lays them down."""
    scale = 200 / 72
    width, height = (round(side * MM * scale) for side in PAGES[paper])
    image = Image.new("L", (width, height), 255)
    draw = ImageDraw.Draw(image)
    for numbers in re.findall(r"(\S+) (\S+) (\S+) (\S+) re\b", page):
        x, y, w, h = (float(number) * scale for number in numbers)
        draw.rectangle((round(x), round(height - y - h), round(x + w) - 1, round(height - y) - 1), fill=0)
    return image


def texts(page: str) -> list[str]:
    """What a page says, in the order of drawing."""
    said: list[str] = re.findall(r"\(((?:[^()\\]|\\.)*)\) Tj", page)
    plain = [re.sub(r"\\(\d{3})", lambda octal: chr(int(octal[1], 8)), text) for text in said]
    return [text.encode("latin-1").decode("cp1252") for text in plain]


@pytest.mark.parametrize("paper", ["A4", "LETTER"])
def test_every_code_on_paper_is_read_by_a_decoder(paper: Paper) -> None:
    coupons = [coupon(1_000_003 * number) for number in range(1, 24)]
    pages = contents(sheets(CAMPAIGN, coupons, paper=paper))
    assert len(pages) == 3
    read = {found.text for page in pages for found in zxingcpp.read_barcodes(rendered(page, paper))}
    wanted = {qr.as_text(one.qr_payload or b"", one.qr_signature or b"") for one in coupons}
    assert read == wanted


@pytest.mark.parametrize("paper", ["A4", "LETTER"])
def test_coupons_lie_on_the_page_side_by_side_with_room_for_the_cut_marks(paper: Paper) -> None:
    places = places_of(paper)
    width, height = PAGES[paper]
    assert len(set(places)) == 10
    xs, ys = sorted({p.x / MM for p in places}), sorted({p.y / MM for p in places})
    assert [round(b - a, 3) for a, b in pairwise(xs)] == [95]
    assert [round(b - a, 3) for a, b in pairwise(ys)] == [51] * 4
    for low, high in ((xs[0], width - xs[-1] - 95), (ys[0], height - ys[-1] - 51)):
        assert round(low, 3) == round(high, 3) >= 8  # 4 mm of mark, 1 of gap, 3 that printers leave white


def test_terms_are_said_in_both_languages_with_days_of_the_campaigns_zone() -> None:
    assert terms_of(coupon(1), CAMPAIGN, "es") == [
        "12.50 % de descuento",
        "Descuento máximo: 50 MXN",
        "Compra mínima: 1,200 MXN",
        "Válido del 01/11/2026 al 31/12/2026",
        "Válido por un solo uso",
        "Combustibles: premium",
        "Solo en estaciones participantes",
        "Boletos para el sorteo: 3",
    ]
    plain = coupon(
        1,
        discount_type="FIXED_AMOUNT",
        discount_value=Decimal(25),
        maximum_discount=None,
        minimum_purchase=Decimal(0),
        raffle_tickets=0,
        max_usage=3,
    )
    everywhere = PaperCampaign("SUMMER", "Summer", "UTC", ("REGULAR", "PREMIUM", "DIESEL"), False)
    assert terms_of(plain, everywhere, "en") == [
        "25 MXN off",
        "Valid from 2026-11-01 to 2027-01-01",
        "Valid 3 times",
    ]


@pytest.mark.parametrize("name", ["⛽ 加油", "A" * 200, "(\\) 50 % \u202e", "word " * 40])
def test_no_name_of_a_campaign_breaks_the_sheets(name: str) -> None:
    campaign = PaperCampaign("WELCOME", name, "UTC", ("REGULAR",), False)
    assert sheets(campaign, [coupon(1)]).startswith(b"%PDF")


def test_code_and_terms_can_be_read_by_people() -> None:
    (page,) = contents(sheets(CAMPAIGN, [coupon(7_777)], language="es"))
    words = " ".join(texts(page))
    assert grouped(code_of(7_777)) in words
    assert "Bienvenida a los señores de Ñuñoa" in words
    assert "12.50 % de descuento" in words
    assert "Válido del 01/11/2026 al 31/12/2026" in words


@pytest.mark.parametrize("paper", ["A4", "LETTER"])
def test_cut_marks_stand_at_every_cut_and_touch_no_coupon(paper: Paper) -> None:
    (page,) = contents(sheets(CAMPAIGN, [coupon(1)], paper=paper))
    lines = [tuple(map(float, found)) for found in re.findall(r"n (\S+) (\S+) m (\S+) (\S+) l S", page)]
    places = places_of(paper)
    left, right = min(p.x for p in places), max(p.x for p in places) + 95 * MM
    low, high = min(p.y for p in places), max(p.y for p in places) + 51 * MM
    assert len(lines) == 2 * (3 + 6)
    for x, y, to_x, to_y in lines:
        outside = max(x, to_x) < left or min(x, to_x) > right or max(y, to_y) < low or min(y, to_y) > high
        assert outside


def test_sheets_of_a_batch_hold_the_good_ones_of_it_and_are_logged(settings: Settings, admin: Admin) -> None:
    campaign = new_campaign(admin)
    with opened(settings) as chain:
        batch_id = ask_and_issue(chain, settings, 12)
        admin.execute(
            "UPDATE coupon_schema.coupons SET status = 'CANCELLED', status_reason = 'x' WHERE id = ("
            " SELECT id FROM coupon_schema.coupons WHERE campaign_id = %s ORDER BY dense_index OFFSET 10 LIMIT 1)",
            (campaign,),
        )
        answer = chain.get(f"/batches/{batch_id}/sheets.pdf?first=2&count=50&paper=A4&language=en")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
        assert answer.content.startswith(b"%PDF")
        assert problem(chain.get(f"/batches/{batch_id}/sheets.pdf?first=13")) == (409, "coupon.not_issued")
        assert chain.get(f"/batches/{batch_id}/sheets.pdf?count=1001").status_code == 422
    logged = admin.execute(
        "SELECT new_values FROM coupon_schema.coupon_audit_log WHERE action = 'COUPONS_EXPORTED'"
    ).fetchall()
    assert logged == [({"form": "pdf", "batch_id": batch_id, "first": 2, "count": 10},)]
