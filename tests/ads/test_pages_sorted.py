"""The lists of advertising in each order: over two pages nothing is lost or repeated, and the file follows."""

import csv
import re
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from gasolinera.config import Settings
from tests.ads.desk import insert, make_ad, make_campaign
from tests.applications import create_app
from tests.web.looking import ADMINISTRATOR, HTML, cookie_of

Admin = psycopg.Connection[Any]
Client = TestClient[Litestar]
ROOT = "/office/ads"
MANY = 28


@pytest.fixture
def office(settings: Settings, admin: Admin) -> Generator[Client]:
    with TestClient(create_app(settings), raise_server_exceptions=False, base_url="https://testserver.local") as client:
        client.cookies.update(cookie_of(admin, ADMINISTRATOR))
        client.headers.update(HTML)
        yield client


def paged(client: Client, path: str, shown: str, **asked: str) -> list[str]:
    """What `shown` finds on the first page and the second, which is the last."""
    first = client.get(path, params=asked)
    following = re.search(r'rel="next" href="([^"]*)"', first.text)
    assert following, first.text
    second = client.get(following[1].replace("&amp;", "&"))
    assert second.status_code == 200, second.text
    assert 'rel="next"' not in second.text
    return [*re.findall(shown, first.text), *re.findall(shown, second.text)]


def filed(client: Client, path: str, column: int, **asked: str) -> list[str]:
    return [row[column] for row in list(csv.reader(client.get(path, params=asked).text.splitlines()))[1:]]


def test_advertisements_are_sorted_by_when_they_were_made(office: Client, admin: Admin) -> None:
    campaign, code = make_campaign(admin)
    titles = [f"Orden {number:02}" for number in range(MANY)]
    for title in titles:
        make_ad(admin, campaign, title=title)
    path = f"{ROOT}/advertisements"
    for sort, expected in (("created", titles), ("-created", titles[::-1]), ("nothing", titles[::-1])):
        asked = {"campaign": code, "sort": sort}
        assert paged(office, path, r">(Orden \d\d)<", **asked) == expected
        assert filed(office, f"{path}/export.csv", 0, **asked) == expected
    page = office.get(path, params={"campaign": code, "sort": "created"}).text
    assert 'aria-sort="ascending"' in page
    assert '<input type="hidden" name="sort" value="created">' in page
    of_other = re.search(r'rel="next" href="[^"]*cursor=([^"&]*)', page)
    assert of_other
    assert office.get(path, params={"campaign": code, "cursor": of_other[1]}).status_code in (400, 422)


def test_doubtful_views_are_sorted_by_when_they_came_to_the_queue(office: Client, admin: Admin) -> None:
    campaign, code = make_campaign(admin)
    admin.execute("ALTER TABLE ad_schema.ad_engagements DISABLE TRIGGER USER")
    views: list[str] = []
    for number in range(MANY):
        view = {"advertisement_id": make_ad(admin, campaign, title=f"Orden {number:02}"), "user_id": uuid4()}
        view |= {"status": "FAILED", "finished_at": datetime.now(UTC) + timedelta(minutes=1), "duration_s": 10}
        view |= {"completion_threshold_percent": 80, "ticket_multiplier": 1, "max_bonus_tickets": 0, "currency": "MXN"}
        admin.execute(
            "INSERT INTO ad_schema.ad_view_reviews (engagement_id, fraud_score, findings, created_at)"
            " VALUES (%s, 45, '{}', now() + %s * interval '1 second')",
            (insert(admin, "ad_engagements", view), number // 2),  # two at a time
        )
        views.append(f"Orden {number:02}")
    admin.execute("ALTER TABLE ad_schema.ad_engagements ENABLE TRIGGER USER")
    path = f"{ROOT}/reviews"
    orders = (("PENDING", "", 1), ("PENDING", "queued", 1), ("PENDING", "-queued", -1))
    for status, sort, order in (*orders, ("REJECTED", "queued", 1), ("REJECTED", "", -1)):
        if status == "REJECTED":
            admin.execute("UPDATE ad_schema.ad_view_reviews SET status = 'REJECTED', decided_at = now()")
        asked = {"campaign": code, "status": status, "sort": sort}
        assert paged(office, path, r">(Orden \d\d)<", **asked) == views[::order]
        assert filed(office, f"{path}/export.csv", 0, **asked) == views[::order]


def test_advertisers_are_sorted_by_their_code(office: Client, admin: Admin) -> None:
    for number in range(MANY):
        admin.execute(
            "INSERT INTO ad_schema.advertisers (advertiser_code, name) VALUES (%s, %s)",
            (f"ORDEN-{number:02}", f"Orden {number:02}"),
        )
    codes = [f"ORDEN-{number:02}" for number in range(MANY)]
    path = f"{ROOT}/advertisers"
    for sort, expected in (("", codes), ("code", codes), ("-code", codes[::-1])):
        asked = {"q": "orden", "sort": sort}
        assert paged(office, path, r">(ORDEN-\d\d)<", **asked) == expected
        assert filed(office, f"{path}/export.csv", 0, **asked) == expected
