"""Stations as those run them who may: over HTTP, with a token, against a real database."""

from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString
from uuid import UUID, uuid4

import psycopg
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from gasolinera.config import Settings
from gasolinera.permissions import Caller, Role
from gasolinera.security import issue_access_token
from gasolinera.station.jobs import JOBS
from tests.applications import create_app

Client = TestClient[Litestar]
Login = Callable[..., dict[str, str]]
MANAGER = UUID("a0000000-0000-4000-8000-000000000011")  # of JSM001
NEW = {
    "station_code": "JSM050",
    "name": "Gasolinera JSM Oaxaca",
    "country": "MX",
    "latitude": 17.06,
    "longitude": -96.72,
}


@pytest.fixture
def app(settings: Settings) -> Litestar:
    return create_app(settings)


@pytest.fixture
def client(app: Litestar) -> Generator[Client]:
    with TestClient(app, raise_server_exceptions=False) as opened:
        yield opened


@pytest.fixture
def login(app: Litestar, client: Client) -> Login:
    def headers(role: Role = Role.SYSTEM_ADMIN, station: str | None = None) -> dict[str, str]:
        caller = Caller(
            role=role,
            user_id=MANAGER,
            session_id=uuid4(),
            station_code=station,
            employee_number=None if station is None else "EMP000011",
            has_second_factor=True,
        )
        token = issue_access_token(app.state["keyring"], caller, now=datetime.now(UTC)).token
        return {"authorization": f"Bearer {token}"}

    return headers


def version(client: Client, code: str = "JSM001") -> dict[str, str]:
    return {"if-match": client.get(f"/api/stations/{code}").headers["etag"]}


def test_a_station_is_opened_once_however_often_the_request_comes(client: Client, login: Login) -> None:
    headers = login() | {"idempotency-key": "k-1"}
    first, again = (client.post("/api/stations", json=NEW, headers=headers) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201), first.text
    assert first.json()["status"] == "CONSTRUCTION"
    assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")
    assert again.headers["etag"] == first.headers["etag"]
    other = client.post("/api/stations", json=NEW | {"station_code": "JSM051"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency.other_payload")
    assert client.get("/api/stations/JSM051").status_code == 404
    taken = client.post("/api/stations", json=NEW, headers=login() | {"idempotency-key": "k-2"})
    assert (taken.status_code, taken.json()["code"]) == (409, "station.code_taken")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"country": "FR"}, "request.invalid"),
        ({"latitude": 91}, "request.invalid"),
        ({"name": "a\u0000b"}, "request.invalid"),
        ({"name": "\u200b"}, "station.name"),
        ({"name": "JSM \u202eacaxaO"}, "request.invalid"),
        ({"address": "\u200b"}, "station.text"),
        ({"opened_on": "1899-12-31"}, "station.opened_on"),
        ({"opened_on": "2199-01-01"}, "station.opened_on"),
        ({"colour": "red"}, "request.invalid"),
        ({"postal_code": "1234"}, "station.postal_code"),
        ({"time_zone": "America/Atlantis"}, "station.time_zone"),
        ({"latitude": 0, "longitude": 0}, "station.location"),
        ({"accepts_coupons": True}, "station.accepts_coupons"),
    ],
)
def test_what_is_no_station_is_refused_with_a_reason(
    change: dict[str, Any], code: str, client: Client, login: Login
) -> None:
    headers = login() | {"idempotency-key": "k"}
    response = client.post("/api/stations", json=NEW | change, headers=headers)
    assert (response.status_code, response.json()["code"]) == (422, code), response.text


def test_of_two_administrators_who_read_the_same_the_second_is_told(client: Client, login: Login) -> None:
    read = version(client)

    def change(pumps: int) -> int:
        body = {"pump_count": pumps}
        return client.patch("/api/stations/JSM001", json=body, headers=login() | read).status_code

    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(change, range(20, 26)))
    assert sorted(answers) == [200, 412, 412, 412, 412, 412]
    missing = client.patch("/api/stations/JSM001", json={"pump_count": 3}, headers=login())
    assert (missing.status_code, missing.json()["code"]) == (428, "station.version_needed")


def test_what_is_left_out_stays_and_null_takes_away(client: Client, login: Login) -> None:
    before = client.get("/api/stations/JSM001").json()
    change = {"phone": None, "services_offered": ["WIFI", "ATM"]}
    after = client.patch("/api/stations/jsm001", json=change, headers=login() | version(client)).json()
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"phone", "services_offered", "updated_at"}
    assert (after["phone"], after["services_offered"]) == (None, ["ATM", "WIFI"])


