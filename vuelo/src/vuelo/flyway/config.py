"""Flyway's own configuration as a project of one service: `flyway.toml` or `flyway.conf`, and `FLYWAY_…` variables.

What comes later counts: files, variables; in TOML the chosen environment's own settings are last, as with Flyway.
Settings that vuelo gives another default keep Flyway's: a project must not behave otherwise for having changed engines.
"""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from vuelo import settings
from vuelo.errors import VueloError
from vuelo.flyway import jdbc, keys
from vuelo.flyway.locations import folders
from vuelo.project import DEFAULT_WAIT_S, Project, Service
from vuelo.properties import read_properties

_USER_FILE = "flyway.user.toml"
_PREFIX = "flyway."
_RESOLVER = re.compile(r"\$\{([A-Za-z]+)\.([^}]*)\}")


def load(
    path: Path, *, environment: str | None, urls: Mapping[str, str], base: Path | None, variables: Mapping[str, str]
) -> Project:
    """The project of Flyway's file. Raises VueloError `config.*`."""
    name, values = (_from_conf if path.suffix == ".conf" else _from_toml)(path, environment, variables)
    keys.refuse(values, str(path))
    folder = base or path.absolute().parent
    service = _service(values, name, folder, str(path), urls)
    return Project(folder, name, (service,))


