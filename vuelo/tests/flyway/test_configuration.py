"""Flyway's files, variables and addresses mean the same to both engines."""

import json
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

import vuelo
from vuelo import Project, Service
from vuelo.errors import VueloError
from vuelo.flyway.jdbc import conninfo
from vuelo.flyway.locations import folders
from vuelo.properties import read_properties

from .conftest import Sites
from .engine import Flyway, Request
from .sites import PASSWORD, Row

pytestmark = pytest.mark.needs_java

_PROPERTIES = [
    "# comment\n! comment\nflyway.a=1\nflyway.b : 2 \n  flyway.c 3\nflyway.d\n",
    "flyway.a=C:\\sql\\new\nflyway.b=\\u00f1\nflyway.c=\\\\server\nflyway.d=a\\=b\n",
    "flyway.a=one,\\\n   two,\\\n\tthree\nflyway.b=x\n",
    "flyway.a=ends\\\nflyway.b=x\nflyway.c=ends\\\n\nflyway.d=ends\\\n  \nflyway.e=last\\",
    "flyway.a=1\\\n# 2\nflyway.b=x\\\ny=z\nflyway.c=1\\\\\n2\n",
    "flyway.a=#1\nflyway.b=!2\nflyway.c==3\nflyway.d=:4\nflyway.e=a=b:c d\nflyway.a=twice\r\nflyway.f=crlf\r\n",
    "flyway.a=ñandú 日本\nother=1\nflyway.placeholders.A.b=c\n=nothing\n",
    "flyway.a=${VUELO_NOT_SET}x${a.b}${}\n",
]


@pytest.mark.parametrize("text", _PROPERTIES)
def test_a_conf_has_the_same_keys_and_values(flyway: Flyway, text: str) -> None:
    assert read_properties(text, {}) == flyway.ask(Request("properties", text=text)).values


_ADDRESSES = [
    *("jdbc:postgresql://h:1/d", "jdbc:postgresql:db", "jdbc:postgresql:///d", "jdbc:postgresql://h/"),
    *("jdbc:postgresql://[::1]:5433/d", "jdbc:postgresql://[::1]/d", "jdbc:postgresql://a:1,b,[::1]:3/d%2Fx"),
    *("jdbc:postgresql://h/a+b", "jdbc:postgresql://h/d?", "jdbc:postgresql://h/d?user=uu&password=p%40+%27%5Cx"),
    *("jdbc:postgresql://h/d?user=a&user=b", "jdbc:postgresql://h/d?password=%C3%B1&ApplicationName=x%26y"),
]


@pytest.mark.parametrize("url", _ADDRESSES)
def test_an_address_leads_to_the_same_database(flyway: Flyway, url: str) -> None:
    properties = {"user": "setting", "password": "of a setting"}
    theirs = flyway.ask(Request("address", text=url, settings=properties)).values
    assert theirs
    ours = conninfo_to_dict(conninfo(url, properties, "here"))
    assert ours["host"] == (theirs["PGHOST"] or "localhost").replace("[", "").replace("]", "")
    assert (ours["port"], ours["dbname"]) == (theirs["PGPORT"], theirs["PGDBNAME"])
    assert (ours["user"], ours["password"]) == (theirs["user"], theirs["password"])


@pytest.mark.parametrize(
    "url",
    [
        *("jdbc:postgresql:/", "jdbc:postgresql://h", "jdbc:postgresql://h:x/d", "jdbc:postgresql://h:0/d"),
        *("jdbc:postgresql://h?user=x", "jdbc:postgresql://u:p@h/d", "jdbc:postgresql://h/d?user=%zz"),
    ],
)
def test_an_address_that_the_driver_does_not_take_is_refused(flyway: Flyway, url: str) -> None:
    assert flyway.ask(Request("address", text=url)).values == {}
    with pytest.raises(VueloError):
        conninfo(url, {}, "here")


_VARIABLES = {"FLYWAY_TABLE": "of_a_variable", "FLYWAY_PLACEHOLDERS_A_B": "variable", "FLYWAY_NOBODYS": "x"}
_CONF = """flyway.url=jdbc:postgresql://h/d
flyway.user=me
flyway.password=secret
flyway.schemas=shop,extra
flyway.locations=filesystem:sql,filesystem:/absolute
flyway.table=of_the_file
flyway.target=2
flyway.outOfOrder=true
flyway.placeholders.Owner=me
flyway.postgresql.transactional.lock=false
"""
_TOML = """[flyway]
environment = "prod"
locations = ["filesystem:sql", "filesystem:/absolute"]
table = "of_the_file"
outOfOrder = true
[flyway.placeholders]
Owner = "me"
[environments.prod]
url = "jdbc:postgresql://h/d"
user = "me"
password = "secret"
schemas = ["shop", "extra"]
[environments.prod.flyway]
target = "2"
defaultSchema = "extra"
[environments.prod.flyway.placeholders]
more = "there"
"""


def assert_same(service: Service, theirs: dict[str, str] | None) -> None:
    assert theirs is not None
    address = conninfo_to_dict(service.url)
    assert theirs["url"] == "jdbc:postgresql://h/d"
    assert (address["host"], address["dbname"]) == ("h", "d")
    assert (address["user"], address["password"]) == (theirs["user"], theirs["password"])
    assert {service.schema, *service.settings.schemas} == set(theirs["schemas"].split(","))
    assert service.schema == (theirs["defaultSchema"] or theirs["schemas"].split(",")[0])
    assert service.table == theirs["table"]
    assert sorted(f"filesystem:{one}" for one in service.locations) == theirs["locations"].split(",")
    assert service.settings.target == theirs["target"]
    assert str(service.settings.out_of_order).lower() == theirs["outOfOrder"]
    placeholders = {name: value for name, value in service.placeholders.items() if ":" not in name}
    shown = ", ".join(f"{name}={value}" for name, value in sorted(placeholders.items()))
    assert f"{{{shown}}}" == theirs["placeholders"]