def test_a_station_administrator_changes_the_own_station_alone_and_not_what_the_chain_says(
    client: Client, login: Login
) -> None:
    own = login(Role.STATION_ADMIN, "JSM001")
    assert (
        client.patch("/api/stations/JSM001", json={"pump_count": 3}, headers=own | version(client)).status_code == 200
    )
    other = client.patch("/api/stations/JSM002", json={"pump_count": 3}, headers=own | version(client, "JSM002"))
    assert (other.status_code, other.json()["code"]) == (403, "auth.other_station")
    chain = client.patch("/api/stations/JSM001", json={"accepts_coupons": False}, headers=own | version(client))
    assert (chain.status_code, chain.json()["code"]) == (403, "station.chain_field")
    assert client.post("/api/stations/JSM001/status", json={"status": "ACTIVE"}, headers=own).status_code == 403
    assert client.get("/api/stations/JSM001/audit").status_code == 401


def test_who_was_dismissed_sets_no_price_and_changes_nothing_though_the_token_lives(
    client: Client, login: Login, admin: psycopg.Connection[Any]
) -> None:
    own = login(Role.STATION_ADMIN, "JSM001")
    admin.execute(
        "UPDATE station_schema.employees SET terminated_on = current_date, termination_reason = 'left',"
        " may_process_transactions = false, may_handle_cash = false, may_supervise = false"
        " WHERE employee_number = 'EMP000011'"
    )
    asked = (
        client.put("/api/stations/JSM001/prices/REGULAR", json={"price": "22"}, headers=own),
        client.patch("/api/stations/JSM001", json={"pump_count": 3}, headers=own | version(client)),
        client.put("/api/stations/JSM001/hours", json={"opening_hours": {}}, headers=own | version(client)),
    )
    assert [(answer.status_code, answer.json()["code"]) for answer in asked] == [(401, "auth.access_ended")] * 3


def test_a_station_that_closed_for_good_stays_closed(
    client: Client, login: Login, as_role: Callable[[str], psycopg.Connection[Any]]
) -> None:
    def become(status: str) -> tuple[int, str]:
        answer = client.post("/api/stations/JSM002/status", json={"status": status, "reason": "x"}, headers=login())
        return answer.status_code, answer.json().get("code", answer.json()["status"])

    assert become("CONSTRUCTION") == (409, "station.status")
    assert become("MAINTENANCE") == (200, "MAINTENANCE")
    assert become("PERMANENTLY_CLOSED") == (200, "PERMANENTLY_CLOSED")
    assert become("ACTIVE") == (409, "station.status")
    with pytest.raises(psycopg.errors.CheckViolation):
        as_role("station_app").execute(
            "UPDATE station_schema.stations SET status = 'ACTIVE' WHERE station_code = 'JSM002'"
        )


def test_hours_over_midnight_are_cut_and_exceptions_count(client: Client, login: Login, admin: Any) -> None:
    body: dict[str, Any] = {
        "opening_hours": {"mon": [["06:00", "14:00"], ["22:00", "02:00"]], "sun": [["20:00", "06:00"]]},
        "exceptions": [{"day": "2030-12-25", "hours": [], "note": "Navidad"}],
    }
    after = client.put("/api/stations/JSM001/hours", json=body, headers=login() | version(client))
    assert after.status_code == 200, after.text
    assert after.json()["opening_hours"] == {
        "mon": [["00:00", "14:00"], ["22:00", "24:00"]],
        "tue": [["00:00", "02:00"]],
        "sun": [["20:00", "24:00"]],
    }
    assert after.json()["exceptions"] == [{"day": "2030-12-25", "hours": [], "note": "Navidad"}]
    for bad in ([["08:00", "08:00"]], [["06:00", "10:00"], ["09:00", "12:00"]]):
        answer = client.put(
            "/api/stations/JSM001/hours", json={"opening_hours": {"mon": bad}}, headers=login() | version(client)
        )
        assert (answer.status_code, answer.json()["code"]) == (422, "station.hours")
    # Monday 2026-11-23: 05:59Z is Sunday 23:59 in Mexico City, 20:00Z is 14:00.
    for moment, is_open in (("2026-11-23 05:59Z", True), ("2026-11-23 20:00Z", False), ("2026-11-24 07:59Z", True)):
        row = admin.execute(
            "SELECT station_schema.is_open(opening_hours, NULL, time_zone, %s)"
            " FROM station_schema.stations WHERE station_code = 'JSM001'",
            (moment,),
        ).fetchone()
        assert row == (is_open,), moment


