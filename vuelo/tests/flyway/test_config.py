"""flyway.toml, flyway.conf and FLYWAY_… variables as a project. The real Flyway judges them in vuelo/tests/flyway."""

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from vuelo import Project, Service
from vuelo.errors import VueloError
from vuelo.properties import read_properties
from vuelo.settings import Settings

Write = Callable[[Mapping[str, str]], Path]

URL = "jdbc:postgresql://h/d"
_CONF = f"flyway.url={URL}\n"
_TOML = f'[environments.default]\nurl = "{URL}"\n'


def load(path: Path, environment: str | None = None, **variables: str) -> Service:
    [service] = Project.load(path, environment=environment, variables=variables).services
    return service


@pytest.fixture
def conf(write: Write) -> Callable[[str], Path]:
    return lambda text: write({"flyway.conf": text}) / "flyway.conf"


@pytest.fixture
def toml(write: Write) -> Callable[[str], Path]:
    return lambda text: write({"flyway.toml": text}) / "flyway.toml"


Text = Callable[[str], Path]


def test_a_conf_becomes_a_service(conf: Text, tmp_path: Path) -> None:
    service = load(
        conf(
            f"""# the shop
flyway.url = {URL}
flyway.user : me
flyway.password=it's me
flyway.schemas=shop, shop_extra
flyway.locations=filesystem:sql,\\
    filesystem:more
flyway.table=history
flyway.placeholders.Owner=me
flyway.outOfOrder=true
flyway.target=2.1?
flyway.sqlMigrationSuffixes=.sql,.pgsql
flyway.lockRetryCount=-1
other.key=is not Flyway's
"""
        )
    )
    assert conninfo_to_dict(service.url) == {
        "host": "h",
        "port": "5432",
        "dbname": "d",
        "user": "me",
        "password": "it's me",
    }
    assert (service.name, service.schema, service.table) == ("shop", "shop", "history")
    assert service.locations == (tmp_path / "sql", tmp_path / "more")
    assert service.placeholders == {"flyway:environment": "default", "Owner": "me"}
    assert service.wait_s == 1_000_000
    assert service.settings == Settings(
        schemas=("shop_extra",),
        out_of_order=True,
        target="2.1?",
        sql_migration_suffixes=(".sql", ".pgsql"),
        validate_migration_naming=False,
        fail_on_missing_locations=False,
    )


def test_a_toml_becomes_a_service_of_the_chosen_environment(toml: Text, tmp_path: Path) -> None:
    path = toml(
        """name = "shop"
[flyway]
environment = "dev"
locations = ["filesystem:sql"]
group = true
cherryPick = ["1", "2"]
[flyway.placeholders]
count = 3
flag = true
[flyway.postgresql.transactional]
lock = false
[environments.dev]
url = "jdbc:postgresql://dev/d"
schemas = ["shop"]
[environments.prod]
url = "jdbc:postgresql://prod/d"
user = "${env.DB_USER}"
password = "${env.DB_WORD}"
schemas = ["shop", "extra"]
connectRetries = 3
[environments.prod.flyway]
group = false
[environments.prod.flyway.placeholders]
count = 4
[environments.prod.jdbcProperties]
sslmode = "require"
[flywayDesktop]
developmentEnvironment = "dev"
"""
    )
    dev = load(path)
    assert conninfo_to_dict(dev.url)["host"] == "dev"
    assert dev.settings.group
    assert dev.settings.cherry_pick == ("1", "2")
    assert dev.placeholders == {"flyway:environment": "dev", "count": "3", "flag": "true"}
    for prod in (
        load(path, "prod", DB_USER="me", DB_WORD="p w"),
        load(path, DB_USER="me", DB_WORD="p w", flyway_environment="prod"),
    ):
        assert conninfo_to_dict(prod.url) == {
            "host": "prod",
            "port": "5432",
            "dbname": "d",
            "user": "me",
            "password": "p w",
            "sslmode": "require",
        }
        assert (prod.settings.group, prod.settings.connect_retries, prod.settings.schemas) == (False, 3, ("extra",))
        assert prod.placeholders == {"flyway:environment": "prod", "count": "4"}
        assert prod.locations == (tmp_path / "sql",)


def test_the_users_own_file_adds_to_the_teams(write: Write) -> None:
    team = '[flyway]\ngroup = true\n[environments.default]\nurl = "jdbc:postgresql://team/d"\nschemas = ["shop"]\n'
    own = '[environments.default]\nurl = "jdbc:postgresql://own/d"\nuser = "me"\n'
    folder = write({"flyway.toml": team, "flyway.user.toml": own})
    service = load(folder / "flyway.toml")
    assert conninfo_to_dict(service.url)["host"] == "own"
    assert (service.schema, service.settings.group) == ("shop", True)