@pytest.mark.parametrize("variables", [{}, _VARIABLES])
def test_a_conf_with_variables_means_the_same(flyway: Flyway, tmp_path: Path, variables: dict[str, str]) -> None:
    path = tmp_path / "flyway.conf"
    path.write_text(_CONF)
    request = Request("configuration", config_file=str(path), folder=str(tmp_path), variables=variables)
    [service] = Project.load(path, variables=variables).services
    outcome = flyway.ask(request)
    assert outcome.error is None
    assert_same(service, outcome.values)


def test_a_toml_means_the_same(flyway: Flyway, tmp_path: Path) -> None:
    path = tmp_path / "flyway.toml"
    path.write_text(_TOML)
    request = Request("configuration", model=json.dumps(tomllib.loads(_TOML)), folder=str(tmp_path))
    [service] = Project.load(path, variables={}).services
    outcome = flyway.ask(request)
    assert outcome.error is None
    assert_same(service, outcome.values)


@pytest.mark.parametrize(
    "setting", ["foo=1", "Group=true", "group=yes", "connectRetries=x", "cleanOnValidationError=true"]
)
def test_a_setting_that_flyway_refuses_is_refused(flyway: Flyway, tmp_path: Path, setting: str) -> None:
    path = tmp_path / "flyway.conf"
    path.write_text(f"{_CONF}flyway.{setting}\n")
    assert flyway.ask(Request("configuration", config_file=str(path))).error
    with pytest.raises(VueloError):
        Project.load(path, variables={})


_FOLDERS = ["db", "db/one", "db/one/deep", "db/two", "db/three/sql", "db/three/sql/deep", "other"]


@pytest.mark.parametrize(
    "pattern",
    ["db/*", "db/t*", "db/?ne", "db/**/sql", "db/*/sql", "*", "**/deep", "db/one/*", "no*"],
)
def test_wildcards_find_the_same_migrations(new_site: Sites, tmp_path: Path, pattern: str) -> None:
    for number, folder in enumerate(_FOLDERS, start=1):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / f"V{number}__T.sql").write_text("SELECT 1;")
    site = new_site(*folders([f"filesystem:{pattern}"], tmp_path))
    theirs = site.flyway("info", locations=f"filesystem:{tmp_path}/{pattern}").migrations or []
    ours = [(script.version and script.version.text, script.script) for script in site.info().pending]
    assert ours == [(one.version, one.script) for one in theirs]


@pytest.mark.parametrize(
    "settings",
    [
        "schemas=shop,extra",
        "schemas=extra,shop\nflyway.defaultSchema=shop",
        "schemas=extra\nflyway.defaultSchema=shop",
        "defaultSchema=shop\nflyway.table=my_history\nflyway.installedBy=me",
        "schemas=shop\nflyway.jdbcProperties.options=-c my.own=set",
        "url={url}?currentSchema=shop&ApplicationName=me",
    ],
)
def test_both_engines_run_from_the_same_file(new_site: Sites, tmp_path: Path, settings: str) -> None:
    (tmp_path / "sql").mkdir()
    (tmp_path / "sql" / "V1__One.sql").write_text("CREATE TABLE one AS SELECT current_setting('my.own', true) AS own;")
    (tmp_path / "sql" / "R__V.sql").write_text("CREATE VIEW v AS SELECT '${flyway:environment} ${who}' AS a;")
    histories: list[list[Row]] = []
    for engine in ("vuelo", "flyway"):
        site = new_site(tmp_path / "sql")
        if "currentSchema" in settings:
            site.execute("CREATE SCHEMA shop")
        url = f"jdbc:postgresql://127.0.0.1:{site.port}/{site.database}"
        conf = tmp_path / "flyway.conf"
        conf.write_text(
            f"flyway.url={url}\nflyway.user=postgres\nflyway.password={PASSWORD}\nflyway.placeholders.who=me\n"
            f"flyway.locations=filesystem:sql\nflyway.{settings.replace('{url}', url)}\n"
        )
        [service] = Project.load(conf, variables={}).services
        if engine == "vuelo":
            vuelo.migrate(Project.load(conf, variables={}))
        else:
            outcome = site.engine.ask(Request("migrate", config_file=str(conf), folder=str(tmp_path)))
            assert (outcome.error, outcome.applied) == (None, ["1", "V"])
        histories.append(replace(site, service=replace(site.service, table=service.table)).history())
    assert histories[0] == histories[1]


def test_the_name_of_the_environment_is_the_same_to_a_script(new_site: Sites, tmp_path: Path) -> None:
    (tmp_path / "sql").mkdir()
    (tmp_path / "sql" / "R__V.sql").write_text("CREATE VIEW v AS SELECT '${flyway:environment}' AS a;")
    site = new_site(tmp_path / "sql")
    text = f"""[flyway]
environment = "prod"
locations = ["filesystem:sql"]
[environments.prod]
url = "jdbc:postgresql://127.0.0.1:{site.port}/{site.database}"
user = "postgres"
password = "{PASSWORD}"
schemas = ["shop"]
"""
    (tmp_path / "flyway.toml").write_text(text)
    request = Request("migrate", model=json.dumps(tomllib.loads(text)), folder=str(tmp_path))
    assert site.engine.ask(request).applied == ["V"]
    assert site.execute("SELECT a FROM shop.v") == [("prod",)]
    assert vuelo.migrate(Project.load(tmp_path / "flyway.toml", variables={}))[0].steps == ()