def test_a_price_is_current_at_once_and_its_past_stays(client: Client, login: Login) -> None:
    own = login(Role.STATION_ADMIN, "JSM001")
    answer = client.put(
        "/api/stations/JSM001/prices/REGULAR", json={"price": "22.5", "reason": "new delivery"}, headers=own
    )
    assert (answer.status_code, answer.json()["price"], answer.json()["currency"]) == (200, "22.500", "MXN")
    shown = {price["fuel"]: price["price"] for price in client.get("/api/stations/JSM001").json()["prices"]}
    assert shown["REGULAR"] == "22.500"
    past = client.get("/api/stations/JSM001/prices/history?fuel=REGULAR", headers=own).json()["items"]
    assert [item["price"] for item in past] == ["22.500", past[0]["previous_price"]]
    assert (past[0]["reason"], past[0]["actor"]) == ("new delivery", str(MANAGER))
    for price in ("0", "-1", "1e400", "NaN", "23.1234", "150"):
        refused = client.put("/api/stations/JSM001/prices/REGULAR", json={"price": price}, headers=own)
        assert refused.status_code == 422, price
    sold = client.put("/api/stations/JSM002/prices/DIESEL", json={"price": "25"}, headers=login())
    assert (sold.status_code, sold.json()["code"]) == (409, "station.not_sold")


def test_a_scheduled_price_waits_for_its_time(
    app: Litestar, client: Client, login: Login, admin: psycopg.Connection[Any]
) -> None:
    moment = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    change = {"price": "21", "valid_from": moment}
    answer = client.put("/api/stations/JSM001/prices/REGULAR", json=change, headers=login())
    assert (answer.status_code, answer.json()["is_scheduled"]) == (200, True)
    assert client.get("/api/stations/JSM001").json()["prices"][-1]["price"] != "21.000"
    again = client.put("/api/stations/JSM001/prices/REGULAR", json=change, headers=login())
    assert (again.status_code, again.json()["code"]) == (409, "station.price_scheduled")
    admin.execute("ALTER TABLE station_schema.station_scheduled_prices DISABLE TRIGGER USER")
    admin.execute(
        "UPDATE station_schema.station_scheduled_prices"
        " SET created_at = now() - interval '2 hours', valid_from = now() - interval '1 minute'"
    )
    nothing: dict[str, str] = {}
    with client.portal() as portal:
        said = portal.call(JOBS[0].run, app.state["station"], nothing)
    assert said.startswith("1 ")
    shown = {price["fuel"]: price["price"] for price in client.get("/api/stations/JSM001").json()["prices"]}
    assert shown["REGULAR"] == "21.000"


