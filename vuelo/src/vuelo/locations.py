"""Find a service's scripts on disk and read them line by line. The only module that opens migration files."""

import importlib.util
import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

from vuelo.checksum import checksum
from vuelo.errors import ScriptError, VueloError
from vuelo.migration import BadName, Found, Script
from vuelo.naming import Kind, ScriptName, parse_name
from vuelo.placeholders import Placeholders

PACKAGE_PREFIX = "package:"
_FILESYSTEM_PREFIX = "filesystem:"


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


def find_scripts(locations: tuple[Path, ...], placeholders: Placeholders) -> Found:
    """Read every `.sql` file below the locations. Raises VueloError `location.*`."""
    scripts: list[Script] = []
    bad_names: list[BadName] = []
    for location in locations:
        if not location.is_dir():
            raise VueloError("location.missing", f"there is no folder {location}", "create it or remove the location")
        for path in _sql_files(location):
            script = path.relative_to(location).as_posix()
            try:
                name = parse_name(path.name)
                script.encode()
            except UnicodeEncodeError:
                bad_names.append(BadName(path, "its name is not UTF-8"))
            except ValueError as error:
                bad_names.append(BadName(path, str(error)))
            else:
                scripts.append(_read_script(name, path, script, placeholders))
    return Found(tuple(scripts), tuple(bad_names))


def _sql_files(location: Path) -> list[Path]:
    def refuse(error: OSError) -> None:
        raise VueloError("location.unreadable", f"{error.filename} cannot be read: {error.strerror}") from error

    walk = os.walk(location, onerror=refuse)
    return sorted(Path(folder, name) for folder, _, names in walk for name in names if name.lower().endswith(".sql"))


@contextmanager
def opened_lines(path: Path) -> Generator[Iterator[str]]:
    """The lines of a script with their own ends (\\n, \\r, \\r\\n and nothing else ends a line), read as they are used.

    Whatever goes wrong inside with the script as a text gets the script's path.
    """
    try:
        opened = path.open(encoding="utf-8", newline="")
    except OSError as error:
        raise VueloError("script.unreadable", f"{path} cannot be read: {error.strerror}") from error
    with opened as lines:
        try:
            yield lines
        except ScriptError as error:
            error.path = error.path or path
            raise
        except UnicodeDecodeError as error:
            message = f"{path} is not UTF-8: {error.reason} at byte {error.start}"
            raise VueloError("script.encoding", message, "save the file as UTF-8") from error


def with_file_name(placeholders: Placeholders, path: Path) -> Placeholders:
    """The placeholders as one script sees them: `flyway:filename` is its own."""
    return Placeholders({**placeholders.values, "flyway:filename": path.name}, placeholders.prefix, placeholders.suffix)


def _read_script(name: ScriptName, path: Path, script: str, placeholders: Placeholders) -> Script:
    with opened_lines(path) as lines:
        raw = replaced = checksum(lines)
    if name.kind is Kind.REPEATABLE:
        with opened_lines(path) as lines:
            replaced = checksum(with_file_name(placeholders, path).replaced(lines))
    return Script(name, path, script, replaced, raw)
