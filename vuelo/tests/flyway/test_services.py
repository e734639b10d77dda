"""The platform's own six services: real migrations, as the role that owns each schema."""

from collections.abc import Generator
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest
from psycopg import sql

import vuelo
from vuelo import Project, Service

from .conftest import TcpServer
from .engine import Flyway
from .sites import Site, assert_agreed_and_done, flyway_lines

roles = pytest.importorskip("gasolinera.ops.roles", reason="vuelo is tested without the platform")

pytestmark = pytest.mark.needs_java

_CONFIG = Path(__file__).parents[3] / "vuelo.toml"
_SERVICES = ("auth", "station", "coupon", "redemption", "ads", "raffle")


class Pair(NamedTuple):
    """The platform in two databases: one for vuelo to migrate first, one for Flyway."""

    vuelo_first: dict[str, Site]
    flyway_first: dict[str, Site]


@pytest.fixture(scope="module")
def platform(tcp_server: TcpServer, flyway: Flyway) -> Generator[Pair]:
    names = [f"platform_{next(tcp_server.numbers)}" for _ in range(2)]
    databases: list[dict[str, Site]] = []
    with psycopg.connect(tcp_server.server.url(), autocommit=True) as conn:
        for name in names:
            conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            variables = {"GASOLINERA_DATABASE_URL": tcp_server.server.url(name)}
            project = Project.load(_CONFIG, environment="test", variables=variables)
            roles.initialise(project)
            databases.append(
                {service.name: Site(flyway, service, tcp_server.port, name) for service in project.services}
            )
        yield Pair(*databases)
        for name in names:
            conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def files_of(service: Service) -> int:
    return len([path for location in service.locations for path in location.glob("[VR]*.sql")])


def test_no_service_is_forgotten(platform: Pair) -> None:
    assert set(platform.vuelo_first) == set(_SERVICES)


@pytest.mark.parametrize("name", _SERVICES)
def test_both_make_the_same_schema_and_the_same_history(platform: Pair, name: str) -> None:
    by_vuelo, by_flyway = platform.vuelo_first[name], platform.flyway_first[name]
    applied = by_vuelo.migrate()
    assert len(applied) == files_of(by_vuelo.service)
    outcome = by_flyway.flyway("migrate")
    assert (outcome.error, outcome.applied) == (None, applied)
    assert by_vuelo.history() == by_flyway.history()
    assert by_vuelo.catalog() == by_flyway.catalog()
    assert_agreed_and_done(by_vuelo)
    assert_agreed_and_done(by_flyway)
    before = by_vuelo.history()
    assert by_vuelo.flyway("repair").error is None
    assert vuelo.repair(by_flyway.project) == {name: ()}
    assert by_vuelo.history() == by_flyway.history() == before


@pytest.mark.parametrize("name", _SERVICES)
@pytest.mark.parametrize("again", ["flyway", "vuelo"])
def test_what_vuelo_undoes_either_makes_again(platform: Pair, name: str, again: str) -> None:
    site = platform.vuelo_first[name]
    site.migrate()
    before = site.catalog()
    assert len(site.undo(2)) == 2
    assert site.lines() == flyway_lines(site.flyway("info"))
    if again == "flyway":
        assert site.flyway("migrate").error is None
    else:
        site.migrate()
    assert site.catalog() == before
    assert_agreed_and_done(site)
