"""The pages of operations: for the chain's administrators alone, with figures, and honest where nothing can be told."""

from collections.abc import Generator
from typing import Any

import psycopg
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from gasolinera.app import ALL_PARTS, create_app
from gasolinera.config import Settings
from gasolinera.ops import jobs_schema
from gasolinera.ops.checking import CheckResult, Unit, Verdict
from gasolinera.ops.checking_rules import RULES
from gasolinera.ops.checking_words import amount_text
from gasolinera.ops.pages_database import Look
from gasolinera.wording import LANGUAGES, load_wording
from gasolinera.worker import jobs_of
from tests.web.looking import ADMINISTRATOR, ANA, HTML, STATION_ADMIN, cookie_of, token_in
from vuelo.embedded import Server

Admin = psycopg.Connection[Any]
PAGES = ("/office/system", "/office/system/jobs/station.refresh_summary", "/office/system/dead-letters/coupon",
         "/office/database", "/office/database/tables.csv")  # fmt: skip


class Looker:
    def __init__(self, client: TestClient[Litestar], admin: Admin) -> None:
        self.client = client
        self.admin = admin

    def become(self, phone: str, *, second_factor: bool = True) -> None:
        self.client.cookies.clear()
        for name, value in cookie_of(self.admin, phone, second_factor=second_factor).items():
            self.client.cookies.set(name, value)

    def get(self, path: str, language: str = "es") -> Any:
        return self.client.get(path, headers=HTML | {"accept-language": language}, follow_redirects=False)

    def post(self, path: str, **fields: Any) -> Any:
        token = token_in(self.get("/office/system").text)
        headers = HTML | {"accept-language": "es"}
        return self.client.post(path, data={"token": token, **fields}, headers=headers, follow_redirects=False)


@pytest.fixture
def looker(settings: Settings, server: Server, database: str, admin: Admin) -> Generator[Looker]:
    jobs_schema.install(server.url(database))
    with TestClient(create_app(settings), base_url="https://testserver.local") as client:
        yield Looker(client, admin)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_opens_for_the_chain_in_both_languages(looker: Looker, language: str) -> None:
    looker.become(ADMINISTRATOR)
    for path in PAGES:
        found = looker.get(path, language)
        assert (found.status_code, path) == (200, path)
        assert len(found.content) < 60_000


def test_nobody_else_gets_in_and_the_chain_only_with_the_second_factor(looker: Looker) -> None:
    for phone in (ANA, STATION_ADMIN):
        looker.become(phone)
        assert {looker.get(path).status_code for path in PAGES} == {403}
    looker.become(ADMINISTRATOR, second_factor=False)
    assert looker.get("/office/database").headers["location"].startswith("/login/second-factor")


def test_every_job_has_words_of_its_own_in_both_languages() -> None:
    wording = load_wording("gasolinera.ops", "system")
    for language in LANGUAGES:
        known = set(wording.names(language))
        for job in jobs_of(ALL_PARTS):
            kind = job.name.partition(".")[2].replace("_", "-")
            assert known & {f"job-{job.service}-{kind}", f"job-{kind}"}, job.name


def test_every_check_says_what_it_means_and_what_to_do() -> None:
    wording = load_wording("gasolinera.ops", "database")
    for language in LANGUAGES:
        names = {f"check-{rule.name.replace('_', '-')}{part}" for rule in RULES for part in ("", "-means", "-do")}
        assert names - set(wording.names(language)) == set()


def test_a_job_is_asked_for_once_however_often_it_is_pressed(looker: Looker) -> None:
    looker.become(ADMINISTRATOR)
    page = "/office/system/jobs/station.refresh_summary"
    asked = looker.post(f"{page}/run")
    assert (asked.status_code, "¿Ejecutar ahora?" in asked.text) == (200, True)
    assert looker.post(f"{page}/run", confirmed="yes").headers["location"] == f"{page}?said=job-asked"
    assert looker.post(f"{page}/run", confirmed="yes").headers["location"] == f"{page}?said=job-waiting"
    waiting = looker.admin.execute("SELECT task_name, queue_name FROM ops_schema.procrastinate_jobs").fetchall()
    assert waiting == [("station.refresh_summary", "station")]
    assert looker.get("/office/system/jobs/none.such").status_code == 404


def test_a_failed_run_is_shown_with_its_reason_and_tried_again(looker: Looker) -> None:
    looker.admin.execute(
        "WITH failed AS (INSERT INTO ops_schema.procrastinate_jobs (queue_name, task_name, status)"
        " VALUES ('station', 'station.import_feed', 'failed') RETURNING id)"
        " INSERT INTO ops_schema.job_runs (job_id, error) SELECT id, 'feed.unreadable: no feed' FROM failed"
    )
    looker.become(ADMINISTRATOR)
    assert "feed.unreadable: no feed" in looker.get("/office/system").text
    assert looker.post("/office/system/jobs/retry", job_id="1").headers["location"].endswith("said=job-retried")
    assert looker.post("/office/system/jobs/retry", job_id="1").headers["location"].endswith("said=job-not-failed")
    assert looker.admin.execute("SELECT status::text FROM ops_schema.procrastinate_jobs").fetchall() == [("todo",)]


