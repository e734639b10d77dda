"""The dry run over HTTP: for whoever runs campaigns, and for the holder of a coupon."""

from collections.abc import Generator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from gasolinera.config import Settings
from gasolinera.coupon.codes import new_codes
from gasolinera.permissions import Caller, Role
from gasolinera.security import issue_access_token
from tests.applications import create_app
from tests.schema.coupon_rows import LUIS, new_campaign, new_coupons

Admin = psycopg.Connection[Any]
Headers = dict[str, str]
HOLDER = UUID("a0000000-0000-4000-8000-000000000055")
UNKNOWN = (404, "coupon.unknown")


@pytest.fixture
def app(settings: Settings) -> Litestar:
    return create_app(settings)


@pytest.fixture
def client(app: Litestar) -> Generator[TestClient[Litestar]]:
    with TestClient(app, raise_server_exceptions=False) as opened:
        yield opened


def headers(app: Litestar, role: Role, user_id: UUID) -> Headers:
    caller = Caller(role=role, user_id=user_id, session_id=uuid4(), has_second_factor=True)
    return {"authorization": f"Bearer {issue_access_token(app.state['keyring'], caller, now=datetime.now(UTC)).token}"}


@pytest.fixture
def holder(app: Litestar, client: TestClient[Litestar]) -> Headers:
    return headers(app, Role.CUSTOMER, HOLDER)


@pytest.fixture
def administrator(app: Litestar, client: TestClient[Litestar]) -> Headers:
    return headers(app, Role.SYSTEM_ADMIN, UUID("a0000000-0000-4000-8000-000000000001"))


def coupon_of(admin: Admin, campaign_code: str, holder: str | None) -> str:
    """A coupon of a new campaign of 10 pesos off from 100 on, with a real code."""
    (coupon,) = new_coupons(admin, new_campaign(admin, campaign_code, minimum_purchase=100), user=holder)
    (code,) = new_codes(1)
    admin.execute("UPDATE coupon_schema.coupons SET coupon_code = %s WHERE id = %s", (code, coupon))
    return code


def test_a_holder_learns_what_the_own_coupon_gives_and_nothing_of_others(
    client: TestClient[Litestar], holder: Headers, admin: Admin
) -> None:
    mine, theirs, nobodys = (
        coupon_of(admin, code, who) for code, who in (("MINE", str(HOLDER)), ("THEIRS", LUIS), ("NOBODYS", None))
    )

    def ask(code: str, **purchase: Any) -> Any:
        return client.post("/api/campaigns/offers", json={"coupon_code": code, **purchase}, headers=holder)

    typed = f"{mine[:4]}-{mine[4:8]} {mine[8:].lower()}"
    offer = ask(typed, amount="250.50", station_code="JSM001", fuel_type="REGULAR")
    assert offer.status_code == 200, offer.text
    assert offer.json() == {
        "campaign_code": "MINE",
        "currency": "MXN",
        "discount_amount": "10.00",
        "final_amount": "240.50",
        "raffle_tickets": 0,
        "raffle_code": None,
        "reasons": [],
        "is_usable": True,
    }
    small = ask(mine, amount="99.99").json()
    assert (small["reasons"], small["is_usable"]) == (["MINIMUM_NOT_MET"], False)
    for stranger in (theirs, nobodys, *new_codes(1), "GASX0000OOO42"):
        refused = ask(stranger)
        assert (refused.status_code, refused.json()["code"]) == UNKNOWN
    for amount in ("0", "-1", "1.001", "NaN", "1e30"):
        refused = ask(mine, amount=amount)
        assert (refused.status_code, refused.json()["code"]) == (422, "offer.amount"), amount


def test_whoever_runs_campaigns_asks_for_anybody_at_any_moment(
    client: TestClient[Litestar], administrator: Headers, holder: Headers, admin: Admin
) -> None:
    coupon = coupon_of(admin, "THEIRS", LUIS)

    def ask(query: str, code: str = "theirs") -> Any:
        return client.get(f"/api/campaigns/{code}/offer?{query}", headers=administrator)

    assert ask("amount=200").json()["is_usable"]
    assert ask(f"coupon={coupon}&user={LUIS}&amount=200").json()["is_usable"]
    assert ask(f"coupon={coupon}&user={HOLDER}&amount=50").json()["reasons"] == ["USER_NOT_ELIGIBLE", "MINIMUM_NOT_MET"]
    assert ask("at=2019-12-31T00:00:00Z").json()["reasons"] == ["CAMPAIGN_NOT_ACTIVE"]
    saturday = "at=2026-11-21T18:00:00Z&amount=1000"
    assert ask(saturday, "WEEKEND2026").json()["discount_amount"] == "60.00"
    assert ask("at=2026-11-20T18:00:00Z", "WEEKEND2026").json()["reasons"] == ["TIME_NOT_ELIGIBLE"]
    assert ask("station=JSM001&fuel=REGULAR", "PREMIUM2026").json()["reasons"] == [
        "STATION_NOT_ELIGIBLE",
        "FUEL_NOT_ELIGIBLE",
    ]
    other = ask(f"coupon={coupon}", "SUMMER2026")
    assert (other.status_code, other.json()["code"]) == UNKNOWN
    assert ask("at=0001-01-01T00:00:00%2B10:00").json()["code"] == "campaign.moment"
    assert ask("", "NOBODY").json()["code"] == "campaign.unknown"
    assert client.get("/api/campaigns/theirs/offer", headers=holder).status_code == 403
