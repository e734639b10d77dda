"""`vuelo.toml`: which services there are, where their scripts are, which database they go to.

```toml
url = "${DATABASE_URL:-embedded:.local/postgres}"   # ${NAME:-default} reads the environment, in every string
environment = "${APP_ENVIRONMENT:-development}"
locations = ["db/{service}/migrations"]             # {service} is the service's name
[placeholders]
owner = "me"
[services.shop]
schema = "shop"
role = "shop_owner"                                 # SET ROLE before anything is done
[environments.development]                          # added to, or in place of, the values above
locations = ["db/{service}/sample_data"]
```
"""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from vuelo import settings
from vuelo.errors import VueloError
from vuelo.flyway import keys as flyway_keys
from vuelo.locations import location_path
from vuelo.settings import Settings

DEFAULT_WAIT_S = 600.0
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_TEXTS = {"url", "environment", "schema", "role", "table", "lock_timeout", "statement_timeout"}
_LOCATIONS = {"locations", "callback_locations"}
_TOP = _TEXTS | _LOCATIONS | {"wait_s", "placeholders", "services", "environments"} | settings.NAMES
_TIMEOUTS = {"lock_timeout", "statement_timeout"}
_TIMEOUT = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(us|ms|s|min|h|d)?")
_UNITS_MS = {"us": 0.001, "ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
_LONGEST_TIMEOUT_MS = 2**31 - 1
_LONGEST_WAIT_S = 2_000_000  # lock_timeout, which waits for a schema, can say no more
_SERVICE = _TOP - {"services", "environments", "environment"}


@dataclass(frozen=True)
class Service:
    """One schema with a history of its own. Timeouts are PostgreSQL's: "300ms", "15min", "0" for none."""

    name: str
    url: str
    schema: str
    locations: tuple[Path, ...]
    callback_locations: tuple[Path, ...] = ()  # where only callbacks are, beside the locations
    table: str = "flyway_schema_history"
    role: str | None = None
    placeholders: Mapping[str, str] = field(default_factory=dict[str, str])
    lock_timeout: str = "1s"
    statement_timeout: str = "0"
    wait_s: float = DEFAULT_WAIT_S
    settings: Settings = field(default_factory=Settings)


@dataclass(frozen=True)
class Project:
    """Everything of one `vuelo.toml`, for one environment. `base` is what relative paths start from."""

    base: Path
    environment: str
    services: tuple[Service, ...]

    @classmethod
    def load(
        cls,
        path: Path,
        *,
        environment: str | None = None,
        urls: Mapping[str, str] | None = None,
        base: Path | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> "Project":
        """Read a file, Flyway's too. `urls` (by service name) replace the file's own. Raises VueloError `config.*`."""
        variables = os.environ if variables is None else variables
        if flyway_keys.is_flyways(path):
            from vuelo.flyway import config as flyway_config  # noqa: PLC0415 - it makes projects, so it needs this module first

            return flyway_config.load(path, environment=environment, urls=urls or {}, base=base, variables=variables)
        try:
            raw = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise VueloError("config.missing", f"there is no {path}", "name another file with --config") from None
        except OSError as error:
            raise VueloError("config.unreadable", f"{path} cannot be read: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise VueloError("config.invalid", f"{path}: {error}") from error
        values = _expanded(raw, variables, str(path))
        return _project(path, values, environment, urls or {}, base or path.absolute().parent)

    def changed(self, **values: Any) -> "Project":
        """The project with settings (fields of Settings) changed for every service; None leaves one as it is."""
        given = {name: value for name, value in values.items() if value is not None}
        services = (replace(one, settings=replace(one.settings, **given)) for one in self.services)
        return replace(self, services=tuple(services))

    def only(self, names: list[str]) -> "Project":
        """The project with these services alone. Raises VueloError `config.no_service`."""
        known = {service.name: service for service in self.services}
        unknown = [name for name in names if name not in known]
        if unknown:
            raise VueloError("config.no_service", f"no service {', '.join(unknown)}", f"there are {', '.join(known)}")
        return replace(self, services=tuple(known[name] for name in dict.fromkeys(names))) if names else self


def _expanded(value: Any, variables: Mapping[str, str], where: str) -> Any:
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value)
        return {key: _expanded(item, variables, f"{where}: {key}") for key, item in items.items()}
    if isinstance(value, list):
        elements = cast("list[Any]", value)
        return [_expanded(item, variables, where) for item in elements]
    if not isinstance(value, str):
        return value

    def of(match: re.Match[str]) -> str:
        name, default = match[1], match[2]
        found = variables.get(name) or default  # set but empty counts as not set, as ${NAME:-default} does in a shell
        if found is None:
            raise VueloError("config.no_variable", f"{where} needs the environment variable {name}", f"set {name}")
        return found

    return _VARIABLE.sub(of, value)


def _project(
    path: Path, values: dict[str, Any], environment: str | None, urls: Mapping[str, str], base: Path
) -> Project:
    _refuse_unknown(values, _TOP, str(path))
    for table in ("services", "environments"):
        named = values.get(table, {})
        if not isinstance(named, dict) or not all(isinstance(one, dict) for one in cast("Any", named).values()):
            raise VueloError("config.invalid", f"{path}: {table} holds tables", f"write [{table}.NAME]")
    _refuse_wrong_types(values, str(path))
    chosen: str = environment or values.get("environment", "development")
    environments: dict[str, dict[str, Any]] = values.get("environments", {})
    if (environments or environment) and chosen not in environments:
        known = (
            f"there are {', '.join(environments)}" if environments else f"there is none; add [environments.{chosen}]"
        )
        raise VueloError("config.no_environment", f"{path} has no environment {chosen!r}", known)
    profile = environments.get(chosen, {})
    _refuse_unknown(profile, _SERVICE, f"{path}: environment {chosen}")
    _refuse_wrong_types(profile, f"{path}: environment {chosen}")
    services: dict[str, dict[str, Any]] = values.get("services", {})
    if not services:
        raise VueloError("config.no_services", f"{path} names no service", "add a table [services.NAME]")
    shared = {key: values[key] for key in _SERVICE if key in values}
    made: list[Service] = []
    for name, own in services.items():
        _refuse_unknown(own, _SERVICE, f"{path}: service {name}")
        _refuse_wrong_types(own, f"{path}: service {name}")
        layers = [shared, profile, own]
        made.append(_service(name, layers, urls.get(name), base))
    _refuse_same_history(path, made)
    return Project(base, chosen, tuple(made))


def _service(name: str, layers: list[dict[str, Any]], url: str | None, base: Path) -> Service:
    merged: dict[str, Any] = {}
    locations: dict[str, list[str]] = {key: [] for key in _LOCATIONS}
    placeholders: dict[str, str] = {}
    for layer in layers:
        merged.update({key: value for key, value in layer.items() if value != ""})
        for key in _LOCATIONS:
            locations[key] += layer.get(key, [])
        given: dict[str, Any] = layer.get("placeholders", {})
        placeholders |= {key: str(value).replace("{service}", name) for key, value in given.items()}
    texts: dict[str, str] = {key: merged[key].replace("{service}", name) for key in _TEXTS & merged.keys()}
    texts.pop("environment", None)
    if url is not None:
        texts["url"] = url
    if "url" not in texts:
        raise VueloError("config.no_url", f"service {name} has no url", 'say where its database is: url = "…"')
    paths = {
        key: tuple(location_path(one.replace("{service}", name), base) for one in listed)
        for key, listed in locations.items()
    }
    return Service(
        name=name,
        locations=paths["locations"],
        callback_locations=paths["callback_locations"],
        placeholders=placeholders,
        wait_s=float(merged.get("wait_s", DEFAULT_WAIT_S)),
        settings=settings.parsed({key: merged[key] for key in settings.NAMES & merged.keys()}, f"service {name}"),
        **{"schema": name, **texts},
    )


def _refuse_unknown(values: dict[str, Any], known: set[str], where: str) -> None:
    unknown = sorted(values.keys() - known)
    if unknown:
        message = f"{where}: unknown setting {', '.join(unknown)}"
        raise VueloError("config.unknown", message, f"known are {', '.join(sorted(known))}")


def _refuse_wrong_types(values: dict[str, Any], where: str) -> None:
    """Of one layer of settings; an empty text counts as not set."""
    for key, value in values.items():
        wanted = None
        if key in _TEXTS and not isinstance(value, str):
            wanted = "a text"
        elif key in _TIMEOUTS and value != "" and not _is_timeout(value):
            wanted = 'a time up to 24 days as PostgreSQL writes it, such as "300ms" or "15min", "0" for no limit'
        elif key == "wait_s" and value != "" and not _is_wait(value):
            wanted = f"a number of seconds from 0 to {_LONGEST_WAIT_S:,}"
        elif key in _LOCATIONS and not _is_list_of_texts(value):
            wanted = "a list of texts"
        elif key == "placeholders" and not isinstance(value, dict):
            wanted = "a table"
        if wanted:
            raise VueloError("config.invalid", f"{where}: {key} is {wanted}")
    for name, value in values.get("placeholders", {}).items():
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise VueloError("config.invalid", f"{where}: the placeholder {name} is a text or a number")


def milliseconds(timeout: str) -> float | None:
    """Of a time as PostgreSQL writes it; None when it is not one."""
    found = _TIMEOUT.fullmatch(timeout)
    return float(found[1]) * _UNITS_MS[found[2] or "ms"] if found else None


def _is_timeout(text: str) -> bool:
    length = milliseconds(text)
    return length is not None and length <= _LONGEST_TIMEOUT_MS


def _is_wait(value: Any) -> bool:
    """A text too: only that can come from a variable."""
    try:
        return not isinstance(value, bool) and 0 <= float(value) <= _LONGEST_WAIT_S
    except (TypeError, ValueError):
        return False


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in cast("list[Any]", value))


def _refuse_same_history(path: Path, services: list[Service]) -> None:
    """Two services of one history would take turns at calling each other's migrations missing."""
    seen: dict[tuple[str, str, str], str] = {}
    for service in services:
        other = seen.setdefault((service.url, service.schema, service.table), service.name)
        if other != service.name:
            message = f"{path}: {other} and {service.name} have the same url, schema and table"
            raise VueloError("config.same_history", message, "give each a schema of its own")
