"""Figures of advertisements over HTTP, as a table, as a PDF and on the command line; and who sees them."""

import base64
import csv
import io
import json
import os
import re
import subprocess
import sys
import zlib
from collections.abc import Callable, Generator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gasolinera.ads import analytics
from gasolinera.config import Settings
from gasolinera.metrics import render
from gasolinera.permissions import Role
from tests.ads.viewing import LLANTA, PLAYA, VASO, Conn, end, hand_out, open_taps, reject, start, viewer
from tests.ads.watching import REVIEWER, Viewers, run_job, watching

Command = Callable[..., subprocess.CompletedProcess[str]]
NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
FIRST, SECOND = NOON - timedelta(days=9), NOON - timedelta(days=8)
DAYS = f"?from={FIRST.date()}&to={SECOND.date()}"
LINE = (
    "day,advertiser_code,campaign_code,advertisement,title,currency,impressions,starts,first_quartiles,midpoints,"
    "third_quartiles,completions,skips,failures,abandons,rejections,clicks,viewer_days,watched_s,bonus_tickets,cost,"
    "rejected_cost,start_percent,completion_percent,click_percent,rejected_percent,mean_quality_score,"
    "mean_fraud_score,as_of"
)


@pytest.fixture
def reported(admin: Conn) -> None:
    """Two days: of the first seven views and an impression without one, of the second one view."""
    open_taps(admin)
    for number, (ad, status, percent) in enumerate(
        (
            (PLAYA, "COMPLETED", 100),
            (PLAYA, "COMPLETED", 100),
            (PLAYA, "SKIPPED", 40),
            (VASO, "COMPLETED", 80),
            (VASO, "ABANDONED", 10),
            (LLANTA, "FAILED", 0),
            (LLANTA, "REJECTED", 100),
        )
    ):
        scores = {"quality": 60 + 10 * number, "fraud": 4} if status == "COMPLETED" else {}
        end(admin, start(admin, ad, viewer(number), FIRST), status, percent, is_clicked=number == 0, **scores)
    late = start(admin, PLAYA, viewer(1), SECOND)
    end(admin, late, "COMPLETED", 100, quality=50, fraud=44)
    reject(admin, late)
    hand_out(admin, PLAYA, viewer(9), FIRST)
    admin.execute("SELECT ad_schema.fold_analytics(1000)")


@pytest.fixture
def viewers(settings: Settings, admin: Conn, reported: None) -> Generator[Viewers]:
    with watching(settings, admin) as found:
        yield found


def get(viewers: Viewers, path: str, role: Role = Role.SYSTEM_ADMIN) -> Any:
    return viewers.client.get(f"/api/ads/reports{path}", headers=viewers.headers(REVIEWER, role))


def told(answer: Any, *names: str) -> list[tuple[Any, ...]]:
    assert answer.status_code == 200, answer.text
    return [tuple(line[name] for name in names) for line in answer.json()["items"]]


def test_lines_are_by_what_was_asked_and_say_whose_days_they_are(viewers: Viewers) -> None:
    answer = get(viewers, f"/views{DAYS}")
    assert answer.json()["time_zone"] == "UTC"
    assert answer.json()["as_of"] is not None
    names = ("day", "impressions", "starts", "completions", "rejections", "cost", "rejected_cost")
    assert told(answer, *names) == [
        (str(FIRST.date()), 8, 7, 3, 1, "4.50", "0.00"),
        (str(SECOND.date()), 1, 1, 0, 1, "0.00", "1.50"),
    ]
    by_ad = get(viewers, f"/views{DAYS}&by=campaign,ad")
    assert told(by_ad, "day", "campaign_code", "title", "starts", "completion_percent", "mean_quality_score") == [
        (None, "ADC-LLANTAS", "Elige tu llanta", 2, "0.0", None),
        (None, "ADC-REFRESCO", "Luna de limón: la playa", 4, "50.0", "60.0"),
        (None, "ADC-REFRESCO", "Luna de limón: el vaso", 2, "50.0", "90.0"),
    ]
    total = get(viewers, f"/views{DAYS}&by=total&advertiser=REFRESCO-LUNA")
    assert told(total, "advertiser_code", "currency", "impressions", "viewer_days", "clicks", "start_percent") == [
        (None, "MXN", 7, 6, 1, "85.7")
    ]
    assert told(get(viewers, f"/views{DAYS}&by=total&campaign=ADC-LLANTAS"), "failures", "rejections") == [(1, 1)]
    assert told(get(viewers, f"/views{DAYS}&by=total&ad={VASO}"), "abandons", "watched_s") == [(1, "9.000")]
    assert told(get(viewers, "/views?from=2025-01-01&to=2025-01-02"), "day") == []