def _from_conf(path: Path, environment: str | None, variables: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    if environment not in (None, "default"):
        message = f"{path} has no environment {environment!r}"
        raise VueloError("config.no_environment", message, "flyway.toml has environments, flyway.conf has none")
    values: dict[str, Any] = {}
    for file in [path, *_further_files(path, variables)]:
        given = read_properties(_text(file, variables.get("FLYWAY_CONFIG_FILE_ENCODING")), variables)
        values |= {key.removeprefix(_PREFIX): value for key, value in given.items() if key.startswith(_PREFIX)}
    return "default", {**values, **keys.from_variables(variables)}


def _from_toml(path: Path, environment: str | None, variables: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    merged: dict[str, Any] = {}
    user_file = path.with_name(_USER_FILE)
    own = [path, user_file] if path.name == keys.FILES[0] and user_file.exists() else [path]
    for file in [*own, *_further_files(path, variables)]:
        try:
            _merge(merged, tomllib.loads(_text(file, None)))
        except tomllib.TOMLDecodeError as error:
            raise VueloError("config.invalid", f"{file}: {error}") from error
    _refuse_unknown_tables(merged, path)
    shared = _flat(merged.get("flyway", {}))
    from_variables = keys.from_variables(variables)
    asked = environment or from_variables.pop("environment", None) or shared.pop("environment", None)
    name = str(asked or "default")
    misplaced = sorted(key for key in shared if key.split(".")[0] in keys.OF_AN_ENVIRONMENT)
    if misplaced:
        message = f"{path}: {', '.join(misplaced)} under [flyway]"
        raise VueloError("config.unknown", message, f"it belongs under [environments.{name}]")
    chosen = _flat(_environment(merged.get("environments", {}), name, path, can_be_missing="url" in from_variables))
    flyways = {key.removeprefix(_PREFIX): value for key, value in chosen.items() if key.startswith(_PREFIX)}
    connection = {key: value for key, value in chosen.items() if not key.startswith(_PREFIX)}
    resolved = {key: _resolved(value, variables, f"{path}: {key}") for key, value in connection.items()}
    general = {**shared, **from_variables}
    if any(key.startswith("placeholders.") for key in flyways):  # an environment's own stand in place of all others
        general = {key: value for key, value in general.items() if not key.startswith("placeholders.")}
    last = {key: value for key, value in from_variables.items() if key.split(".")[0] in keys.OF_AN_ENVIRONMENT}
    return name, {**general, **flyways, **resolved, **last}


def _refuse_unknown_tables(merged: dict[str, Any], path: Path) -> None:
    unknown = sorted(merged.keys() - {"flyway", "environments"} - keys.ROOT_WITHOUT_MEANING)
    if unknown:
        message = f"{path}: unknown setting {', '.join(unknown)}"
        raise VueloError("config.unknown", message, "settings stand under [flyway] or [environments.NAME]")
    for table in ("flyway", "environments"):
        if not isinstance(merged.get(table, {}), dict):
            raise VueloError("config.invalid", f"{path}: {table} is a table", f"write [{table}]")


def _environment(environments: dict[str, Any], name: str, path: Path, *, can_be_missing: bool) -> dict[str, Any]:
    found = environments.get(name)
    if isinstance(found, dict):
        return cast("dict[str, Any]", found)
    if can_be_missing and found is None:
        return {}
    known = f"there are {', '.join(environments)}" if environments else f"add [environments.{name}]"
    raise VueloError("config.no_environment", f"{path} has no environment {name!r}", known)


def _further_files(path: Path, variables: Mapping[str, str]) -> list[Path]:
    """Of FLYWAY_CONFIG_FILES; the two kinds are never mixed."""
    named = [Path(name.strip()) for name in variables.get("FLYWAY_CONFIG_FILES", "").split(",") if name.strip()]
    other = [file for file in named if file.suffix != path.suffix]
    if other:
        message = f"FLYWAY_CONFIG_FILES has {other[0]} beside {path.name}"
        raise VueloError("config.invalid", message, "use TOML files only, or .conf files only")
    return [file for file in named if file.absolute() != path.absolute()]


def _text(path: Path, encoding: str | None) -> str:
    try:
        return path.read_text(encoding=encoding or "utf-8-sig")
    except FileNotFoundError:
        raise VueloError("config.missing", f"there is no {path}", "name another file with --config") from None
    except OSError as error:
        raise VueloError("config.unreadable", f"{path} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, LookupError) as error:
        raise VueloError("config.invalid", f"{path}: {error}") from error


def _merge(target: dict[str, Any], more: dict[str, Any]) -> None:
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(target.get(key), dict):
            _merge(target[key], cast("dict[str, Any]", value))
        else:
            target[key] = value


def _flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """`[flyway.placeholders] owner` is `placeholders.owner`."""
    flat: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            flat |= _flat(cast("dict[str, Any]", value), f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def _resolved(value: Any, variables: Mapping[str, str], where: str) -> Any:
    if isinstance(value, list):
        return [_resolved(one, variables, where) for one in cast("list[Any]", value)]
    if not isinstance(value, str):
        return value

    def of(match: re.Match[str]) -> str:
        if match[1] != "env":
            hint = "vuelo resolves ${env.NAME} alone: put the secret into an environment variable"
            raise VueloError("config.unknown", f"{where}: there is no resolver {match[1]!r}", hint)
        if match[2] not in variables:
            message = f"{where} needs the environment variable {match[2]}"
            raise VueloError("config.no_variable", message, f"set {match[2]}")
        return variables[match[2]]

    return _RESOLVER.sub(of, value)


def _service(values: dict[str, Any], environment: str, folder: Path, where: str, urls: Mapping[str, str]) -> Service:
    given = {key: value for key, value in values.items() if value != ""}
    properties = _below(given, "jdbcProperties")
    properties |= {key: str(given[key]) for key in ("user", "password") if key in given}
    url = str(given.get("url", ""))
    schemas = settings.parsed({"schemas": given.get("schemas", [])}, where).schemas
    schema = str(given.get("defaultSchema") or (schemas[0] if schemas else None) or _current(url, properties))
    if not url and schema not in urls:
        raise VueloError("config.no_url", f"{where} has no url", "set FLYWAY_URL, or url in the file")
    return Service(
        name=schema,
        url=urls.get(schema) or jdbc.conninfo(url, properties, where),
        schema=schema,
        locations=folders(_list(given.get("locations"), "locations", where), folder),
        callback_locations=_callback_folders(given.get("callbackLocations"), folder, where),
        table=str(given.get("table", "flyway_schema_history")),
        placeholders={"flyway:environment": environment, **_below(given, "placeholders")},
        settings=settings.parsed(_settings(values, schema, schemas), where),
        wait_s=_wait_s(given["lockRetryCount"], where) if "lockRetryCount" in given else DEFAULT_WAIT_S,
    )


def _current(url: str, properties: Mapping[str, str]) -> str:
    return jdbc.current_schema(url, properties) or "public"


def _settings(values: dict[str, Any], schema: str, schemas: tuple[str, ...]) -> dict[str, Any]:
    given = {keys.snake(key): value for key, value in values.items() if key in keys.SETTINGS and value != ""}
    if values.get("ignoreMigrationPatterns") in ("", [""]):
        given["ignore_migration_patterns"] = []  # nothing is ignored then, not even what is from the future
    given["schemas"] = list(schemas[1:] if schemas[:1] == (schema,) else schemas)
    return {"validate_migration_naming": False, "fail_on_missing_locations": False, **given}


def _callback_folders(value: Any, folder: Path, where: str) -> tuple[Path, ...]:
    return folders(named, folder) if (named := _list(value, "callbackLocations", where)) else ()


def _list(value: Any, key: str, where: str) -> list[str]:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",")]
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(one, str) for one in cast("list[Any]", value)):
        raise VueloError("config.invalid", f"{where}: {key} is a list of texts")
    return cast("list[str]", value)


def _below(values: Mapping[str, Any], table: str) -> dict[str, str]:
    """The entries of `placeholders` or `jdbcProperties`, as texts."""
    entries = {key.removeprefix(f"{table}."): value for key, value in values.items() if key.startswith(f"{table}.")}
    return {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in entries.items()}


def _wait_s(count: Any, where: str) -> float:
    """Flyway asks for its lock once a second, so many times; -1 is for ever."""
    text = str(count)
    if not re.fullmatch(r"-1|[0-9]{1,6}", text):
        raise VueloError("config.invalid", f"{where}: lockRetryCount is a whole number from -1 to 999999")
    return 1_000_000.0 if text == "-1" else float(text)
