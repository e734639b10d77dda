"""`ops_schema`'s own tables: migrations of the role `ops`, beside the job library's tables in the same schema."""

from importlib.resources import as_file, files
from pathlib import Path

import vuelo
from gasolinera.ops import jobs_schema
from vuelo.settings import Settings

ROLE = "ops"


def operations_project(url: str) -> vuelo.Project:
    """One service, which may be reached as `ops` or as somebody who may become it.

    The schema has the job library's tables before it has a history, so that one begins with a baseline of 0.
    """
    with as_file(files("gasolinera.ops").joinpath("migrations")) as folder:
        service = vuelo.Service(
            name=ROLE,
            url=url,
            schema=jobs_schema.SCHEMA,
            locations=(Path(folder),),
            role=ROLE,
            settings=Settings(baseline_on_migrate=True, baseline_version="0", create_schemas=False),
        )
    return vuelo.Project(Path.cwd(), "production", (service,))


def install(url: str) -> list[str]:
    """The tables of jobs and of operations, made or brought up to date; gives the scripts that were applied.

    Again: changes nothing. Raises vuelo.RunFailedError.
    """
    applied = jobs_schema.install(url)
    (result,) = vuelo.migrate(operations_project(url))
    return applied + [step.script for step in result.steps]