def test_a_scheduled_price_can_be_seen_and_withdrawn(client: Client, login: Login) -> None:
    own = login(Role.STATION_ADMIN, "JSM001")
    moment = (datetime.now(UTC) + timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    change = {"price": "21", "valid_from": moment, "reason": "new month"}
    assert client.put("/api/stations/JSM001/prices/REGULAR", json=change, headers=own).status_code == 200
    (waiting,) = client.get("/api/stations/JSM001/prices/scheduled", headers=own).json()["items"]
    assert (waiting["fuel"], waiting["price"], waiting["scheduled_by"]) == ("REGULAR", "21.000", str(MANAGER))
    path = f"/api/stations/JSM001/prices/scheduled/REGULAR?valid_from={waiting['valid_from']}"
    other = client.delete(path.replace("JSM001", "JSM002"), headers=own)
    assert (other.status_code, other.json()["code"]) == (403, "auth.other_station")
    assert client.delete(path, headers=own).status_code == 204
    again = client.delete(path, headers=own)
    assert (again.status_code, again.json()["code"]) == (404, "station.no_scheduled_price")
    assert client.get("/api/stations/JSM001/prices/scheduled", headers=own).json()["items"] == []
    events = [entry["event_type"] for entry in client.get("/api/stations/JSM001/audit", headers=own).json()["items"]]
    assert events[:2] == ["SCHEDULED_PRICE_DELETED", "SCHEDULED_PRICE_CREATED"]


@pytest.mark.parametrize("end", ["status = 'PERMANENTLY_CLOSED', accepts_coupons = false", "fuels = '{PREMIUM}'"])
def test_a_price_does_not_come_where_the_fuel_is_sold_no_more(
    end: LiteralString, app: Litestar, client: Client, login: Login, admin: psycopg.Connection[Any]
) -> None:
    change = {"price": "21", "valid_from": (datetime.now(UTC) + timedelta(hours=1)).isoformat()}
    assert client.put("/api/stations/JSM001/prices/REGULAR", json=change, headers=login()).status_code == 200
    admin.execute("ALTER TABLE station_schema.station_scheduled_prices DISABLE TRIGGER USER")
    admin.execute(
        "UPDATE station_schema.station_scheduled_prices"
        " SET created_at = now() - interval '2 hours', valid_from = now() - interval '1 minute'"
    )
    admin.execute(f"UPDATE station_schema.stations SET {end} WHERE station_code = 'JSM001'")
    with client.portal() as portal:
        assert portal.call(JOBS[0].run, app.state["station"], dict[str, str]()).startswith("0 ")
    rows = admin.execute(
        "SELECT (SELECT count(*) FROM station_schema.station_scheduled_prices),"
        " (SELECT count(*) FROM station_schema.station_fuel_prices WHERE price = 21)"
    )
    assert rows.fetchone() == (0, 0)


def test_the_log_says_who_what_when_and_from_where(client: Client, login: Login) -> None:
    client.patch("/api/stations/JSM001", json={"pump_count": 9}, headers=login() | version(client))
    client.put("/api/stations/JSM001/prices/REGULAR", json={"price": "22"}, headers=login())
    first = client.get("/api/stations/JSM001/audit?limit=1", headers=login()).json()
    second = client.get(f"/api/stations/JSM001/audit?limit=1&cursor={first['next_cursor']}", headers=login()).json()
    price, pumps = first["items"][0], second["items"][0]
    assert (price["event_type"], price["new_values"]["price"]) == ("PRICE_UPDATED", 22.0)
    assert (pumps["event_type"], pumps["old_values"], pumps["new_values"]) == (
        "STATION_UPDATED", {"pump_count": 8}, {"pump_count": 9},
    )  # fmt: skip
    assert pumps["actor"] == str(MANAGER)
    assert pumps["correlation_id"]
    assert pumps["user_agent"]


def test_a_summary_counts_each_of_many_once(admin: psycopg.Connection[Any]) -> None:
    admin.execute("SELECT station_schema.record_metrics('JSM001', now(), 3, 90.5, 2) FROM generate_series(1, 4)")
    admin.execute("SELECT station_schema.refresh_station_summary()")
    row = admin.execute(
        "SELECT active_employees, vehicles_30d, volume_30d_l, transactions_30d, days_measured"
        " FROM station_schema.station_summary WHERE station_code = 'JSM001'"
    ).fetchone()
    assert row is not None
    assert [float(value) for value in row] == [3, 12, 362, 8, 1]
    total = admin.execute(
        "SELECT sum(stations), sum(active_employees) FROM station_schema.station_statistics"
    ).fetchone()
    assert total == (12, 27)


def test_search_looks_for_eight_words_at_most(admin: psycopg.Connection[Any]) -> None:
    row = admin.execute(
        "SELECT numnode(station_schema.search_words(string_agg('w' || n, ' '))),"
        " numnode(station_schema.search_words('a b c d e'))"
        " FROM generate_series(1, 50) AS n"
    ).fetchone()
    assert row == (15, 1)  # words, and the ANDs between them


def test_search_finds_without_accents_and_by_beginnings(client: Client, admin: psycopg.Connection[Any]) -> None:
    admin.execute("TRUNCATE station_schema.station_hours_exceptions")  # open on every day of the year

    def codes(query: str) -> list[str]:
        return [item["station_code"] for item in client.get(f"/api/stations?{query}").json()["items"]]

    assert codes("q=mérida") == codes("q=MERI") == ["JSM007"]
    assert codes("q=polanco jsm002") == ["JSM002"]
    assert codes("city=queretaro") == ["JSM006"]
    assert codes("q=!!!") == []
    assert codes("q=x mérida x") == []
    assert codes("q=x mérida m") == ["JSM007"]  # a single letter counts at the end alone
    assert codes("q=" + " ".join(["jsm"] * 24)) == codes("q=jsm")
    assert len(codes("open_now=true")) == 11
    assert codes("service=WIFI") == []
