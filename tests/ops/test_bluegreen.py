"""A guided deployment on a real schema: its order, what it refuses, where it goes on after an interruption."""

import threading
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import psycopg
import pytest

import vuelo
from gasolinera.errors import ConflictError, UnknownError
from gasolinera.ops import operations_schema, roles
from gasolinera.ops.bluegreen import Deployment, Outcome, Step, Try, abort, newest, perform_next, start
from gasolinera.ops.bluegreen_steps import Means, aborting, steps_with
from gasolinera.ops.dump_archives import opened_archive
from gasolinera.ops.reaching import Operations
from gasolinera.ops.restoring import restore_in_place
from gasolinera.ops.safety_backups import back_up_first
from tests.conftest import drop, project_at
from vuelo.embedded import Server
from vuelo.settings import Settings

RELEASE = "r41"
EXPAND = "ALTER TABLE shop.customers ADD COLUMN phone_number text;\n"
CONTRACT = "-- vuelo: phase=contract\nALTER TABLE shop.customers DROP COLUMN phone;\n"

Connection = psycopg.Connection[Any]


class Site:
    """Whether the new release is ready; what it was asked."""

    def __init__(self) -> None:
        self.is_ready = True
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200 if site.is_ready and self.path == "/health/ready" else 503)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the library's own name
                """Nobody reads it."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture(scope="module")
def site() -> Generator[Site]:
    made = Site()
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@pytest.fixture
def shop_url(server: Server) -> Generator[str]:
    """An empty database with ops_schema; roles of the platform are there."""
    with psycopg.connect(server.url(), autocommit=True) as conn:
        conn.execute("CREATE DATABASE shop_deployed")
    url = server.url("shop_deployed")
    roles.initialise(project_at(url, "test"))
    operations_schema.install(url)
    yield url
    drop(server, "shop_deployed")


@pytest.fixture
def shop(shop_url: str, tmp_path: Path) -> Operations:
    """One service with a customers table, as release 40 knows it."""
    (tmp_path / "V1__customers.sql").write_text("CREATE TABLE shop.customers (id bigint, phone text);\n")
    operations = Operations(project_of(shop_url, tmp_path), shop_url)
    vuelo.migrate(operations.project)
    (tmp_path / "V2__phone_number.sql").write_text(EXPAND)
    (tmp_path / "U2__phone_number.sql").write_text("ALTER TABLE shop.customers DROP COLUMN phone_number;\n")
    (tmp_path / "V3__drop_phone.sql").write_text(CONTRACT)
    return operations


def project_of(url: str, folder: Path, **settings: Any) -> vuelo.Project:
    service = vuelo.Service(name="shop", url=url, schema="shop", locations=(folder,), settings=Settings(**settings))
    return vuelo.Project(folder, "test", (service,))


def means(**given: Any) -> Means:
    defaults: dict[str, Any] = {"red_checks": list, "verify": failing(), "with_drift": False}
    return Means(**{**defaults, **given})


def failing(*journeys: str, asked: list[str] | None = None) -> Callable[[str], list[str]]:
    """A verification in which these fail."""

    def travel(url: str) -> list[str]:
        if asked is not None:
            asked.append(url)
        return list(journeys)

    return travel


def go_on(operations: Operations, **given: Any) -> Try:
    return perform_next(operations, steps_with(operations, means(**given)))[1]


def columns(url: str) -> set[str]:
    with psycopg.connect(url) as conn:
        query = "SELECT attname FROM pg_attribute WHERE attrelid = 'shop.customers'::regclass AND attnum > 0"
        return {row[0] for row in conn.execute(f"{query} AND NOT attisdropped").fetchall()}


def test_the_steps_come_in_their_order_and_each_release_finds_its_columns(
    shop: Operations, shop_url: str, site: Site, tmp_path: Path
) -> None:
    begun = start(shop, release=RELEASE, url=site.url)
    assert (begun.next_step, begun.versions_before["shop"].version) == (Step.EXPAND, "1")
    expanded = go_on(shop)
    assert (expanded.step, expanded.succeeded) == (Step.EXPAND, True)
    assert expanded.did[:2] == (
        "applied shop V2__phone_number.sql",
        "kept back for the contract step: shop V3__drop_phone.sql",
    )
    assert columns(shop_url) == {"id", "phone", "phone_number"}, "both releases work"
    told = tmp_path / "told"
    command = f"sh -c 'echo $GASOLINERA_RELEASE $GASOLINERA_RELEASE_URL > {told}'"
    assert go_on(shop, switch_command=command).step is Step.SWITCH
    assert told.read_text() == f"{RELEASE} {site.url}\n"
    asked: list[str] = []
    assert go_on(shop, verify=failing(asked=asked)).step is Step.VERIFY
    assert asked == [site.url]
    contracted = go_on(shop)
    assert (contracted.step, contracted.did) == (Step.CONTRACT, ("applied shop V3__drop_phone.sql",))
    assert columns(shop_url) == {"id", "phone_number"}
    ended = newest(shop)
    assert ended is not None
    assert (ended.outcome, ended.next_step, len(ended.tries)) == ("DONE", None, 4)
    with pytest.raises(UnknownError, match="no deployment is under way"):
        go_on(shop)


def test_one_at_a_time(shop: Operations, site: Site) -> None:
    assert newest(shop) is None
    start(shop, release=RELEASE, url=site.url)
    with pytest.raises(ConflictError, match="the deployment of r41 is under way"):
        start(shop, release="r42", url=site.url)


def test_nothing_begins_on_a_schema_with_problems(shop: Operations, site: Site, tmp_path: Path) -> None:
    (tmp_path / "V1__customers.sql").write_text("CREATE TABLE shop.customers (id bigint, mobile text);\n")
    with pytest.raises(ConflictError, match=r"shop: .*checksum"):
        start(shop, release=RELEASE, url=site.url)
    assert newest(shop) is None


def test_a_red_check_stops_the_expansion_and_the_next_try_goes_on(shop: Operations, shop_url: str, site: Site) -> None:
    start(shop, release=RELEASE, url=site.url)
    refused = go_on(shop, red_checks=lambda: ["archiving"])
    assert (refused.succeeded, refused.refused) == (False, ("a check is red: archiving; see `gasolinera ops check`",))
    assert columns(shop_url) == {"id", "phone"}
    assert go_on(shop).succeeded
    found = newest(shop)
    assert found is not None
    assert [one.succeeded for one in found.tries] == [False, True]


def test_a_schema_that_was_changed_by_hand_is_not_expanded(shop: Operations, shop_url: str, site: Site) -> None:
    start(shop, release=RELEASE, url=site.url)
    with psycopg.connect(shop_url, autocommit=True) as conn:
        conn.execute("ALTER TABLE shop.customers ADD COLUMN by_hand text")
    refused = go_on(shop, with_drift=True)
    assert refused.refused == ("shop is not what its migrations make: 1 differences; see `vuelo drift`",)


def switched(shop: Operations, site: Site) -> None:
    start(shop, release=RELEASE, url=site.url)
    for _ in range(2):
        assert go_on(shop, is_switched=True).succeeded


def test_traffic_goes_to_a_release_only_that_is_ready(shop: Operations, site: Site, tmp_path: Path) -> None:
    start(shop, release=RELEASE, url=site.url)
    go_on(shop)
    site.is_ready = False
    told = tmp_path / "told"
    try:
        refused = go_on(shop, switch_command=f"touch {told}")
    finally:
        site.is_ready = True
    assert "answers 503" in refused.refused[0]
    assert not told.exists()
    assert "--switch-command" in go_on(shop).refused[0], "nobody has said how"
    failed = go_on(shop, switch_command="sh -c 'echo no such backend >&2; exit 3'")
    assert failed.refused == ("the command to switch ended with 3: no such backend",)
    assert go_on(shop, switch_command="/nowhere/at/all").refused[0].endswith("No such file or directory")
    assert go_on(shop, is_switched=True).succeeded


def test_a_journey_that_fails_keeps_the_deployment_where_it_is(shop: Operations, site: Site) -> None:
    switched(shop, site)
    assert go_on(shop, verify=failing("coupon: 500")).refused == ("coupon: 500",)
    again = go_on(shop)
    assert (again.step, again.succeeded) == (Step.VERIFY, True)


def test_nothing_is_contracted_while_a_session_of_another_release_is_connected(
    shop: Operations, shop_url: str, site: Site
) -> None:
    switched(shop, site)
    go_on(shop)
    for application in ("gasolinera-station@r40", "gasolinera-auth"):
        with psycopg.connect(shop_url, application_name=application) as old:
            refused = go_on(shop)
            expected = f"sessions of another release than r41 are connected: {application} (pid {old.info.backend_pid})"
            assert refused.refused == (f"{expected}; stop its processes",)
    assert columns(shop_url) == {"id", "phone", "phone_number"}
    with psycopg.connect(shop_url, application_name="gasolinera-station@r41"):
        assert go_on(shop).succeeded


def test_nothing_is_contracted_while_a_check_is_red_or_the_window_is_closed(
    shop: Operations, shop_url: str, site: Site, tmp_path: Path
) -> None:
    switched(shop, site)
    go_on(shop)
    assert "a check is red: replication" in go_on(shop, red_checks=lambda: ["replication"]).refused[0]
    never = "Wed 00:00-00:01 UTC" if f"{datetime.now(UTC):%a}" == "Mon" else "Mon 00:00-00:01 UTC"
    closed = Operations(project_of(shop_url, tmp_path, maintenance_window=never), shop_url)
    refused = go_on(closed)
    assert refused.refused[0].startswith("the maintenance window of shop is closed: it opens ")
    assert "phone" in columns(shop_url)


def test_a_killed_process_leaves_a_try_that_the_next_one_ends(shop: Operations, shop_url: str, site: Site) -> None:
    start(shop, release=RELEASE, url=site.url)

    class KilledError(BaseException):
        """As a process that is killed: nothing after it runs."""

    def killed(_deployment: Deployment) -> Outcome:
        vuelo.migrate(shop.project)
        raise KilledError

    with pytest.raises(KilledError):
        perform_next(shop, {**steps_with(shop, means()), Step.EXPAND: killed})
    with psycopg.connect(shop_url) as conn:
        left = conn.execute("SELECT count(*) FROM ops_schema.deployment_steps WHERE ended_at IS NULL").fetchone()
    assert left == (1,)
    again = go_on(shop)
    assert (again.step, again.succeeded, again.did[0]) == (Step.EXPAND, True, "nothing was pending")
    found = newest(shop)
    assert found is not None
    assert found.tries[0].refused == ("the process ended",)


def test_an_abort_says_what_stays_and_can_take_it_back(shop: Operations, shop_url: str, site: Site) -> None:
    switched(shop, site)
    _, kept = abort(shop, aborting(shop, undo=False, switch_command=None, back_up=None))
    assert kept.did == (
        "traffic may go to the new release: direct it to the old one",
        "the migrations stay, and the old release works with them: shop from 2 on",
    )
    assert "phone_number" in columns(shop_url)
    ended = newest(shop)
    assert ended is not None
    assert ended.outcome == "ABORTED"
    start(shop, release="r42", url=site.url)
    _, nothing = abort(shop, aborting(shop, undo=True, switch_command=None, back_up=None))
    assert nothing.did == ("no migration was applied",), "the earlier deployment's are not this one's"
    assert "phone_number" in columns(shop_url)


def test_an_abort_undoes_only_when_nobody_of_the_new_release_is_connected(
    shop: Operations, shop_url: str, site: Site, tmp_path: Path
) -> None:
    switched(shop, site)
    told = tmp_path / "back"
    with psycopg.connect(shop_url, application_name="gasolinera-auth@r41"):
        _, refused = abort(shop, aborting(shop, undo=True, switch_command=f"touch {told}", back_up=None))
    assert told.exists(), "traffic goes back first"
    assert refused.refused[0].startswith("sessions of r41 are connected, which needs what would be undone")
    _, done = abort(shop, aborting(shop, undo=True, switch_command=f"touch {told}", back_up=None))
    assert done.did == (
        "traffic was directed back",
        "no backup was made of what was lost",
        "the migrations were taken back: shop from 2 on",
    )
    assert columns(shop_url) == {"id", "phone"}


def test_what_an_undo_loses_is_in_a_backup_that_was_made_before(
    shop: Operations, shop_url: str, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    switched(shop, site)
    with psycopg.connect(shop_url) as conn:
        conn.execute("INSERT INTO shop.customers VALUES (1, NULL, '555')")
    (tmp_path / "file").touch()
    monkeypatch.delenv("GASOLINERA_BACKUP_RECIPIENTS", raising=False)
    monkeypatch.setenv("GASOLINERA_BACKUP_FOLDER", str(tmp_path / "file"))
    undoing = aborting(shop, undo=True, switch_command=None, back_up=partial(back_up_first, shop))
    with pytest.raises(ConflictError, match="nothing was changed"):
        abort(shop, undoing)
    assert "phone_number" in columns(shop_url)
    monkeypatch.setenv("GASOLINERA_BACKUP_FOLDER", str(tmp_path / "backups"))
    _, done = abort(shop, undoing)
    assert columns(shop_url) == {"id", "phone"}
    label = done.did[1].removeprefix("backed up before: ")
    restore_in_place(shop, "shop", opened_archive(tmp_path / "backups" / label))
    with psycopg.connect(shop_url) as conn:
        assert conn.execute("SELECT * FROM shop.customers").fetchall() == [(1, None, "555")]


def test_after_a_contract_migration_there_is_no_way_back(
    shop: Operations, shop_url: str, site: Site, tmp_path: Path
) -> None:
    switched(shop, site)
    go_on(shop)
    (tmp_path / "V4__fails.sql").write_text("-- vuelo: phase=contract\nSELECT 1 / 0;\n")
    with pytest.raises(vuelo.RunFailedError):
        go_on(shop)
    assert columns(shop_url) == {"id", "phone_number"}, "the first of the two has run"
    with pytest.raises(ConflictError, match="contract migrations have run"):
        abort(shop, aborting(shop, undo=False, switch_command=None, back_up=None))
    (tmp_path / "V4__fails.sql").write_text("-- vuelo: phase=contract\nSELECT 1;\n")
    assert go_on(shop).succeeded
