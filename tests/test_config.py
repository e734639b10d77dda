"""Settings: what they take, what they refuse, and that addresses never show."""

import pytest

from gasolinera.config import SERVICES, Environment, Settings, load_settings, schema_of
from gasolinera.errors import ConfigError
from gasolinera.schemas import load_project

URL = "postgresql://admin:s3cret@db.internal:5433/gasolinera?sslmode=require"


def refusal(**variables: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load_settings({f"GASOLINERA_{name}": value for name, value in variables.items()})
    return caught.value


def test_an_empty_environment_is_development_on_loopback() -> None:
    settings = load_settings({})
    assert (settings.environment, settings.host, settings.port) == (Environment.DEVELOPMENT, "127.0.0.1", 8080)


def test_variables_of_others_are_none_of_our_business() -> None:
    assert load_settings({"PORT": "1", "PGHOST": "x", "GASOLINERA_AUTH_MIGRATION_URL": "embedded:x"}).port == 8080


def test_over_the_common_address_a_service_becomes_its_own_role() -> None:
    settings = load_settings({"GASOLINERA_DATABASE_URL": URL})
    assert {service: settings.service_url(service) for service in SERVICES} == dict.fromkeys(SERVICES, URL)
    assert [settings.service_role(service) for service in ("station", "ads")] == ["station_app", "ads_app"]


def test_a_services_schema_is_the_one_that_its_migrations_make() -> None:
    made = {service.name: service.schema for service in load_project("production").services}
    assert {service: schema_of(service) for service in SERVICES} == made
    with pytest.raises(KeyError):
        schema_of("ad_schema.x; --")


def test_a_services_own_address_stands_as_it_is() -> None:
    own = "postgresql://somebody@elsewhere/stations"
    settings = load_settings({"GASOLINERA_DATABASE_URL": URL, "GASOLINERA_STATION_DATABASE_URL": own})
    assert settings.service_url("station") == own
    assert settings.service_role("station") is None


def test_no_address_at_all_is_told_when_it_is_needed() -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings({}).service_url("station")
    assert caught.value.code == "config.no_database"
    assert "GASOLINERA_STATION_DATABASE_URL" in (caught.value.hint or "")


# What production asks for.
PRODUCTION = {
    "GASOLINERA_KEYS_FILE": "/run/keys.json",
    "GASOLINERA_SMS_SENDER": "http",
    "GASOLINERA_SMS_GATEWAY_URL": "https://sms.example",
    "GASOLINERA_SMS_GATEWAY_SECRET": "not-a-default-but-thirty-two-long",
    "GASOLINERA_PUBLIC_URL": "https://gasolinera.example",
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ENVIRONMENT", "staging"),
        ("PORT", "65536"),
        ("PORT", "http"),
        ("POOL_MAX_SIZE", "0"),
        ("LOG_LEVEL", "loud"),
        ("STATEMENT_TIMEOUT_MS", "0"),
        ("DATABASE_URL", "mysql://root:s3cret@db/x"),
        ("DATABASE_URL", "postgresql://root:s3cret@db"),
        ("DATABASE_URL", "postgresql://root:s3cret@db:port/x"),
    ],
)
def test_nonsense_is_refused_by_its_name_and_its_value_is_not_shown(name: str, value: str) -> None:
    error = refusal(**{name: value})
    assert error.code == "config.invalid"
    assert f"GASOLINERA_{name}" in error.message
    assert "s3cret" not in error.message


@pytest.mark.parametrize(
    "option", ["sslmode=banana", "sslnegotiation=x", "target_session_attrs=master", "sslmode=require&gsslib=x"]
)
@pytest.mark.parametrize("name", ["DATABASE_URL", "STATION_DATABASE_URL", "OPS_DATABASE_URL"])
def test_an_option_that_no_connection_could_be_made_with_is_refused(name: str, option: str) -> None:
    error = refusal(**{name: f"postgresql://admin:s3cret@db.internal/gasolinera?{option}"})
    assert f"GASOLINERA_{name}: " in error.message
    assert option.rpartition("&")[2].partition("=")[0] in error.message
    assert "s3cret" not in error.message
    assert load_settings({f"GASOLINERA_{name}": f"{URL}&target_session_attrs=primary"})


def test_a_pool_that_cannot_be_is_refused() -> None:
    assert "pool_min_size" in refusal(POOL_MIN_SIZE="9", POOL_MAX_SIZE="8").message


def test_a_misspelt_setting_is_refused() -> None:
    error = refusal(PROT="8080")
    assert (error.code, error.message) == ("config.unknown", "unknown setting GASOLINERA_PROT")


def test_addresses_never_print() -> None:
    settings: Settings = load_settings({"GASOLINERA_DATABASE_URL": URL})
    assert "s3cret" not in f"{settings!r} {settings} {settings.model_dump_json()}"


@pytest.mark.parametrize(
    ("environment", "said", "level"),
    [("development", "", "debug"), ("test", "", "info"), ("production", "", "info"), ("production", "error", "error")],
)
def test_the_environment_decides_the_log_level_unless_it_is_said(environment: str, said: str, level: str) -> None:
    settings = load_settings({**PRODUCTION, "GASOLINERA_ENVIRONMENT": environment, "GASOLINERA_LOG_LEVEL": said})
    assert settings.chosen_log_level == level


@pytest.mark.parametrize("missing", ["GASOLINERA_KEYS_FILE", "GASOLINERA_SMS_SENDER", "GASOLINERA_PUBLIC_URL"])
def test_production_does_not_start_with_what_only_a_developer_may_leave_out(missing: str) -> None:
    given = {name: value for name, value in PRODUCTION.items() if name != missing}
    with pytest.raises(ConfigError, match=missing.removeprefix("GASOLINERA_").lower()):
        load_settings({**given, "GASOLINERA_ENVIRONMENT": "production"})


@pytest.mark.parametrize(
    ("name", "value"),
    [("SMS_GATEWAY_URL", "http://sms.example"), ("SMS_GATEWAY_SECRET", "x"), ("METRICS_TOKEN", "short")],
)
def test_production_does_not_start_with_what_others_can_read_or_guess(name: str, value: str) -> None:
    given = PRODUCTION | {"GASOLINERA_ENVIRONMENT": "production"}
    assert load_settings(given)
    with pytest.raises(ConfigError, match=name.lower()):
        load_settings(given | {f"GASOLINERA_{name}": value})
    assert load_settings(given | {f"GASOLINERA_{name}": value, "GASOLINERA_ENVIRONMENT": "test"})


def test_a_gateway_without_its_secret_is_refused() -> None:
    with pytest.raises(ConfigError, match="sms_gateway_secret"):
        load_settings({"GASOLINERA_SMS_SENDER": "http", "GASOLINERA_SMS_GATEWAY_URL": "https://sms.example"})


def test_production_imports_no_feed_that_others_could_change_on_its_way() -> None:
    feed = {f"GASOLINERA_FEED_{name}_URL": f"http://example.org/{name.lower()}" for name in ("PLACES", "PRICES")}
    with pytest.raises(ConfigError, match="feed addresses"):
        load_settings({**PRODUCTION, **feed, "GASOLINERA_ENVIRONMENT": "production"})


def test_who_asks_for_one_variable_needs_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GASOLINERA_ENVIRONMENT", "production")
    address = "postgresql://ops@127.0.0.1:5432/operations"
    found = load_settings({"GASOLINERA_OPS_DATABASE_URL": address}).ops_database_url
    assert found is not None
    assert found.get_secret_value() == address
