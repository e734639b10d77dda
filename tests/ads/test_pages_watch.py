"""Watching on pages: what may be multiplied, what the player asks and reports, and whose it is."""

from collections.abc import Generator
from typing import Any
from uuid import UUID

import psycopg
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from gasolinera.config import Settings
from tests.ads.watching import earlier, put_campaign, put_redemption
from tests.applications import create_app
from tests.web.looking import ANA, HTML, LUIS, cookie_of, token_in

Admin = psycopg.Connection[Any]
ANA_ID = UUID("a0000000-0000-4000-8000-000000000051")
EXPIRED = "1.1.00"
OF_ANA = "RDM-20261101-000001"


class Viewer:
    """Somebody's browser, with the player's requests."""

    def __init__(self, client: TestClient[Litestar], admin: Admin, phone: str) -> None:
        self.client = client
        (cookie,) = cookie_of(admin, phone).items()
        self.headers = {"cookie": "=".join(cookie)}
        self.token = token_in(self.get("/watch").text)

    def get(self, path: str, language: str = "es") -> Any:
        return self.client.get(path, headers=self.headers | HTML | {"accept-language": language})

    def ask(self, path: str, *, form_token: str | None = None, **body: Any) -> Any:
        headers = self.headers | {"accept": "application/json", "x-form-token": form_token or self.token}
        return self.client.post(path, json=body, headers=headers)

    def start(self, reference: str) -> str:
        served = self.ask("/watch/ads", reference=reference).json()
        return str(self.ask("/watch/views", token=served["token"]).json()["view_id"])


@pytest.fixture
def ana(settings: Settings, admin: Admin) -> Generator[Viewer]:
    with TestClient(create_app(settings), base_url="https://testserver.local") as client:
        yield Viewer(client, admin, ANA)


def test_what_may_be_multiplied_is_ones_own(ana: Viewer, admin: Admin) -> None:
    page = ana.get("/watch").text
    assert f'href="/watch/{OF_ANA}"' in page
    assert 'href="/watch/RDM-20261101-000007"' in page
    assert "Luna de limón: el vaso" in page  # what was watched before
    assert "Tickets of the refuel" in ana.get("/watch", "en").text
    luis = Viewer(ana.client, admin, LUIS)
    assert OF_ANA not in luis.get("/watch").text
    foreign = luis.get(f"/watch/{OF_ANA}")
    assert (foreign.status_code, 'id="watch"' in foreign.text) == (404, False)
    assert luis.ask("/watch/ads", reference=OF_ANA).json() == {"refused": "ads.unknown_redemption"}


def test_the_player_is_given_no_style_and_no_script_of_its_own(ana: Viewer) -> None:
    page = ana.get(f"/watch/{OF_ANA}")
    assert 'data-offer="Mira al menos {seconds} segundos y ganas {tickets} boletos extra."' in page.text
    assert "media-src 'self'" in page.headers["content-security-policy"]
    assert "frame-src 'self'" in page.headers["content-security-policy"]


def test_a_view_that_is_watched_gives_its_tickets(ana: Viewer, admin: Admin) -> None:
    put_campaign(admin)
    reference = put_redemption(admin, ANA_ID)
    view = ana.start(reference)
    early = ana.ask(f"/watch/views/{view}/complete", sequence=1, position_s=15.0)
    assert early.json() == {"refused": "ads.not_watched"}
    earlier(admin, view, 13)
    told = ana.ask(f"/watch/views/{view}/reports", sequence=2, position_s=13.0, visible_percent=100).json()
    assert told["completion_percentage"] == pytest.approx(86.67, abs=1)
    earlier(admin, view, 2)
    done = ana.ask(f"/watch/views/{view}/complete", sequence=3, position_s=15.0).json()
    assert (done["status"], done["bonus_tickets"]) == ("COMPLETED", 3)
    again = ana.ask(f"/watch/views/{view}/complete", sequence=3, position_s=15.0).json()
    assert again["bonus_tickets"] == 3
    assert "+3" in ana.get("/watch").text


def test_why_there_is_none_is_told_by_its_code(ana: Viewer, admin: Admin) -> None:
    reference = put_redemption(admin, ANA_ID)
    admin.execute("UPDATE ad_schema.ad_campaigns SET status = 'PAUSED' WHERE status = 'ACTIVE'")
    assert ana.ask("/watch/ads", reference=reference).json() == {"refused": "ads.nothing_to_show"}
    over = put_redemption(admin, ANA_ID, until="-1 minute")
    assert ana.ask("/watch/ads", reference=over).json() == {"refused": "ads.nothing_to_multiply"}


def test_another_view_under_way_is_told_and_nothing_is_started(ana: Viewer, admin: Admin) -> None:
    put_campaign(admin)
    reference = put_redemption(admin, ANA_ID)
    ana.start(reference)
    served = ana.ask("/watch/ads", reference=reference).json()
    assert ana.ask("/watch/views", token=served["token"]).json() == {"refused": "ads.view_running"}


def test_reports_need_the_token_of_the_page_and_the_viewer(ana: Viewer, admin: Admin) -> None:
    put_campaign(admin)
    view = ana.start(put_redemption(admin, ANA_ID))
    path = f"/watch/views/{view}/reports"
    assert ana.ask(path, form_token=EXPIRED, sequence=1, position_s=1.0).json()["code"] == "form.expired"
    foreign = Viewer(ana.client, admin, LUIS).ask(path, sequence=1, position_s=1.0)
    assert foreign.json() == {"refused": "ads.view_unknown"}
    assert ana.client.post(path, json={"sequence": 1, "position_s": 1.0}).status_code == 401
