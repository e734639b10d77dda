"""The schemas of a project as scripts: of what its migrations build, or of what its databases hold."""

from pathlib import Path

from vuelo.project import Project, Service
from vuelo.run import migrate, reachable, side_by_side
from vuelo.schema import scratch
from vuelo.schema.dump import schema_sql
from vuelo.session import Run, connected


def built_schemas(project: Project, scratch_url: str | None = None) -> dict[str, str]:
    """By service, from a scratch database. Raises RunFailedError, VueloError `scratch.*`, `dump.*`."""
    with scratch.opened(project, scratch_url) as opened:
        migrate(opened)
        return _schemas(opened)


def live_schemas(project: Project) -> dict[str, str]:
    """By service, from the databases as they are. Raises VueloError `connect.*`, `dump.*`."""
    with reachable(project) as reached:
        return _schemas(reached)


def schema_path(project: Project, service: Service, folder: Path | None = None) -> Path | None:
    """Where a service's schema is kept: in `folder`, or as its setting `schema_file` says; None when neither does."""
    if folder is not None:
        return folder / f"{service.name}.sql"
    named = service.settings.schema_file
    return None if named is None else project.base / named.replace("{service}", service.name)


def _schemas(project: Project) -> dict[str, str]:
    def one(service: Service, run: Run) -> str:
        with connected(service, run, as_role=False) as conn:
            return schema_sql(conn, service)

    return side_by_side(project.services, Run(), one)
