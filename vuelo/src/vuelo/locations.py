"""Find a service's scripts on disk and read them line by line. The only module that opens migration files."""

import importlib.util
import os
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from vuelo.checksum import checksum
from vuelo.errors import ScriptError, VueloError
from vuelo.events import EVENTS
from vuelo.migration import BadName, Callback, Found, Script, ScriptConfig
from vuelo.naming import Kind, ScriptName, parse_name, suffix_of
from vuelo.placeholders import Placeholders
from vuelo.script_config import parse_config, phase_of
from vuelo.settings import Settings

if TYPE_CHECKING:
    from vuelo.project import Service

PACKAGE_PREFIX = "package:"
_FILESYSTEM_PREFIX = "filesystem:"
_LONGEST_HEADER = 50  # lines
_CHUNK = 1 << 20
_LONGEST_WORD = 20
_NO_CONFIG = ScriptConfig()


def location_path(location: str, base: Path) -> Path:
    """A location as a folder: relative to `base`, or `package:dotted.name/folder` inside an installed package."""
    if not location.startswith(PACKAGE_PREFIX):
        return base / location.removeprefix(_FILESYSTEM_PREFIX)
    package, _, folder = location.removeprefix(PACKAGE_PREFIX).partition("/")
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):  # a parent package is missing, or there is no name
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise VueloError("location.no_package", f"location {location!r}: there is no package {package!r}")
    return Path(spec.submodule_search_locations[0]) / folder


def find_scripts(service: "Service", placeholders: Placeholders) -> Found:
    """Read every script below the service's locations. Raises VueloError `location.*`, `config.script`."""
    scripts: list[Script] = []
    bad_names: list[BadName] = []
    callbacks: list[Callback] = []
    settings = service.settings
    for location, path, config in _files(service, placeholders):
        callback = _callback(path, config, settings)
        if callback is not None:
            callbacks += [callback] if config.should_execute and not settings.skip_default_callbacks else []
            continue
        if location not in service.locations:
            continue
        script = path.relative_to(location).as_posix()
        try:
            name = parse_name(path.name, settings.naming)
            script.encode()
            scripts.append(_read_script(name, path, script, config, placeholders, settings))
        except UnicodeEncodeError:
            bad_names.append(BadName(path, "its name is not UTF-8"))
        except UnicodeDecodeError:
            raise
        except ValueError as error:
            bad_names.append(BadName(path, str(error)))
    return Found(tuple(scripts), tuple(bad_names), tuple(sorted(callbacks, key=lambda one: one.description)))


def _files(service: "Service", placeholders: Placeholders) -> Iterator[tuple[Path, Path, ScriptConfig]]:
    """Every file with a suffix of scripts, with its location and what its `.conf` says."""
    suffixes = tuple(suffix.lower() for suffix in service.settings.sql_migration_suffixes)
    for location in (*service.locations, *service.callback_locations):
        if not location.is_dir():
            if service.settings.fail_on_missing_locations:
                message = f"there is no folder {location}"
                raise VueloError("location.missing", message, "create it or remove the location")
            continue
        for folder, names in _folders(location):
            known = set(names)
            for name in names:
                if name.lower().endswith(suffixes):
                    path = folder / name
                    has_config = f"{name}.conf" in known
                    yield location, path, _config_of(path, placeholders) if has_config else _NO_CONFIG


def _folders(location: Path) -> list[tuple[Path, list[str]]]:
    def refuse(error: OSError) -> None:
        raise VueloError("location.unreadable", f"{error.filename} cannot be read: {error.strerror}") from error

    return sorted((Path(folder), sorted(names)) for folder, _, names in os.walk(location, onerror=refuse))


def _config_of(path: Path, placeholders: Placeholders) -> ScriptConfig:
    config = path.with_name(f"{path.name}.conf")
    with opened_lines(config) as lines:
        return parse_config("".join(lines).removeprefix("\ufeff"), str(config), placeholders)


def _callback(path: Path, config: ScriptConfig, settings: Settings) -> Callback | None:
    """None for the name of a migration, or of nothing."""
    stem = path.name.removesuffix(suffix_of(path.name, settings.naming) or "")
    event, _, description = stem.partition(settings.sql_migration_separator)
    return Callback(event, description.replace("_", " "), path, config) if event in EVENTS else None


@contextmanager
def rendered_lines(
    script: Script | Callback, placeholders: Placeholders, settings: Settings
) -> Generator[Iterator[str]]:
    """The lines of a script as they are sent: decoded, and with placeholders replaced unless that is turned off."""
    with opened_lines(script.path, script.config.encoding or settings.encoding) as lines:
        if _replaces(script.config, settings):
            yield placeholders_in(script.path, script.config, placeholders).replaced(lines)
        else:
            yield lines


def placeholders_in(path: Path, config: ScriptConfig, placeholders: Placeholders) -> Placeholders:
    """The placeholders as one script sees them: its own ones, and `flyway:filename`."""
    own = {"flyway" + placeholders.separator + "filename": path.name, **config.placeholders}
    return replace(placeholders, values={**placeholders.values, **own})


def _replaces(config: ScriptConfig, settings: Settings) -> bool:
    own = config.placeholder_replacement
    return settings.placeholder_replacement if own is None else own


def mentions(path: Path, words: Iterable[bytes]) -> bool:
    """Whether one of these words, in lower case, stands anywhere in a file, which is neither decoded nor split."""
    before = b""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            text = (before + chunk).lower()
            if any(word in text for word in words):
                return True
            before = chunk[-_LONGEST_WORD:]
    return False


@contextmanager
def opened_lines(path: Path, encoding: str = "UTF-8") -> Generator[Iterator[str]]:
    """The lines of a script with their own ends (\\n, \\r, \\r\\n and nothing else ends a line), read as they are used.

    Whatever goes wrong inside with the script as a text gets the script's path.
    """
    try:
        opened = path.open(encoding=encoding, newline="")
    except LookupError as error:
        raise VueloError("config.encoding", f"{path}: there is no encoding {encoding!r}") from error
    except OSError as error:
        raise VueloError("script.unreadable", f"{path} cannot be read: {error.strerror}") from error
    with opened as lines:
        try:
            yield lines
        except ScriptError as error:
            error.path = error.path or path
            raise
        except UnicodeDecodeError as error:
            message = f"{path} is not {encoding}: {error.reason} at byte {error.start}"
            raise VueloError("script.encoding", message, f"save the file as {encoding}") from error


def _read_script(
    name: ScriptName, path: Path, script: str, config: ScriptConfig, placeholders: Placeholders, settings: Settings
) -> Script:
    encoding = config.encoding or settings.encoding
    with opened_lines(path, encoding) as lines:
        head = list(islice(lines, _LONGEST_HEADER))
        phase = phase_of(head)
        raw = replaced = checksum(chain(head, lines))
    if name.kind is Kind.REPEATABLE and _replaces(config, settings):
        with opened_lines(path, encoding) as lines:
            replaced = checksum(placeholders_in(path, config, placeholders).replaced(lines))
    return Script(name, path, script, replaced, raw, config, phase)