def test_an_event_that_was_given_up_is_shown_with_its_reason_and_replayed_once(looker: Looker) -> None:
    looker.admin.execute(
        "INSERT INTO coupon_schema.outbox_events (event_type, aggregate_type, aggregate_key, payload, published_at)"
        " VALUES ('coupon.issued', 'coupon', 'c-1', '{}', now())"
    )
    looker.admin.execute(
        "INSERT INTO coupon_schema.dead_letters (event_id, consumer, event_type, aggregate_type, aggregate_key, event,"
        " attempts, last_error, first_failed_at, last_failed_at)"
        " SELECT event_id, 'relay', event_type, aggregate_type, aggregate_key, jsonb_build_object('id', event_id,"
        " 'specversion', '1.0', 'source', 'gasolinera/coupon', 'type', event_type, 'time', now(), 'subject', 'c-1',"
        " 'datacontenttype', 'application/json', 'aggregatetype', 'coupon', 'schemaversion', 1, 'data', '{}'::jsonb),"
        " 8, 'UnfitError too large', now(), now()"
        "   FROM coupon_schema.outbox_events WHERE aggregate_key = 'c-1'"
    )
    row = looker.admin.execute("SELECT id FROM coupon_schema.dead_letters").fetchone()
    assert row is not None
    page = f"/office/system/dead-letters/coupon/{row[0]}"
    looker.become(ADMINISTRATOR)
    assert page in looker.get("/office/system/dead-letters/coupon").text
    assert "UnfitError too large" in looker.get(page).text
    listed = "/office/system/dead-letters/coupon"
    assert page in looker.get(f"{listed}?q=C-1&sort=-id").text
    assert page not in looker.get(f"{listed}?q=other").text
    assert "coupon.issued,relay,coupon c-1,8," in looker.get(f"{listed}/list.csv?q=relay").text
    assert "relay" not in looker.get(f"{listed}/list.csv?q=other").text
    # One that is no event of ours is refused with its reason, and the attempt is counted.
    looker.admin.execute("UPDATE coupon_schema.dead_letters SET event = event - 'time'")
    broken = looker.post(f"{page}/replay")
    assert (broken.status_code, "no tiene la forma de los nuestros" in broken.text) == (422, True)
    assert "missing required field `time`" in broken.text
    assert looker.admin.execute("SELECT attempts FROM coupon_schema.dead_letters").fetchone() == (9,)
    looker.admin.execute("UPDATE coupon_schema.dead_letters SET event = event || jsonb_build_object('time', now())")
    outcomes = [looker.post(f"{page}/replay").headers.get("location") for _ in range(2)]
    assert outcomes == [f"{page}?said=requeued", f"{page}?said=replayed-before"]
    assert "Ningún evento abandonado" in looker.get("/office/system/dead-letters/coupon").text
    assert page in looker.get("/office/system/dead-letters/coupon?replayed=yes").text
    assert looker.get("/office/system/dead-letters/coupon/99999").status_code == 404


def test_without_tables_of_jobs_the_page_says_what_to_do(
    settings: Settings, admin: Admin, server: Server, database: str
) -> None:
    with TestClient(create_app(settings), base_url="https://testserver.local") as client:
        looker = Looker(client, admin)
        looker.become(ADMINISTRATOR)
        assert "gasolinera db init" in looker.get("/office/system").text


def test_the_database_page_shows_what_is_wrong_with_what_to_do(looker: Looker) -> None:
    looker.admin.execute("CREATE TABLE station_schema.provoked (id integer)")
    looker.become(ADMINISTRATOR)
    shown = looker.get("/office/database").text
    assert "station_schema.provoked" in shown
    assert "Agrega una clave primaria" in shown
    assert shown.count(">al día<") == 6
    tables = shown.partition(">Tablas</th>")[2].partition("</tr>")[0]
    assert (">Atención<" in tables, '<td class="number">1</td>' in tables) == (True, True)
    assert ">Bien<" in shown.partition(">Réplicas</th>")[2].partition("</tr>")[0]
    assert "pg_stat_statements no está instalada" in shown
    assert "Ninguno registrado" in shown


def test_advice_is_good_enough_for_the_health_of_a_database() -> None:
    """As the exit code of `ops check` has it: a fresh demo, whose server has just begun, is healthy."""
    rules = RULES
    told = [
        CheckResult(rule.name, verdict, rule.unit, 1.0, 0, (), None, rule.group, "db")
        for rule, verdict in zip(rules, (Verdict.CRITICAL, Verdict.ADVICE, Verdict.GOOD), strict=False)
    ]
    assert Look(checks=tuple(told)).worst is Verdict.CRITICAL
    assert Look(checks=tuple(told[1:])).worst is Verdict.GOOD
    assert Look().worst is None


def test_amounts_are_told_in_units_that_people_read() -> None:
    told = [amount_text(amount, unit) for amount, unit in (
        (None, Unit.ROWS), (1.0, Unit.NONE), (1536.0, Unit.BYTES), (90.0, Unit.SECONDS), (86_400.0, Unit.SECONDS),
        (0.02, Unit.SECONDS), (864_000.0, Unit.SECONDS), (12.34, Unit.PERCENT), (2_500_000.0, Unit.TRANSACTIONS),
        (12_345.0, Unit.ROWS))]  # fmt: skip
    assert [one.replace("\N{NO-BREAK SPACE}", " ") for one in told] == [
        "", "", "1.5 kB", "90 s", "24 h", "20 ms", "10 d", "12.3 %", "2.5 M", "12,345"]  # fmt: skip