@pytest.mark.parametrize("by", ["day,advertiser,campaign,ad", "ad", "total"])
def test_pages_together_are_the_whole(viewers: Viewers, by: str) -> None:
    whole = get(viewers, f"/views{DAYS}&by={by}").json()["items"]
    pages: list[Any] = []
    cursor = ""
    for _ in whole:
        page = get(viewers, f"/views{DAYS}&by={by}&limit=1{cursor}").json()
        pages += page["items"]
        cursor = f"&cursor={page['next_cursor']}"
    assert pages == whole
    assert cursor == "&cursor=None"


def test_the_table_is_exact(viewers: Viewers) -> None:
    answer = get(viewers, f"/views/export.csv?from={SECOND.date()}&to={SECOND.date()}")
    name = f"advertisements-{SECOND.date()}-{SECOND.date()}.csv"
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
    head, line, end_of_it = answer.content.decode("utf-8-sig").split("\r\n")
    assert (head, end_of_it) == (LINE, "")
    *cells, as_of = line.split(",")
    assert datetime.fromisoformat(as_of) <= datetime.now(UTC)
    assert ",".join(cells) == (
        f"{SECOND.date()},REFRESCO-LUNA,ADC-REFRESCO,{PLAYA},Luna de limón: la playa,MXN,1,1,1,1,1,0,0,0,0,1,0,1,"
        "15.000,0,0.00,1.50,100.0,0.0,0.0,100.0,50.0,44.0"
    )
    spanish = get(viewers, f"/views/export.csv{DAYS}&language=es").content.decode("utf-8-sig")
    assert spanish.startswith("dia,codigo_anunciante,codigo_campana,anuncio,")
    rows = list(csv.DictReader(io.StringIO(get(viewers, f"/views/export.csv{DAYS}").content.decode("utf-8-sig"))))
    assert [(row["title"], row["starts"]) for row in rows] == [
        ("Elige tu llanta", "2"),
        ("Luna de limón: la playa", "3"),
        ("Luna de limón: el vaso", "2"),
        ("Luna de limón: la playa", "1"),
    ]


def test_the_best_come_first_and_what_was_seldom_seen_is_left_out(viewers: Viewers) -> None:
    assert told(get(viewers, f"/top{DAYS}"), "title", "completions") == [
        ("Luna de limón: la playa", 2),
        ("Luna de limón: el vaso", 1),
        ("Elige tu llanta", 0),
    ]
    assert told(get(viewers, f"/top{DAYS}&measure=quality&limit=1"), "title") == [("Luna de limón: el vaso",)]
    assert told(get(viewers, f"/top{DAYS}&measure=click_percent&at_least=3"), "title") == [("Luna de limón: la playa",)]
    assert told(get(viewers, f"/top{DAYS}&currency=USD"), "title") == []


def test_the_funnel_goes_from_impressions_to_completions(viewers: Viewers) -> None:
    steps = get(viewers, f"/funnel{DAYS}&campaign=ADC-REFRESCO").json()["steps"]
    assert [(step["name"], step["reached"]) for step in steps] == [
        ("impressions", 7), ("starts", 6), ("first_quartiles", 5), ("midpoints", 4), ("third_quartiles", 4),
        ("completions", 3),
    ]  # fmt: skip
    assert (steps[0]["of_step_before_percent"], steps[1]["of_impressions_percent"]) == (None, "85.7")
    assert get(viewers, "/funnel?from=2025-01-01&to=2025-01-02").json()["steps"][5] == {
        "name": "completions", "reached": 0, "of_impressions_percent": None, "of_step_before_percent": None,
    }  # fmt: skip


