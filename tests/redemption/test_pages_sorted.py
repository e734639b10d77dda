"""Lists of the back office that wait for somebody: in each order, over pages, everything once."""

import re

import pytest

from gasolinera.redemption import pages_fraud, pages_fraud_log, pages_offline_review
from gasolinera.web import sheets
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
    monkeypatch.setattr(sheets, "_AT_ONCE", 2)
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


def test_the_log_of_fraud_is_walked_in_both_directions_and_narrowed(
    office: Office, admin: Conn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages_fraud_log, "_SHOWN", 2)
    monkeypatch.setattr(sheets, "_AT_ONCE", 2)
    admin.execute(
        """UPDATE redemption_schema.fraud_rules SET points = points + 1
            WHERE rule_name IN (SELECT rule_name FROM redemption_schema.fraud_rules ORDER BY rule_name LIMIT 3)"""
    )
    rows = admin.execute("SELECT event_type, subject FROM redemption_schema.fraud_audit_log ORDER BY id").fetchall()
    changed = [subject for event, subject in rows if event == "RULE_UPDATE"]
    assert len(changed) == 3
    browser = office()
    for query, expected in (("sort=when", rows), ("sort=-when", rows[::-1]), ("", rows[::-1])):
        assert len(walked(browser, f"/office/fraud/log?{query}", '<th scope="row"')) == len(expected)
        sheet = browser.look(f"/office/fraud/log/export.csv?{query}").splitlines()[1:]
        assert len(sheet) == len(expected)
    oldest = browser.look("/office/fraud/log/export.csv?event=RULE_UPDATE&sort=when").splitlines()[1:]
    newest = browser.look("/office/fraud/log/export.csv?event=RULE_UPDATE").splitlines()[1:]
    assert len(oldest) == 3
    assert newest == oldest[::-1]
    of_one = browser.look(f"/office/fraud/log/export.csv?q={changed[0]}").splitlines()[1:]
    assert len(of_one) == len([1 for _, subject in rows if subject == changed[0]])
    browser.look("/office/fraud/log?event=NOTHING", 422)


def test_conflicts_of_terminals_are_listed_the_newest_or_the_oldest_first(
    office: Office, admin: Conn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages_offline_review, "_SHOWN", 1)
    monkeypatch.setattr(sheets, "_AT_ONCE", 1)
    admin.execute(
        "INSERT INTO redemption_schema.offline_chains (terminal_code, station_code, public_key)"
        " VALUES ('TRM000901', 'JSM001', sha256('a'))"
    )
    admin.execute(
        "INSERT INTO redemption_schema.offline_redemptions (terminal_code, sequence, entry_sha256, entry, signature,"
        " station_code, employee_number, fuel_type, amount, discount_amount, currency, used_at, status, reason,"
        " created_at) SELECT 'TRM000901', n, sha256(n::text::bytea), 'e', sha256('s') || sha256('s'), 'JSM001',"
        " 'EMP000022', 'DIESEL', 100, 10, 'MXN', now(), 'CONFLICT', 'TOO_LATE', now() - make_interval(hours => at)"
        " FROM (VALUES (1, 3), (2, 9), (3, 3)) AS v (n, at)"
    )
    made = ["TRM000901/2", "TRM000901/1", "TRM000901/3"]
    browser, link = office(), r'href="/office/offline-review/(TRM[0-9]+/[0-9]+)"'
    for query, expected in (("", made[::-1]), ("sort=-received", made[::-1]), ("sort=received", made)):
        assert walked(browser, f"/office/offline-review?{query}", link) == expected
        sheet = browser.look(f"/office/offline-review/export.csv?{query}").splitlines()[1:]
        assert len(sheet) == len(expected)
