"""Lists of the back office that wait for somebody: in each order, over pages, everything once."""

import re

import pytest

from gasolinera.redemption import pages_fraud
from tests.redemption.desk import Conn
from tests.redemption.test_pages_office import Browser, Office, office

__all__ = ["office"]
_NEXT = re.compile(r'rel="next" href="([^"]*)"')


def walked(browser: Browser, path: str, link: str) -> list[str]:
    """What each page of a list links to, as they follow each other."""
    found: list[str] = []
    while True:
        text = browser.look(path)
        found += re.findall(link, text)
        following = _NEXT.search(text)
        if following is None:
            return found
        path = following[1].replace("&amp;", "&")


@pytest.fixture
def cases(admin: Conn) -> None:
    """Five cases, two of one score and two of one moment."""
    admin.execute("DELETE FROM redemption_schema.fraud_reviews")
    admin.execute(
        """INSERT INTO redemption_schema.fraud_reviews
                  (detection_id, detected_at, risk_score, action_taken, transaction_reference, station_code)
           SELECT ('f0000000-0000-4000-8000-00000000100' || n)::uuid,
                  timestamptz '2026-11-01 12:00+00' + at * interval '1 hour',
                  score, 'FLAGGED', 'RDM-20261101-90000' || n, 'JSM001'
             FROM (VALUES (1, 0, 70), (2, 3, 90), (3, 1, 70), (4, 1, 50), (5, 2, 60)) AS v (n, at, score)
            ORDER BY n"""
    )


@pytest.mark.usefixtures("cases")
def test_the_queue_of_fraud_has_its_orders_over_pages(
    office: Office, admin: Conn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages_fraud, "_SHOWN", 2)
    monkeypatch.setattr(pages_fraud, "_CSV_PAGE", 2)
    browser, link = office(), r"/office/fraud/f0000000-0000-4000-8000-00000000100(\d)"
    orders = {
        "": "21354",
        "?sort=-score": "21354",
        "?sort=score": "45312",
        "?sort=when": "13452",
        "?sort=-when": "25431",
    }
    for query, expected in orders.items():
        assert "".join(walked(browser, f"/office/fraud{query}", link)) == expected, query
        sheet = browser.look(f"/office/fraud/export.csv{query}")
        assert "".join(re.findall(r"RDM-20261101-90000(\d)", sheet)) == expected, query
    browser.look("/office/fraud?sort=worst", 422)
    admin.execute(
        """UPDATE redemption_schema.fraud_reviews SET status = 'CONFIRMED', resolution = 'CONFIRM', notes = 'Sí',
                  reviewed_by = gen_random_uuid(), reviewed_at = now()"""
    )
    for query, expected in {"": "54321", "&sort=when": "12345", "&sort=-when": "54321"}.items():
        assert "".join(walked(browser, f"/office/fraud?status=CONFIRMED{query}", link)) == expected, query


@pytest.mark.usefixtures("cases")
def test_a_case_of_fraud_is_found_by_what_is_known_of_it(office: Office, admin: Conn) -> None:
    coupon = admin.execute(
        """UPDATE redemption_schema.fraud_reviews AS f SET transaction_reference = r.transaction_reference
             FROM redemption_schema.redemptions AS r
            WHERE f.risk_score = 90 AND r.transaction_reference = 'RDM-20261101-000003'
        RETURNING r.coupon_code"""
    ).fetchone()
    assert coupon is not None
    browser, link = office(), r"/office/fraud/f0000000-0000-4000-8000-00000000100(\d)"
    for asked, expected in (
        ("rdm-20261101-000003", "2"),
        (coupon[0], "2"),
        ("JSM001", "21354"),
        ("JSM002", ""),
        ("RDM-20261101-999999", ""),
    ):
        assert "".join(walked(browser, f"/office/fraud?q={asked}", link)) == expected, asked