def test_budgets_stand_beside_what_was_spent_and_how_much_time_is_over(viewers: Viewers) -> None:
    items = get(viewers, "/budgets?status=ACTIVE").json()["items"]
    lines = {line["campaign_code"]: line for line in items}
    refresco = lines["ADC-REFRESCO"]
    # Two completed views of the sample at 1.50 each, and four of this test, of which one was rejected and paid back.
    assert (refresco["spent"], refresco["remaining"], refresco["total_budget"]) == ("7.50", "19992.50", "20000.00")
    assert (refresco["spent_today"], refresco["daily_budget"]) == ("4.50", "1000.00")
    # Twenty to twenty-one of eighty days are over and nearly nothing is spent.
    assert abs(Decimal(refresco["elapsed_percent"]) - Decimal("25.5")) <= 1
    assert refresco["pace"] == "BEHIND"
    assert lines["ADC-LLANTAS"]["pace"] is None, "it spends as fast as it can"
    first = get(viewers, "/budgets?limit=1").json()
    second = get(viewers, f"/budgets?limit=1&cursor={first['next_cursor']}").json()
    assert [page["items"][0]["campaign_code"] for page in (first, second)] == ["ADC-BANCO", "ADC-LLANTAS"]


def test_what_was_refused_is_told_by_day_and_campaign_the_newest_first(viewers: Viewers) -> None:
    names = ("day", "campaign_code", "starts", "rejections", "rejected_percent", "rejected_cost")
    assert told(get(viewers, f"/fraud{DAYS}"), *names) == [
        (str(SECOND.date()), "ADC-REFRESCO", 1, 1, "100.0", "1.50"),
        (str(FIRST.date()), "ADC-LLANTAS", 2, 1, "50.0", "0.00"),
        (str(FIRST.date()), "ADC-REFRESCO", 5, 0, "0.0", "0.00"),
    ]
    first = get(viewers, f"/fraud{DAYS}&limit=2").json()
    assert told(get(viewers, f"/fraud{DAYS}&cursor={first['next_cursor']}"), "campaign_code") == [("ADC-REFRESCO",)]


def texts(pdf: bytes) -> str:
    streams = re.findall(rb"stream\r?\n(.*?)~>endstream", pdf, re.DOTALL)
    drawn = b"".join(zlib.decompress(base64.a85decode(stream)) for stream in streams)
    shown = re.findall(rb"\(((?:\\.|[^\\()])*)\) Tj", drawn)
    plain = [re.sub(rb"\\(\d{3}|.)", lambda m: bytes([int(m[1], 8)]) if len(m[1]) == 3 else m[1], one) for one in shown]
    return "\n".join(one.decode("cp1252") for one in plain)


def test_an_advertisers_report_can_be_read(viewers: Viewers) -> None:
    answer = get(viewers, f"/advertisers/REFRESCO-LUNA/report.pdf{DAYS}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    assert answer.content.startswith(b"%PDF-")
    read = texts(answer.content)
    for line in ("Informe de anuncios: Refrescos Luna", "Hasta dónde se vieron", "ADC-REFRESCO", "20,000.00"):
        assert line in read, line
    assert "Luna de limón: la playa" in read.replace("\n", " ")
    assert "Elige tu llanta" not in read, "another advertiser's"
    english = texts(get(viewers, f"/advertisers/REFRESCO-LUNA/report.pdf{DAYS}&language=en").content)
    assert "Completed views by day" in english
    empty = get(viewers, "/advertisers/BANCO-CENZONTLE/report.pdf?from=2025-01-01&to=2025-01-02&language=en")
    assert "No view ended on these days." in texts(empty.content)
    unknown = get(viewers, f"/advertisers/NOBODY/report.pdf{DAYS}")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "advertiser.unknown")


