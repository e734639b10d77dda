"""Migrations that several services have under one description are one text but for the services' names.

Each service's schema is migrated alone, so each has its copy; a correction of one that forgets the others shows here.
"""

import re
from collections import defaultdict
from pathlib import Path

import pytest
from tests.schema.catalog import SERVICES, Service

# The guide's name of the first migration of several services, which have nothing in common.
_OF_ITS_OWN = "init"
# Each copy names one of its own service's events.
_EXAMPLE = re.compile(r"(?<='CloudEvents type, as )[a-z]+(\.[a-z_]+)+(?=\.')")


def _copies() -> dict[str, list[tuple[Service, Path]]]:
    """The V and U files that more than one service has, by letter and description: `V add_event_tables`."""
    found: defaultdict[str, list[tuple[Service, Path]]] = defaultdict(list)
    for service in SERVICES:
        for path in service.migrations:
            version, _, description = path.stem.partition("__")
            if version[0] in "VU" and description != _OF_ITS_OWN:
                found[f"{version[0]} {description}"].append((service, path))
    return {name: copies for name, copies in found.items() if len(copies) > 1}


COPIES = _copies()


def _without_names(service: Service, path: Path) -> list[str]:
    """The words of a file, in which the service is called `service`. Longer names may need other ends of lines."""
    text = path.read_text(encoding="utf-8")
    for own, common in (
        (service.schema, "service_schema"),
        (service.owner, "service_owner"),
        (service.app, "service_app"),
        (service.ro, "service_ro"),
    ):
        text = re.sub(rf"\b{own}\b", common, text)
    version, _, description = path.stem.partition("__")
    text = text.replace(f"V{version[1:]}__{description}", f"V__{description}")  # an undo names what it takes back
    return _EXAMPLE.sub("x.y", text).split()


def test_there_are_copies_to_compare() -> None:
    assert COPIES.keys() >= {f"{letter} add_{kind}_tables" for letter in "VU" for kind in ("event", "request")}


@pytest.mark.parametrize("name", sorted(COPIES))
def test_copies_of_a_migration_differ_in_the_names_of_their_services_alone(name: str) -> None:
    (first, original), *others = COPIES[name]
    expected = _without_names(first, original)
    for service, path in others:
        assert _without_names(service, path) == expected, f"{path} is not {original}"
