"""Settings: read once from the environment (`GASOLINERA_…`), checked, and handed down. Nothing else reads variables."""

import os
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import parse_qs, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from gasolinera.errors import ConfigError

SERVICES = ("auth", "station", "coupon", "redemption", "ads", "raffle")
_SCHEMAS = {service: f"{service}_schema" for service in SERVICES} | {"ads": "ad_schema"}
DEVELOPMENT_KEYS = Path(".local/keys.json")
PREFIX = "GASOLINERA_"
_SECRET_CHARACTERS = 32
_MOST_RELAYS = 8
_READ_ELSEWHERE = {
    *(f"{service}_migration_url" for service in SERVICES),  # by vuelo.toml
    "archive_location",  # by `gasolinera ops archive`
    "test_postgres",  # by the tests
    *("backup_folder", "backup_recipients", "backup_identity", "postgres_bin"),  # by `gasolinera ops`
}


# Options of a database's address that are one of a few words: wrong ones would show only with the first connection.
_CHOICES = {
    "sslmode": frozenset({"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}),
    "sslnegotiation": frozenset({"postgres", "direct"}),
    "target_session_attrs": frozenset({"any", "primary", "standby", "read-write", "read-only", "prefer-standby"}),
    "gsslib": frozenset({"gssapi", "sspi"}),
}


def _postgresql_url(value: SecretStr) -> SecretStr:
    try:
        parts = urlsplit(value.get_secret_value())
        good = parts.scheme in ("postgresql", "postgres") and parts.path.strip("/") != "" and parts.port != 0
        options = parse_qs(parts.query)
    except ValueError:
        good, options = False, {}
    if not good:
        raise ValueError("is not the address of a database, such as postgresql://user@host:5432/gasolinera")
    for name, allowed in _CHOICES.items():
        if not allowed.issuperset(options.get(name, ())):
            raise ValueError(f"has a wrong {name}: known are {', '.join(sorted(allowed))}")
    return value


def _http_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("is not an address such as https://example.org")
    return value.rstrip("/")


def _http_urls(value: str) -> str:
    urls = [_http_url(url.strip()) for url in value.split(",")]
    if len(urls) > _MOST_RELAYS:
        raise ValueError(f"are more than {_MOST_RELAYS} addresses")
    return ",".join(urls)


def _urls_of_hosts(value: str) -> str:
    urls = _http_urls(value)
    hosts = [urlsplit(url).netloc for url in urls.split(",")]
    if len(set(hosts)) < len(hosts):
        raise ValueError("names a host twice")
    return urls


def _alert_url(value: SecretStr) -> SecretStr:
    """It may hold a secret of its own, in its path or behind the question mark."""
    parts = urlsplit(value.get_secret_value())
    is_near = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and is_near)):
        raise ValueError("is not an address that begins with https://, or http:// on this machine")
    return value


