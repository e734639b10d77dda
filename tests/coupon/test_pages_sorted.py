"""Coupons in the back office: in both orders, over pages, every one once."""

import re

import pytest

from gasolinera.coupon import pages_coupons
from tests.coupon.test_pages_campaigns import Office, office
from tests.redemption.desk import Conn

__all__ = ["office"]


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
    monkeypatch.setattr(pages_coupons, "_CSV_PAGE", 2)
    browser = office()
    for query, expected in (("", first_issued[::-1]), ("&sort=issued", first_issued)):
        filters = f"campaign=WELCOME2026{query}"
        found: list[str] = []
        following = f"/office/coupons?{filters}"
        while following:
            page = browser.look(following)
            found += re.findall(r'class="mono" href="/office/coupons/([^"]+)"', page)
            after = re.search(r'rel="next" href="([^"]*)"', page)
            following = after[1].replace("&amp;", "&") if after else ""
        assert found == expected
        sheet = browser.look(f"/office/coupons/export.csv?{filters}").splitlines()[1:]
        assert [line.split(",")[0][-4:] for line in sheet] == [code[-4:] for code in expected]
    browser.look("/office/coupons?sort=code", 422)
