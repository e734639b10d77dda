"""Coupons and campaigns in the back office: in every order, over pages, every one once."""

import re
from typing import Any

import pytest

from gasolinera.coupon import pages_campaigns, pages_coupons
from gasolinera.web import sheets
from tests.coupon.test_pages_campaigns import Office, office
from tests.redemption.desk import Conn

__all__ = ["office"]


def listed(browser: Any, address: str, pattern: str) -> list[str]:
    """What a list names on all of its pages."""
    found: list[str] = []
    while address:
        page = browser.look(address)
        found += re.findall(pattern, page)
        after = re.search(r'rel="next" href="([^"]*)"', page)
        address = after[1].replace("&amp;", "&") if after else ""
    return found


def test_coupons_are_listed_the_last_or_the_first_issued_first(
    office: Office, admin: Conn, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = admin.execute(
        """SELECT c.coupon_code FROM coupon_schema.coupons AS c
             JOIN coupon_schema.campaigns AS g ON g.id = c.campaign_id
            WHERE g.campaign_code = 'WELCOME2026' ORDER BY c.id"""
    ).fetchall()
    first_issued = [code for (code,) in rows]
    assert len(first_issued) > 1
    monkeypatch.setattr(pages_coupons, "_SHOWN", max(1, len(rows) // 2))
    monkeypatch.setattr(sheets, "_AT_ONCE", 2)
    browser = office()
    for query, expected in (("", first_issued[::-1]), ("&sort=issued", first_issued)):
        filters = f"campaign=WELCOME2026{query}"
        found = listed(browser, f"/office/coupons?{filters}", r'class="mono" href="/office/coupons/([^"]+)"')
        assert found == expected
        sheet = browser.look(f"/office/coupons/export.csv?{filters}").splitlines()[1:]
        assert [line.split(",")[0][-4:] for line in sheet] == [code[-4:] for code in expected]
    browser.look("/office/coupons?sort=code", 422)


def test_campaigns_are_listed_by_code_or_by_their_begin_in_both_directions(
    office: Office, admin: Conn, monkeypatch: pytest.MonkeyPatch
) -> None:
    def codes(order: str) -> list[str]:
        statement = f"SELECT campaign_code FROM coupon_schema.campaigns ORDER BY {order}"
        rows = admin.execute(statement.encode()).fetchall()
        return [code for (code,) in rows]

    monkeypatch.setattr(pages_campaigns, "_SHOWN", 2)
    monkeypatch.setattr(sheets, "_AT_ONCE", 2)
    browser = office()
    for sort, order in (
        ("", "valid_from DESC, id DESC"),
        ("-from", "valid_from DESC, id DESC"),
        ("from", "valid_from, id"),
        ("code", "campaign_code"),
        ("-code", "campaign_code DESC"),
    ):
        expected = codes(order)
        assert len(expected) > 2
        assert listed(browser, f"/office/campaigns?sort={sort}", r'href="/office/campaigns/([A-Z0-9_]+)"') == expected
        sheet = browser.look(f"/office/campaigns/export.csv?sort={sort}").splitlines()[1:]
        assert [line.split(",")[0] for line in sheet] == expected