@pytest.mark.parametrize("kind", ["conf", "toml"])
def test_variables_win_over_files(write: Write, kind: str) -> None:
    texts = {
        "conf": _CONF + "flyway.user=file\nflyway.table=file\nflyway.placeholders.a=file\n",
        "toml": '[flyway]\ntable = "file"\nplaceholders.a = "file"\n' + _TOML + 'user = "file"\n',
    }
    service = load(
        write({f"flyway.{kind}": texts[kind]}) / f"flyway.{kind}",
        FLYWAY_USER="variable",
        FLYWAY_TABLE="variable",
        FLYWAY_PLACEHOLDERS_B_C="variable",
        FLYWAY_OUT_OF_ORDER="true",
        FLYWAY_IGNORE_MIGRATION_PATTERNS="*:missing,*:future",
        FLYWAY_SCHEMAS="",
        FLYWAY_NO_SUCH_THING="is nobody's",
    )
    assert conninfo_to_dict(service.url)["user"] == "variable"
    assert (service.table, service.schema) == ("variable", "public")
    assert service.placeholders == {"flyway:environment": "default", "a": "file", "b_c": "variable"}
    assert service.settings.out_of_order
    assert service.settings.ignore_migration_patterns == ("*:missing", "*:future")


def test_the_address_may_come_from_variables_alone(toml: Text) -> None:
    service = load(toml("[flyway]\ngroup = true\n"), FLYWAY_URL=URL, FLYWAY_SCHEMAS="shop")
    assert (service.schema, conninfo_to_dict(service.url)["host"]) == ("shop", "h")


def test_further_files_are_named_by_a_variable_and_come_later(write: Write) -> None:
    folder = write({"flyway.conf": _CONF + "flyway.table=a\n", "more.conf": "flyway.table=b\n", "x.toml": ""})
    path = folder / "flyway.conf"
    assert load(path, FLYWAY_CONFIG_FILES=f"{folder}/more.conf").table == "b"
    with pytest.raises(VueloError, match=r"x\.toml beside flyway\.conf"):
        load(path, FLYWAY_CONFIG_FILES=f"{folder}/x.toml")


@pytest.mark.parametrize(
    ("settings", "schema", "others"),
    [
        ("", "public", ()),
        ("flyway.url=jdbc:postgresql:d?currentSchema=Shop,public", "shop", ()),
        ("flyway.schemas=a,b", "a", ("b",)),
        ("flyway.defaultSchema=b\nflyway.schemas=a,b", "b", ("a", "b")),  # the order in which they are made
        ("flyway.defaultSchema=c\nflyway.schemas=a,b", "c", ("a", "b")),
    ],
)
def test_the_history_is_in_the_default_schema(conf: Text, settings: str, schema: str, others: tuple[str, ...]) -> None:
    service = load(conf(_CONF + settings))
    assert (service.name, service.schema, service.settings.schemas) == (schema, schema, others)


def test_an_empty_list_of_patterns_ignores_nothing(conf: Text) -> None:
    assert load(conf(_CONF + "flyway.ignoreMigrationPatterns=\n")).settings.ignore_migration_patterns == ()


def test_properties_are_read_as_flyway_reads_them() -> None:
    text = r"""
! a comment
   flyway.a = C:\folder\new
flyway.b:x=y
flyway.c	tab
flyway.d=one,\
   two
flyway.e=ends\
flyway.f=\u00f1ñ
flyway.g=${HOME}-${NOPE}-${a.b}
flyway.h=#no comment
flyway.i
flyway.j=last\ """.rstrip(" ")
    assert read_properties(text.replace("\n", "\r\n"), {"HOME": "/me"}) == {
        "flyway.a": r"C:\folder\new",
        "flyway.b": "x=y",
        "flyway.c": "tab",
        "flyway.d": "one,two",
        "flyway.e": "ends\\",
        "flyway.f": r"\u00f1ñ",
        "flyway.g": "/me--${a.b}",
        "flyway.h": "#no comment",
        "flyway.i": "",
        "flyway.j": "last\\",
    }


@pytest.mark.parametrize("setting", ["foo=1", "Group=true", "nowhere.x=1", "webhook=http://x", "phase=contract"])
def test_a_setting_that_nobody_knows_is_refused(conf: Text, setting: str) -> None:
    with pytest.raises(VueloError, match="unknown setting") as caught:
        load(conf(f"{_CONF}flyway.{setting}\n"))
    assert caught.value.code == "config.unknown"


@pytest.mark.parametrize("text", ["[flyway]\nfoo = 1\n", "[flyweg]\ngroup = true\n", '[flyway]\nurl = "jdbc:x"\n'])
def test_a_setting_in_the_wrong_place_is_refused(toml: Text, text: str) -> None:
    with pytest.raises(VueloError) as caught:
        load(toml(text + _TOML))
    assert caught.value.code == "config.unknown"


