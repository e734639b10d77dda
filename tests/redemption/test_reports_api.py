"""The report over HTTP and on the command line: who sees what, page by page, as a table, and what the check says."""

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from gasolinera.config import Settings
from tests.redemption.desk import ADMINISTRATOR, ATTENDANT, DRIVER, MANAGER, Conn, Desk, problem
from tests.redemption.test_reports import begin, cancel_one, complete

pytestmark = pytest.mark.usefixtures("reported")
MAY = "?from=2026-05-01&to=2026-05-31"
Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def reported(admin: Conn) -> None:
    """Two stations, two days, a campaign and the pump without a coupon; five redemptions, one of them cancelled."""
    for station, campaign, day in (
        ("JSM001", "SPRING", "2026-05-02"),
        ("JSM001", "SPRING", "2026-05-02"),
        ("JSM001", None, "2026-05-03"),
        ("JSM002", "SPRING", "2026-05-03"),
    ):
        complete(admin, begin(admin, station, campaign), f"{day} 12:00:00Z", "0" if campaign is None else "50")
    gone = begin(admin, "JSM002", "SPRING")
    complete(admin, gone, "2026-05-03 12:00:00Z")
    cancel_one(admin, gone)
    admin.execute("SELECT redemption_schema.fold_report_changes(1000)")


def told(answer: Any, *names: str) -> list[tuple[Any, ...]]:
    assert answer.status_code == 200, answer.text
    assert answer.json()["as_of"] is not None
    return [tuple(line[name] for name in names) for line in answer.json()["items"]]


def get(desk: Desk, path: str, caller: Any = ADMINISTRATOR) -> Any:
    return desk.client.get(f"/api/reports/redemptions{path}", headers=desk.headers(caller))


def test_administrators_read_every_station_grouped_as_they_ask(desk: Desk) -> None:
    assert told(get(desk, MAY), "business_day", "station_code", "completed", "cancelled", "final_amount") == [
        ("2026-05-02", None, 2, 0, "900.00"),
        ("2026-05-03", None, 3, 1, "950.00"),
    ]
    by = get(desk, f"{MAY}&by=station,campaign")
    assert told(by, "business_day", "station_code", "campaign_code", "final_amount", "cancelled_amount") == [
        (None, "JSM001", None, "500.00", "0.00"),
        (None, "JSM001", "SPRING", "900.00", "0.00"),
        (None, "JSM002", "SPRING", "450.00", "450.00"),
    ]
    total = get(desk, f"{MAY}&by=total&campaign=SPRING")
    assert told(total, "currency", "completed", "original_amount", "discount_amount", "fuel_litres") == [
        ("MXN", 4, "1500.00", "150.00", "31.500")
    ]
    assert told(get(desk, "?from=2026-05-03&to=2026-05-03&station=JSM002"), "completed") == [(2,)]
    assert told(get(desk, "?from=2025-05-03&to=2025-05-03"), "completed") == []


@pytest.mark.parametrize("by", ["day,station,campaign", "station", "campaign,day", "total"])
def test_pages_together_are_the_whole(desk: Desk, by: str) -> None:
    whole = get(desk, f"{MAY}&by={by}").json()["items"]
    pages: list[Any] = []
    cursor = ""
    for _ in whole:
        page = get(desk, f"{MAY}&by={by}&limit=1{cursor}").json()
        pages += page["items"]
        cursor = f"&cursor={page['next_cursor']}"
    assert pages == whole
    assert cursor == "&cursor=None"


def test_a_station_administrator_sees_the_own_station_alone_and_others_none(desk: Desk) -> None:
    assert told(get(desk, MAY, MANAGER), "completed", "final_amount") == [(2, "900.00"), (1, "500.00")]
    assert told(get(desk, f"{MAY}&station=JSM001&by=total", MANAGER), "completed") == [(3,)]
    for path in (f"{MAY}&station=JSM002", f"/export.csv{MAY}&station=JSM002"):
        assert problem(get(desk, path, MANAGER)) == (403, "auth.other_station")
    assert "JSM002" not in get(desk, f"/export.csv{MAY}", MANAGER).text
    for caller in (ATTENDANT, DRIVER):
        for path in (MAY, f"/export.csv{MAY}"):
            assert problem(get(desk, path, caller)) == (403, "auth.not_permitted")


def test_what_is_no_question_is_refused(desk: Desk) -> None:
    for path in ("?from=2026-05-02&to=2026-05-01", "?from=2024-05-02&to=2026-05-01"):
        assert problem(get(desk, path)) == (422, "reports.days")
    for path in ("?by=week", "?by=day,", "?by=total,day", "?from=yesterday", "?station=x", "?cursor=no", "?days=3"):
        assert get(desk, path).status_code in {400, 422}, path


def test_the_table_has_every_line_and_says_as_of_when(desk: Desk) -> None:
    answer = get(desk, f"/export.csv{MAY}")
    assert answer.headers["content-disposition"] == 'attachment; filename="redemptions-2026-05-01-2026-05-31.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [(row["business_day"], row["station_code"], row["campaign_code"], row["final_amount"]) for row in rows] == [
        ("2026-05-02", "JSM001", "SPRING", "900.00"),
        ("2026-05-03", "JSM001", "", "500.00"),
        ("2026-05-03", "JSM002", "SPRING", "450.00"),
    ]
    assert len({row["as_of"] for row in rows}) == 1
    assert get(desk, f"/export.csv{MAY}&language=es").content.decode("utf-8-sig").startswith("dia,codigo_estacion,")


