"""Begin the history of a schema that has grown without one: migrations up to a version count as applied."""

from collections.abc import Sequence
from dataclasses import dataclass

from vuelo import creation, history
from vuelo.apply import transaction
from vuelo.callbacks import around, fire_creation
from vuelo.errors import VueloError
from vuelo.executor import locked, site_of
from vuelo.migration import Applied, RowType
from vuelo.naming import Version
from vuelo.project import Project, Service
from vuelo.run import reachable, side_by_side
from vuelo.session import Run, connected
from vuelo.settings import Settings

_LONGEST_VERSION = 50


@dataclass(frozen=True)
class Baselined:
    """`written` is false where the same baseline stood already."""

    version: str
    description: str
    written: bool


def baseline(project: Project, *, version: str | None = None, description: str | None = None) -> dict[str, Baselined]:
    """By service; without arguments as the settings say.

    Raises VueloError `baseline.version` before any service is touched, `baseline.other` and `baseline.migrated` where
    it is too late for a baseline.
    """
    changed = project.changed(baseline_version=version, baseline_description=description)
    for service in changed.services:
        _refuse_no_version(service.settings.baseline_version)
    with reachable(changed) as reached:
        return side_by_side(reached.services, Run(), _baseline)


def _refuse_no_version(text: str) -> None:
    try:
        if len(Version.parse(text).text) <= _LONGEST_VERSION:
            return
        reason = f"it is longer than {_LONGEST_VERSION} characters"
    except ValueError as error:
        reason = str(error)
    raise VueloError("baseline.version", f"{text!r} cannot be the version of a baseline: {reason}")


def _baseline(service: Service, run: Run) -> Baselined:
    with connected(service, run) as conn:
        site, _ = site_of(conn, service, run)
        fire_creation(site)
        with around(site, "Baseline"):
            written = False
            if not history.exists(conn, site.table):
                written = creation.begin(conn, site.table, service.settings, service.wait_s, run.stop, baseline=True)
            if not written:
                with locked(site), transaction(site):
                    written = is_wanted(service, history.rows(conn, site.table))
                    if written:
                        history.insert(conn, site.table, creation.baseline_row(service.settings))
    row = creation.baseline_row(service.settings)
    return Baselined(row.version or "", row.description, written)


def is_wanted(service: Service, rows: Sequence[Applied]) -> bool:
    """Whether these rows still lack the baseline. Raises VueloError `baseline.*` where they rule it out."""
    settings = service.settings
    marker = next((row for row in rows if row.type == RowType.BASELINE), None)
    if marker is not None:
        if _is_same(marker, settings):
            return False
        message = f"{service.name} has a baseline already, {marker.version_text} {marker.description!r}"
        raise VueloError("baseline.other", message, "a baseline cannot be moved")
    wanted = Version.parse(settings.baseline_version)
    if wanted == Version.parse("0") and any(row.type == RowType.SCHEMA for row in rows):
        message = f"{service.name}: version 0 stands for the creation of the schema"
        raise VueloError("baseline.version", message, "take a higher one")
    if any(not row.is_synthetic for row in rows):
        message = f"{service.name} has applied migrations already, a baseline would come too late"
        raise VueloError("baseline.migrated", message, "run vuelo info to see them")
    return True


def _is_same(marker: Applied, settings: Settings) -> bool:
    is_version = marker.version == Version.parse(settings.baseline_version)
    return is_version and marker.description == settings.baseline_description