DatabaseUrl = Annotated[SecretStr, AfterValidator(_postgresql_url)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
RelayUrls = Annotated[str, AfterValidator(_http_urls)]
ApprovalAbove = Annotated[Decimal, Field(ge=0, max_digits=12, decimal_places=2, allow_inf_nan=False)]


LogLevel = Literal["debug", "info", "warning", "error"]


class Environment(StrEnum):
    DEVELOPMENT = "development"
    TEST = "test"
    PRODUCTION = "production"


class Settings(BaseModel):
    """What a process needs to know. Addresses are secret: they may hold a password, so they never print."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    environment: Environment = Environment.DEVELOPMENT
    database_url: DatabaseUrl | None = None
    auth_database_url: DatabaseUrl | None = None
    station_database_url: DatabaseUrl | None = None
    coupon_database_url: DatabaseUrl | None = None
    redemption_database_url: DatabaseUrl | None = None
    ads_database_url: DatabaseUrl | None = None
    raffle_database_url: DatabaseUrl | None = None
    host: Annotated[str, Field(min_length=1, max_length=255)] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    log_level: LogLevel | None = None
    pool_min_size: Annotated[int, Field(ge=0, le=100)] = 0
    pool_max_size: Annotated[int, Field(ge=1, le=100)] = 8
    statement_timeout_ms: Annotated[int, Field(ge=1, le=3_600_000)] = 10_000
    # A mark of this deployment: sessions carry it, so that `gasolinera ops bluegreen` sees who is of an older one.
    release: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,29}$")] | None = None

    # Where jobs are kept, and where another process serves a service that this one does not.
    ops_database_url: DatabaseUrl | None = None
    auth_url: HttpUrl | None = None
    station_url: HttpUrl | None = None
    coupon_url: HttpUrl | None = None
    redemption_url: HttpUrl | None = None
    ads_url: HttpUrl | None = None
    raffle_url: HttpUrl | None = None
    nats_url: SecretStr | None = None

    # What the outside sees: addresses in links, and how many proxies in front of us add to X-Forwarded-For.
    public_url: HttpUrl = "http://127.0.0.1:8080"
    trusted_proxies: Annotated[int, Field(ge=0, le=5)] = 0
    request_timeout_s: Annotated[float, Field(gt=0, le=600)] = 15.0
    shutdown_grace_s: Annotated[int, Field(ge=0, le=600)] = 10
    metrics_token: SecretStr | None = None
    otlp_endpoint: HttpUrl | None = None

    # Who is told when a check of the database turns bad (`gasolinera ops alerts`), and what signs it (whsec_…).
    alert_webhook_url: Annotated[SecretStr, AfterValidator(_alert_url)] | None = None
    alert_webhook_secret: SecretStr | None = None
    alert_webhook_shape: Literal["alertmanager", "slack"] = "alertmanager"

    # Where the regulator publishes stations and prices: imported each day when both are named.
    feed_places_url: HttpUrl | None = None
    feed_prices_url: HttpUrl | None = None

    # The beacon of raffles: quicknet, test, or a file of drand's chain information; and who gives its rounds.
    beacon_chain: Annotated[str, Field(min_length=1, max_length=4096)] | None = None
    beacon_relays: RelayUrls | None = None
    # Between the freeze of entries and the round that draws, in seconds: the time for evidence, and its distance from
    # the round. How many of the listed witnesses have to sign.
    raffle_gap_s: Annotated[int, Field(ge=1, le=604_800)] = 600
    raffle_quorum: Annotated[int, Field(ge=0, le=1000)] = 1

    # The largest budget of a campaign that opens without the approval of a second person; 0: none does.
    campaign_approval_above_mxn: ApprovalAbove = Decimal(50_000)
    campaign_approval_above_crc: ApprovalAbove = Decimal(1_500_000)
    campaign_approval_above_usd: ApprovalAbove = Decimal(3_000)

    # Who states when entries were frozen (RFC 3161), and the file of certificates that they must be under.
    raffle_timestamp_urls: Annotated[str, AfterValidator(_urls_of_hosts)] | None = None
    raffle_timestamp_roots: Path | None = None

    # From which value of a prize on two people confirm who the winner is; 0: for each prize.
    prize_second_person_from_mxn: ApprovalAbove = Decimal(20_000)
    prize_second_person_from_crc: ApprovalAbove = Decimal(600_000)
    prize_second_person_from_usd: ApprovalAbove = Decimal(1_200)

    # What one raffle ticket costs at the pump, by currency; a currency that is left out earns none there.
    pump_ticket_amounts: Annotated[
        str, Field(pattern=r"^(MXN|CRC|USD)=[1-9][0-9]{0,6}(,(MXN|CRC|USD)=[1-9][0-9]{0,6}){0,2}$")
    ] = "CRC=5000,MXN=200,USD=10"
    pump_most_tickets: Annotated[int, Field(ge=1, le=9_900)] = 200  # by one code: a lorry's tank, and no invention

    # The key ring (`gasolinera keys`), and how messages leave.
    keys_file: Path | None = None
    sms_sender: Literal["console", "inbox", "http"] = "inbox"
    sms_gateway_url: HttpUrl | None = None
    sms_gateway_secret: SecretStr | None = None
    sms_countries: Annotated[str, Field(pattern=r"^\+[0-9]{1,3}(,\+[0-9]{1,3})*$")] = (
        "+52,+506,+502,+503,+504,+505,+507,+501,+1"
    )
    smtp_url: SecretStr | None = None
    email_from: Annotated[str, Field(min_length=3, max_length=254)] = "avisos@gasolinera-jsm.mx"

    @model_validator(mode="after")
    def _pool_is_possible(self) -> Self:
        if self.pool_min_size > self.pool_max_size:
            raise ValueError("pool_min_size is greater than pool_max_size")
        return self

    @model_validator(mode="after")
    def _feed_is_whole(self) -> Self:
        if (self.feed_places_url is None) != (self.feed_prices_url is None):
            raise ValueError("feed_places_url and feed_prices_url are set together")
        return self

    @model_validator(mode="after")
    def _timestamps_are_whole(self) -> Self:
        if (self.raffle_timestamp_urls is None) != (self.raffle_timestamp_roots is None):
            raise ValueError("raffle_timestamp_urls and raffle_timestamp_roots are set together")
        return self

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        """What only a developer may leave as it comes."""
        if self.sms_sender == "http" and (self.sms_gateway_url is None or self.sms_gateway_secret is None):
            raise ValueError("sms_sender http needs sms_gateway_url and sms_gateway_secret")
        if self.environment is not Environment.PRODUCTION:
            return self
        if self.keys_file is None:
            raise ValueError("production needs keys_file: make one with `gasolinera keys generate`")
        if self.sms_sender != "http":
            raise ValueError("production needs sms_sender http: codes are not to be read in a log or on a page")
        if any(url and not url.startswith("https://") for url in (self.feed_places_url, self.feed_prices_url)):
            raise ValueError("production needs feed addresses that begin with https://")
        if self.beacon_chain == "test":
            raise ValueError("production cannot have the test beacon: anybody can know its rounds beforehand")
        if self.raffle_gap_s < 600:
            raise ValueError("production needs a raffle_gap_s of 600 at least: evidence of a freeze takes its time")
        if any(not url.startswith("https://") for url in (self.beacon_relays or "https://").split(",")):
            raise ValueError("production needs beacon_relays that begin with https://")
        if not self.public_url.startswith("https://"):
            raise ValueError("production needs a public_url that begins with https://")
        if self.sms_gateway_url is None or not self.sms_gateway_url.startswith("https://"):
            raise ValueError("production needs an sms_gateway_url that begins with https://: codes pass through it")
        for name in ("sms_gateway_secret", "metrics_token"):
            secret: SecretStr | None = getattr(self, name)
            if secret is not None and len(secret.get_secret_value()) < _SECRET_CHARACTERS:
                raise ValueError(f"production needs a {name} of {_SECRET_CHARACTERS} characters or more")
        return self

    @property
    def chosen_keys_file(self) -> Path:
        return self.keys_file or DEVELOPMENT_KEYS

    @property
    def chosen_log_level(self) -> LogLevel:
        """While developing everything is told, unless it was said otherwise."""
        return self.log_level or ("debug" if self.environment is Environment.DEVELOPMENT else "info")

    def services_with_database(self) -> list[str]:
        """Those that this process can reach: a process may serve a single service."""
        return [service for service in SERVICES if self.database_url or getattr(self, f"{service}_database_url")]

    def service_url(self, service: str) -> str:
        """Where a service's pool connects: its own address, else the common one. Raises ConfigError without either."""
        address: SecretStr | None = getattr(self, f"{service}_database_url") or self.database_url
        if address is None:
            raise ConfigError(
                "config.no_database",
                f"no database is named for the {service} service",
                f"set {PREFIX}DATABASE_URL, or {PREFIX}{service.upper()}_DATABASE_URL",
            )
        return address.get_secret_value()

    def peer_url(self, service: str) -> str | None:
        """Where another process serves a service; None: this process was told of none."""
        url: str | None = getattr(self, f"{service}_url")
        return url

    def jobs_url(self) -> tuple[str, str | None] | None:
        """Where jobs are kept, and the role to change into there; None: this process was told of no such place."""
        if self.ops_database_url is not None:
            return self.ops_database_url.get_secret_value(), None
        return None if self.database_url is None else (self.database_url.get_secret_value(), "ops")

    def service_role(self, service: str) -> str | None:
        """The role that a connection over the common address changes into; an address of its own names its own."""
        return None if getattr(self, f"{service}_database_url") else f"{service}_app"


def schema_of(service: str) -> str:
    """The schema that a service owns, as `vuelo.toml` names it too: one of six constants, so it may stand in SQL."""
    return _SCHEMAS[service]


def load_settings(environ: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """The settings of this process. Raises ConfigError that names every wrong variable, and never shows an address."""
    variables = os.environ if environ is None else environ
    known = Settings.model_fields.keys() | _READ_ELSEWHERE
    given = {name.removeprefix(PREFIX).lower(): value for name, value in variables.items() if name.startswith(PREFIX)}
    unknown = sorted(given.keys() - known)
    if unknown:
        names = ", ".join(PREFIX + name.upper() for name in unknown)
        raise ConfigError("config.unknown", f"unknown setting {names}", "remove it, or correct its name")
    values = {name: value for name, value in given.items() if value != "" and name in Settings.model_fields}
    try:
        return Settings.model_validate(values | overrides)
    except ValidationError as error:
        wrong = "; ".join(
            f"{PREFIX}{str(problem['loc'][0]).upper()}: {problem['msg']}" if problem["loc"] else problem["msg"]
            for problem in error.errors(include_input=False, include_url=False, include_context=False)
        )
        raise ConfigError("config.invalid", wrong, "correct the environment variables that are named") from None