@pytest.fixture
def command(settings: Settings) -> Command:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GASOLINERA_")},
        "GASOLINERA_ENVIRONMENT": "test",
        "GASOLINERA_REDEMPTION_DATABASE_URL": settings.service_url("redemption"),
    }

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        main = [sys.executable, "-c", "from gasolinera.cli.main import main; main()", "reports"]
        return subprocess.run([*main, *arguments], env=environment, capture_output=True, text=True, check=False)

    return run


def test_the_command_refreshes_shows_and_writes_and_its_check_fails_on_a_difference(
    command: Command, admin: Conn
) -> None:
    complete(admin, begin(admin, "JSM001", "SPRING"), "2026-05-04 12:00:00Z")
    assert command("refresh").stdout == "1 changes are in the report\n"
    may = ("--from", "2026-05-01", "--to", "2026-05-31")
    shown = json.loads(command("show", *may, "--by", "station", "--json").stdout)
    assert [(line["station_code"], line["completed"]) for line in shown["items"]] == [("JSM001", 4), ("JSM002", 2)]
    assert "1,400.00" not in (table := command("show", *may, "--by", "day").stdout)
    assert "2026-05-03" in table
    assert "950.00" in table
    assert command("export", *may).stdout.count("SPRING") == 3
    good = command("check")
    assert (good.returncode, good.stdout) == (0, "")
    assert "all as the redemptions say" in good.stderr
    admin.execute("UPDATE redemption_schema.redemption_days SET completed = 9 WHERE business_day = '2026-05-04'")
    bad = command("check", "--json")
    assert bad.returncode == 1
    assert [(one["measure"], one["told"], one["fact"]) for one in json.loads(bad.stdout)["differences"]] == [
        ("completed", "9", "1")
    ]
    named = command("check", *may).stdout
    assert named == "2026-05-04 JSM001 SPRING MXN completed: the report says 9, the redemptions 1\n"
    lines = admin.execute("SELECT count(*) FROM redemption_schema.redemption_days").fetchone()
    assert command("rebuild", *may).stdout == "4 lines were made anew\n"
    assert command("check").returncode == 0
    assert lines == admin.execute("SELECT count(*) FROM redemption_schema.redemption_days").fetchone()
    wrong = command("show", "--by", "week")
    assert (wrong.returncode, wrong.stderr.splitlines()[0]) == (1, "error: there is no report by 'week'")


FACTS = """
    SELECT {keys}, r.station_code, r.currency, count(*), count(*) FILTER (WHERE r.status = 'CANCELLED'),
           coalesce(sum(r.original_amount) FILTER (WHERE r.status = 'COMPLETED'), 0),
           coalesce(sum(r.discount_amount) FILTER (WHERE r.status = 'COMPLETED'), 0),
           coalesce(sum(r.final_amount) FILTER (WHERE r.status = 'COMPLETED'), 0),
           coalesce(sum(r.final_amount) FILTER (WHERE r.status = 'CANCELLED'), 0),
           coalesce(sum(r.fuel_litres) FILTER (WHERE r.status = 'COMPLETED'), 0), sum(r.tickets_earned)
      FROM redemption_schema.redemptions AS r
     WHERE r.completed_at IS NOT NULL
     GROUP BY {groups} r.station_code, r.currency
"""
FIGURES = """station_code, currency, completed, cancelled, original_amount, discount_amount, final_amount,
    cancelled_amount, fuel_litres, tickets_earned"""


def test_the_views_say_what_the_redemptions_say(admin: Conn) -> None:
    """Those of the sample as well."""
    by_day = FACTS.format(keys="r.business_day", groups="r.business_day,").encode()
    shown = f"SELECT business_day, {FIGURES} FROM redemption_schema.redemption_statistics".encode()
    assert sorted(admin.execute(shown).fetchall()) == sorted(facts := admin.execute(by_day).fetchall())
    assert len(facts) > 3
    by_station = FACTS.format(
        keys="min(r.business_day), max(r.business_day), count(DISTINCT r.campaign_code)", groups=""
    ).encode()
    shown = f"SELECT first_day, last_day, campaigns, {FIGURES} FROM redemption_schema.redemption_summary".encode()
    assert sorted(admin.execute(shown).fetchall()) == sorted(admin.execute(by_station).fetchall())
    averages = admin.execute(
        "SELECT average_discount, cancelled_percent FROM redemption_schema.redemption_statistics"
        " WHERE station_code = 'JSM002' AND business_day = '2026-05-03'"
    ).fetchall()
    assert averages == [(Decimal(50), Decimal(50))]


def test_a_view_shows_what_is_under_way(admin: Conn) -> None:
    count = b"SELECT count(*) FROM redemption_schema.active_redemptions"
    before = admin.execute(count).fetchone()
    complete(admin, begin(admin))
    begin(admin)
    assert before is not None
    assert admin.execute(count).fetchone() == (before[0] + 1,)
