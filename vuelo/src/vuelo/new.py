"""Write the files of a new migration: the next version and its undo, or a repeatable, each with a header to fill in."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from vuelo.errors import VueloError
from vuelo.naming import Kind, Version, parse_name
from vuelo.project import Service

_LONGEST_DESCRIPTION = 200
_LEAST_TIMESTAMP = 10**11  # a version from here on is a point in time, not a count

_VERSIONED = """\
-- {service} {version}: {description}
-- Taken back by {other}.

"""
_UNDO = """\
-- {service} {version}, undo: {description}
-- Takes back {other}: what it made goes, and with it the data that was put there since.

"""
_REPEATABLE = """\
-- {service}: {description}
-- Runs again whenever this file changes, so every statement must bear that: CREATE OR REPLACE, IF NOT EXISTS.

"""


def new_migration(
    service: Service, description: str, *, version: str | None = None, timestamp: bool = False
) -> tuple[Path, Path]:
    """The V file and its U file, in the service's first location; the version is the next free one unless given.

    Raises VueloError `new.*`.
    """
    naming = service.settings.naming
    wanted = Version.parse(_next_version(service, timestamp=timestamp)) if version is None else _given(service, version)
    stem = f"{wanted.text}{naming.separator}{_file_words(description)}{naming.suffixes[0]}"
    folder = _folder(service)
    forward, back = folder / f"{naming.versioned}{stem}", folder / f"{naming.undo}{stem}"
    words = {"service": service.name, "version": wanted.text, "description": description.strip()}
    texts = {
        forward: _VERSIONED.format(other=back.name, **words),
        back: _UNDO.format(other=forward.name, **words),
    }
    _write(service, texts)
    return forward, back


def new_repeatable(service: Service, description: str) -> Path:
    """The R file, in the service's first location. Raises VueloError `new.*`."""
    naming = service.settings.naming
    name = f"{naming.repeatable}{naming.separator}{_file_words(description)}{naming.suffixes[0]}"
    path = _folder(service) / name
    _write(service, {path: _REPEATABLE.format(service=service.name, description=description.strip())})
    return path


def _folder(service: Service) -> Path:
    if not service.locations:
        raise VueloError("new.no_location", f"{service.name} has no location", 'add one: locations = ["…"]')
    return service.locations[0]


def _file_words(description: str) -> str:
    words = re.findall(r"\w+", description.replace("_", " "))
    text = "_".join(words)
    if not text or len(text) > _LONGEST_DESCRIPTION:
        message = f"{description!r} gives no file name"
        hint = f"describe the change in words, in at most {_LONGEST_DESCRIPTION} letters"
        raise VueloError("new.description", message, hint)
    return text


def _given(service: Service, text: str) -> Version:
    try:
        version = Version.parse(text)
    except ValueError as error:
        raise VueloError("new.version", str(error)) from None
    if version in set(_versions(service)):
        message = f"{service.name} has a migration with version {version} already"
        raise VueloError("new.exists", message, "leave --version out to get the next free one")
    return version


def _next_version(service: Service, *, timestamp: bool) -> str:
    """One more than the newest in its last part, as wide as that is written; a timestamp where that is one."""
    newest = max(_versions(service), default=None)
    if timestamp or (newest is not None and newest >= Version.parse(str(_LEAST_TIMESTAMP))):
        return f"{datetime.now(UTC):%Y%m%d%H%M%S}"
    if newest is None:
        return "1"
    head, _, last = newest.text.rpartition(".")
    return f"{head}.{int(last) + 1}" if head else str(int(last) + 1).zfill(len(last))


def _versions(service: Service) -> Iterator[Version]:
    """Of every file in any of the locations that has one, undo scripts and baselines too."""
    naming = service.settings.naming
    for location in service.locations:
        for path in location.rglob("*"):
            try:
                name = parse_name(path.name, naming)
            except ValueError:
                continue
            if name.kind is not Kind.REPEATABLE and name.version is not None:
                yield name.version


def _write(service: Service, texts: dict[Path, str]) -> None:
    """All or none; what is there is never written over."""
    for path in texts:
        if path.exists():
            raise VueloError("new.exists", f"{path} exists already", "describe the change in other words")
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding=service.settings.encoding) as file:
            file.write(text)