@pytest.mark.parametrize(
    "setting",
    [
        *("callbacks=com.example.Mine", "resolvers=com.example.Mine", "skipDefaultResolvers=true"),
        *("errorOverrides=D12345:*:W", "dryRunOutput=out.sql", "detectEncoding=true", "cleanOnValidationError=false"),
    ],
)
def test_a_setting_that_would_change_what_happens_and_that_vuelo_lacks_is_refused(conf: Text, setting: str) -> None:
    with pytest.raises(VueloError) as caught:
        load(conf(f"{_CONF}flyway.{setting}\n"))
    assert caught.value.code == "config.unsupported"
    assert caught.value.hint


@pytest.mark.parametrize(
    "setting",
    [
        *("licenseKey=x", "oracle.sqlplus=true", "driver=org.postgresql.Driver", "skipDefaultResolvers=false"),
        *("errorOverrides=", "postgresql.transactional.lock=false", "check.reportFilename=x", "outputType=json"),
    ],
)
def test_a_setting_without_meaning_here_is_passed_over(conf: Text, setting: str) -> None:
    assert load(conf(f"{_CONF}flyway.{setting}\n")) == load(conf(_CONF))


@pytest.mark.parametrize(
    "setting", ["group=yes", "connectRetries=-1", "lockRetryCount=often", "baselineOnMigrate=1", "lockRetryCount=-2"]
)
def test_a_value_of_another_kind_is_refused(conf: Text, setting: str) -> None:
    with pytest.raises(VueloError) as caught:
        load(conf(f"{_CONF}flyway.{setting}\n"))
    assert caught.value.code == "config.invalid"


@pytest.mark.parametrize(
    ("text", "environment", "code"),
    [
        (_TOML, "prod", "config.no_environment"),
        ('[environments.prod]\nurl = "x"\n', None, "config.no_environment"),
        ("[flyway]\n", None, "config.no_environment"),
        ("[environments.default]\nschemas = ['a']\n", None, "config.no_url"),
        (_TOML + 'user = "${env.NOT_THERE}"\n', None, "config.no_variable"),
        (_TOML + 'user = "${vault.secret}"\n', None, "config.unknown"),
        ("[flyway\n", None, "config.invalid"),
        ("flyway = 1\n" + _TOML, None, "config.invalid"),
        ("[flyway]\nlocations = 1\n" + _TOML, None, "config.invalid"),
        (_TOML + 'provisioner = "docker"\n', None, "config.unsupported"),
    ],
)
def test_a_toml_that_cannot_be_used_says_why(toml: Text, text: str, environment: str | None, code: str) -> None:
    with pytest.raises(VueloError) as caught:
        load(toml(text), environment)
    assert caught.value.code == code


def test_a_conf_has_no_environments(conf: Text) -> None:
    with pytest.raises(VueloError) as caught:
        load(conf(_CONF), "prod")
    assert caught.value.code == "config.no_environment"


def test_a_file_that_is_missing_or_not_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(VueloError) as caught:
        load(tmp_path / "flyway.conf")
    assert caught.value.code == "config.missing"
    (tmp_path / "flyway.conf").write_bytes(b"flyway.url=\xff")
    with pytest.raises(VueloError) as caught:
        load(tmp_path / "flyway.conf")
    assert caught.value.code == "config.invalid"
    assert load(tmp_path / "flyway.conf", FLYWAY_CONFIG_FILE_ENCODING="latin-1", FLYWAY_URL=URL).schema == "public"


def test_no_message_shows_the_password(conf: Text) -> None:
    for more in ("flyway.foo=1", "flyway.group=maybe", "flyway.callbacks=x"):
        with pytest.raises(VueloError) as caught:
            load(conf(f"flyway.url={URL}?password=hidden\nflyway.password=hidden\n{more}\n"))
        assert "hidden" not in f"{caught.value.message} {caught.value.hint}"
    with pytest.raises(VueloError) as caught:
        load(conf("flyway.url=jdbc:postgresql://h:hidden/d\n"))
    assert "hidden" not in f"{caught.value.message} {caught.value.hint}"


def test_the_addresses_of_the_caller_replace_the_files(conf: Text) -> None:
    project = Project.load(conf("flyway.schemas=shop\n"), urls={"shop": "host=elsewhere"}, variables={})
    assert project.services[0].url == "host=elsewhere"


def test_without_a_vuelo_toml_the_commands_take_flyways_file(
    write: Write, cli: Callable[..., "subprocess.CompletedProcess[str]"]
) -> None:
    for kind, text in {
        "flyway.conf": f"{_CONF}flyway.locations=filesystem:of_conf\n",
        "flyway.toml": f'[flyway]\nlocations = ["filesystem:of_toml"]\n{_TOML}',
        "vuelo.toml": 'url = "host=h"\nlocations = ["of_vuelo"]\n[services.shop]\n',
    }.items():
        folder = f"of_{kind.split('.')[1] if kind.startswith('flyway') else 'vuelo'}"
        write({kind: text, f"{folder}/V1__One.sql": "SELECT 1;"})
        assert f"{folder}/V2__Two.sql" in cli("new", "Two").stdout
    assert "of_conf/V3__Three.sql" in cli("new", "Three", "--config", "flyway.conf").stdout
