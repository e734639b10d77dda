"""The back office's lists of people in each order: over two pages nobody is lost or repeated, and the file follows."""

import csv
import re
from collections.abc import Callable, Generator
from typing import Any
from uuid import UUID

import psycopg
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from gasolinera.config import Settings
from gasolinera.raffle import pages_office_audit
from gasolinera.web import sheets
from tests.applications import create_app
from tests.raffle.winner_steps import RAFFLE, drawn_raffle
from tests.web.looking import ADMINISTRATOR, HTML, cookie_of

Admin = psycopg.Connection[Any]
Client = TestClient[Litestar]
ROOT = "/office/raffles"
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


def test_winners_are_sorted_by_when_they_were_drawn(
    office: Client, admin: Admin, as_role: Callable[[str], Admin], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheets, "_AT_ONCE", 9)  # the file is of several pages
    monkeypatch.setattr(sheets, "_MOST", 10)  # what has bounds of its own is never cut
    drawn = drawn_raffle(admin, as_role("raffle_app"), alternates=MANY - 1)
    expected = [str(winner) for winner in drawn.winners]
    path = f"{ROOT}/winners"
    tickets = filed(office, f"{path}/export.csv", 3, raffle=RAFFLE)
    assert len(set(tickets)) == MANY
    for sort, order in (("drawn", 1), ("-drawn", -1), ("nothing", 1)):
        asked = {"raffle": RAFFLE, "sort": sort}
        assert paged(office, path, r'href="/office/raffles/winners/([0-9a-f-]{36})"', **asked) == expected[::order]
        assert filed(office, f"{path}/export.csv", 3, **asked) == tickets[::order]
    page = office.get(path, params={"raffle": RAFFLE, "sort": "-drawn"}).text
    assert 'aria-sort="descending"' in page
    of_other = re.search(r'rel="next" href="[^"]*cursor=([^"&]*)', page)
    assert of_other
    assert office.get(path, params={"raffle": RAFFLE, "cursor": of_other[1]}).status_code in (400, 422)


def test_people_kept_out_are_sorted_by_since_when(office: Client, admin: Admin) -> None:
    row = admin.execute("SELECT id, raffle_code FROM raffle_schema.raffles ORDER BY id LIMIT 1").fetchone()
    assert row is not None
    for number in range(MANY):
        admin.execute(
            "INSERT INTO raffle_schema.excluded_persons (raffle_id, user_id, kind, note) VALUES (%s, %s, 'OTHER', %s)",
            (row[0], UUID(int=number + 1), f"Orden {number:02}"),
        )
    notes = [f"Orden {number:02}" for number in range(MANY)]
    path = f"{ROOT}/{row[1]}/exclusions"
    for sort, order in (("since", 1), ("-since", -1), ("nothing", -1)):
        asked = {"q": "orden", "sort": sort}
        assert paged(office, path, r">(Orden \d\d)<", **asked) == notes[::order]
        assert filed(office, f"{path}/export.csv", 3, **asked) == notes[::order]


def test_the_log_of_a_raffle_is_walked_in_both_directions_and_narrowed(
    office: Client, admin: Admin, as_role: Callable[[str], Admin], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn_raffle(admin, as_role("raffle_app"), alternates=MANY - 1)
    rows = admin.execute(
        "SELECT event_type FROM raffle_schema.raffle_audit_log WHERE raffle_code = %s ORDER BY created_at, id",
        (RAFFLE,),
    ).fetchall()
    events = [event for (event,) in rows]
    assert len(events) > 1
    monkeypatch.setattr(pages_office_audit, "_SHOWN", len(events) // 2 + 1)
    path = f"{ROOT}/{RAFFLE}/audit"
    newest, oldest = filed(office, f"{path}/export.csv", 1), filed(office, f"{path}/export.csv", 1, sort="when")
    assert len(oldest) == len(events)
    assert newest == oldest[::-1]
    for sort in ("when", "-when"):
        assert len(paged(office, path, r"<tr>\s*<td>", sort=sort)) == len(events)
    one = events[-1]
    assert len(filed(office, f"{path}/export.csv", 1, event=one)) == events.count(one)
    nothing = office.get(path, params={"q": "nothing of the kind"})
    assert nothing.status_code == 200
    assert "<tbody>" not in nothing.text
    assert office.get(f"{ROOT}/NO-SUCH-RAFFLE/audit").status_code == 404