def test_nobody_but_those_who_run_the_advertising_reads_figures(viewers: Viewers) -> None:
    paths = ("/views", "/views/export.csv", "/top", "/funnel", "/budgets", "/fraud",
             "/advertisers/REFRESCO-LUNA/report.pdf")  # fmt: skip
    for role in (Role.CUSTOMER, Role.EMPLOYEE, Role.STATION_ADMIN):
        for path in paths:
            assert get(viewers, path, role).status_code == 403, (role, path)
    for path in paths:
        assert viewers.client.get(f"/api/ads/reports{path}").status_code == 401, path


def test_what_is_no_question_is_refused(viewers: Viewers) -> None:
    answer = get(viewers, f"/views?from={SECOND.date()}&to={FIRST.date()}")
    assert (answer.status_code, answer.json()["code"]) == (422, "ads.report_days")
    for query in ("by=week", "by=day,", "from=yesterday", "advertiser=x", "cursor=no", "ad=1", "limit=0"):
        assert get(viewers, f"/views?{query}").status_code in {400, 422}, query
    assert get(viewers, "/top?measure=luck").status_code in {400, 422}


@pytest.fixture
def command(settings: Settings) -> Command:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GASOLINERA_")},
        "GASOLINERA_ENVIRONMENT": "test",
        "GASOLINERA_ADS_DATABASE_URL": settings.service_url("ads"),
    }

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        main = [sys.executable, "-c", "from gasolinera.cli.main import main; main()", "ads", "report"]
        return subprocess.run([*main, *arguments], env=environment, capture_output=True, text=True, check=False)

    return run


@pytest.mark.usefixtures("reported")
def test_the_command_refreshes_shows_and_writes_and_its_check_fails_on_a_difference(
    command: Command, admin: Conn, tmp_path: Path
) -> None:
    end(admin, start(admin, VASO, viewer(30), SECOND), "SKIPPED", 20)
    assert command("refresh").stdout == "1 changes are in the figures\n"
    days = ("--from", str(FIRST.date()), "--to", str(SECOND.date()))
    shown = json.loads(command("show", *days, "--by", "campaign", "--json").stdout)
    assert [(line["campaign_code"], line["starts"]) for line in shown["items"]] == [
        ("ADC-LLANTAS", 2), ("ADC-REFRESCO", 7),
    ]  # fmt: skip
    assert "days of UTC" in command("show", *days).stdout
    assert command("export", *days, "--advertiser", "refresco-luna").stdout.count("ADC-REFRESCO") == 4
    best = json.loads(command("top", *days, "--limit", "1", "--json").stdout)
    assert [line["title"] for line in best["items"]] == ["Luna de limón: la playa"]
    assert "19,991" not in (budgets := command("budgets").stdout)
    assert "20,000.00" in budgets
    written = tmp_path / "luna.pdf"
    assert command("pdf", "REFRESCO-LUNA", "--output", str(written), *days).returncode == 0
    assert "Refrescos Luna" in texts(written.read_bytes())
    good = command("check")
    assert (good.returncode, good.stdout) == (0, "")
    assert "all as the views say" in good.stderr
    admin.execute(
        "UPDATE ad_schema.ad_analytics SET clicks = 0 WHERE clicks > 0 AND analytics_date = %s", (FIRST.date(),)
    )
    bad = command("check", *days)
    assert (bad.returncode, bad.stdout) == (1, f"{FIRST.date()} {PLAYA} clicks: told is 0, the views say 1\n")
    assert command("rebuild", *days).stdout.endswith("lines were made anew\n")
    assert command("check").returncode == 0


@pytest.mark.usefixtures("reported")
def test_the_job_measures_what_is_under_way_what_waits_and_what_ended_today(settings: Settings, admin: Conn) -> None:
    end(admin, start(admin, VASO, viewer(40), datetime.now(UTC)), "ABANDONED", 0)
    start(admin, VASO, viewer(41), datetime.now(UTC))
    refresh = next(job for job in analytics.ANALYTICS_JOBS if job.name == "ads.refresh_analytics")
    assert run_job(settings, refresh) == "1 changes are in the figures"
    shown = render().decode()
    for line in ("ads_views_running 1.0", "ads_reviews_pending 1.0", 'ads_views_today{outcome="abandoned"} 1.0'):
        assert line in shown, line
    assert re.search(r"ads_figures_age_seconds [0-4]\.", shown)
