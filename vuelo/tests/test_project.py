"""`vuelo.toml`: what it may say, and what a wrong one is told."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest

from vuelo.errors import VueloError
from vuelo.project import Project

Connection = psycopg.Connection[Any]
Write = Callable[[Mapping[str, str | bytes]], Path]

FULL = """
url = "${DATABASE_URL:-postgresql:///all}"
environment = "${APP_ENVIRONMENT:-development}"
schema = "{service}_schema"
role = "{service}_owner"
locations = ["common", "db/{service}"]
lock_timeout = "5s"
wait_s = 3
[placeholders]
who = "me"
tier = "all"
owner = "{service}_owner"
[services.shop]
[services.bank]
schema = "money"
statement_timeout = "1min"
url = "${BANK_URL:-}"
locations = ["bank-only"]
[services.bank.placeholders]
tier = "bank"
[environments.development]
locations = ["samples/{service}"]
[environments.development.placeholders]
who = "developer"
[environments.production]
lock_timeout = "1s"
role = ""
"""


@pytest.fixture
def load(write: Write) -> Callable[..., Project]:
    def load_text(text: str, environment: str | None = None, **variables: str) -> Project:
        return Project.load(write({"vuelo.toml": text}) / "vuelo.toml", environment=environment, variables=variables)

    return load_text


def test_a_service_takes_what_is_shared_then_the_environment_s_then_its_own(
    load: Callable[..., Project], tmp_path: Path
) -> None:
    shop, bank = load(FULL).services
    assert (shop.name, shop.schema, shop.role) == ("shop", "shop_schema", "shop_owner")
    assert (shop.url, shop.lock_timeout, shop.statement_timeout, shop.wait_s) == ("postgresql:///all", "5s", "0", 3.0)
    assert shop.locations == (tmp_path / "common", tmp_path / "db/shop", tmp_path / "samples/shop")
    assert shop.placeholders == {"who": "developer", "tier": "all", "owner": "shop_owner"}
    assert (bank.schema, bank.role, bank.statement_timeout, bank.url) == (
        "money", "bank_owner", "1min", "postgresql:///all",
    )  # fmt: skip
    assert bank.locations[-1] == tmp_path / "bank-only"
    assert bank.placeholders["tier"] == "bank"


def test_an_environment_is_chosen_by_argument_or_variable(load: Callable[..., Project]) -> None:
    assert load(FULL).environment == "development"
    assert load(FULL, APP_ENVIRONMENT="production").environment == "production"
    production = load(FULL, "production")
    assert (production.environment, production.services[0].lock_timeout) == ("production", "1s")
    assert len(production.services[0].locations) == 2


def test_variables_fill_in_and_an_empty_one_counts_as_not_set(load: Callable[..., Project]) -> None:
    assert [s.url for s in load(FULL, DATABASE_URL="a", BANK_URL="b").services] == ["a", "b"]
    assert [s.url for s in load(FULL, DATABASE_URL="a", BANK_URL="").services] == ["a", "a"]
    assert load(FULL, DATABASE_URL="").services[0].url == "postgresql:///all"


def test_addresses_given_in_python_replace_the_file_s(write: Write) -> None:
    path = write({"vuelo.toml": FULL}) / "vuelo.toml"
    shop, bank = Project.load(path, urls={"bank": "host=x"}, variables={}).services
    assert (shop.url, bank.url) == ("postgresql:///all", "host=x")


def test_the_smallest_file_has_defaults(load: Callable[..., Project], tmp_path: Path) -> None:
    project = load('url = "x"\nlocations = ["db"]\n[services.shop]')
    [service] = project.services
    assert (project.base, project.environment) == (tmp_path, "development")
    assert (service.schema, service.table, service.role) == ("shop", "flyway_schema_history", None)
    assert (service.lock_timeout, service.statement_timeout, service.wait_s) == ("1s", "0", 600.0)


def test_flyway_s_placeholders_are_no_variables(load: Callable[..., Project]) -> None:
    project = load('url = "x"\n[placeholders]\na = "${flyway:defaultSchema} ${X:-y}"\n[services.shop]')
    assert project.services[0].placeholders["a"] == "${flyway:defaultSchema} y"


def test_only_some_services_in_the_order_asked_for(load: Callable[..., Project]) -> None:
    project = load(FULL)
    assert [s.name for s in project.only(["bank", "shop"]).services] == ["bank", "shop"]
    assert [s.name for s in project.only(["bank", "bank"]).services] == ["bank"]
    assert project.only([]) == project
    with pytest.raises(VueloError, match="no service nope") as caught:
        project.only(["shop", "nope"])
    assert caught.value.hint == "there are shop, bank"


@pytest.mark.parametrize(
    ("text", "code", "named"),
    [
        ("url = ", "config.invalid", "vuelo.toml"),
        ('url = "x"', "config.no_services", "no service"),
        ("[services.shop]", "config.no_url", "shop"),
        ('url = "${NOT_SET}"\n[services.shop]', "config.no_variable", "NOT_SET"),
        ('ulr = "x"\n[services.shop]', "config.unknown", "ulr"),
        ('url = "x"\n[services.shop]\nshcema = "x"', "config.unknown", "shcema"),
        ('url = "x"\n[services.shop]\n[environments.a]', "config.no_environment", "development"),
        ('url = "x"\n[services.shop]\n[environments.development]\nservices = 1', "config.unknown", "services"),
        ('url = "x"\nlocations = "db"\n[services.shop]', "config.invalid", "locations"),
        ('url = "x"\nlocations = [1]\n[services.shop]', "config.invalid", "locations"),
        ('url = "x"\nplaceholders = "db"\n[services.shop]', "config.invalid", "placeholders"),
        ('url = "x"\nwait_s = "soon"\n[services.shop]', "config.invalid", "wait_s"),
        ('url = "x"\nwait_s = inf\n[services.shop]', "config.invalid", "wait_s"),
        ('url = "x"\nwait_s = nan\n[services.shop]', "config.invalid", "wait_s"),
        ('url = "x"\nwait_s = 1e8\n[services.shop]', "config.invalid", "wait_s"),
        ('url = "x"\nwait_s = -1\n[services.shop]', "config.invalid", "wait_s"),
        ('url = "x"\nwait_s = true\n[services.shop]', "config.invalid", "wait_s"),
        ('url = "x"\nwait_s = [1]\n[services.shop]', "config.invalid", "wait_s"),
        ("url = 5\n[services.shop]", "config.invalid", "url"),
        ('url = "x"\nenvironment = 5\n[services.shop]', "config.invalid", "environment"),
        ('url = "x"\nenvironment = [1]\n[services.shop]\n[environments.a]', "config.invalid", "environment"),
        ('url = "x"\n[services.shop]\nschema = ["a"]', "config.invalid", "schema"),
        ('url = "x"\n[services.shop]\n[environments.development]\nrole = false', "config.invalid", "role"),
        ('url = "x"\n[services.shop]\nlock_timeout = "abc"', "config.invalid", "lock_timeout"),
        ('url = "x"\n[services.shop]\nlock_timeout = "10 S"', "config.invalid", "lock_timeout"),
        ('url = "x"\n[services.shop]\nstatement_timeout = "-1"', "config.invalid", "statement_timeout"),
        ('url = "x"\n[services.shop]\nstatement_timeout = "25d"', "config.invalid", "statement_timeout"),
        ('url = "x"\n[placeholders]\na = ["b"]\n[services.shop]', "config.invalid", "placeholder a"),
        ('url = "x"\nschema = "s"\n[services.shop]\n[services.bank]', "config.same_history", "shop and bank"),
        ('url = "x"\nservices = 1', "config.invalid", "services"),
        ('url = "x"\nservices = ["shop"]', "config.invalid", "services"),
        ('url = "x"\n[services]\nshop = 1', "config.invalid", "services"),
        ('url = "x"\nenvironments = 1\n[services.shop]', "config.invalid", "environments"),
        ('url = "x"\n[services.shop]\n[environments]\ndevelopment = 1', "config.invalid", "environments"),
    ],
)
def test_a_wrong_file_is_told_what_is_wrong(load: Callable[..., Project], text: str, code: str, named: str) -> None:
    with pytest.raises(VueloError) as caught:
        load(text)
    assert caught.value.code == code
    assert named in caught.value.message


def test_an_environment_that_is_asked_for_has_to_exist(load: Callable[..., Project]) -> None:
    with pytest.raises(VueloError, match="no environment 'nope'") as caught:
        load('url = "x"\n[services.shop]', environment="nope")
    assert (caught.value.code, caught.value.hint) == ("config.no_environment", "there is none; add [environments.nope]")


def test_services_may_share_a_schema_with_a_table_each(load: Callable[..., Project]) -> None:
    project = load('url = "x"\nschema = "s"\ntable = "{service}_history"\n[services.shop]\n[services.bank]')
    assert [service.table for service in project.services] == ["shop_history", "bank_history"]


@pytest.mark.parametrize("timeout", ["0", "300ms", "10 s", "1.5min", "2147483647", "500us", "24d"])
def test_timeouts_are_postgresql_s(load: Callable[..., Project], timeout: str, conn: Connection) -> None:
    [service] = load(f'url = "x"\nlock_timeout = "{timeout}"\n[services.shop]').services
    conn.execute("SELECT set_config('lock_timeout', %s, false)", (service.lock_timeout,))


def test_numbers_may_come_from_the_environment(load: Callable[..., Project]) -> None:
    [service] = load('url = "x"\nwait_s = "${WAIT_S:-}"\n[services.shop]', WAIT_S="2.5").services
    assert service.wait_s == 2.5


def test_a_folder_is_no_project_file(tmp_path: Path) -> None:
    with pytest.raises(VueloError, match="cannot be read: Is a directory") as caught:
        Project.load(tmp_path)
    assert caught.value.code == "config.unreadable"


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(VueloError) as caught:
        Project.load(tmp_path / "vuelo.toml")
    assert caught.value.code == "config.missing"


def test_a_file_that_is_not_utf_8_is_an_error_of_the_user_s(write: Write) -> None:
    with pytest.raises(VueloError) as caught:
        Project.load(write({"vuelo.toml": b'url = "\xf1"'}) / "vuelo.toml")
    assert caught.value.code == "config.invalid"
