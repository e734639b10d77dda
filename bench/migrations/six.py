"""The platform's six services from empty: `python -m bench.migrations.six one|parallel` prints the seconds it took.

The clock runs from before the first connection to the end of the last migration; Python has started before that.
"""

import sys
from dataclasses import replace
from pathlib import Path
from time import monotonic

import vuelo
from vuelo.naming import Kind, ScriptName, parse_name

REPOSITORY = Path(__file__).parents[2]
ENVIRONMENT = "test"  # the one with every file: constraints and sample data too
_HISTORY = "flyway_schema_history"  # migrations speak of it, so that psql needs one too


def project_at(url: str) -> vuelo.Project:
    variables = {"GASOLINERA_DATABASE_URL": url}
    return vuelo.Project.load(REPOSITORY / "vuelo.toml", environment=ENVIRONMENT, variables=variables)


def write_psql_script(project: vuelo.Project, path: Path) -> int:
    """The same migrations for psql, placeholders replaced, each in a transaction; gives their number."""
    count = 0
    with path.open("w", encoding="utf-8") as script:
        for service in project.services:
            script.write(
                f"SET ROLE {service.role};\nCREATE SCHEMA {service.schema};\n"
                f"CREATE TABLE {service.schema}.{_HISTORY} (installed_rank int PRIMARY KEY);\n"
            )
            for source in _in_order(service.locations):
                text = source.read_text(encoding="utf-8")
                values = {"flyway:defaultSchema": service.schema, "flyway:table": _HISTORY}
                for name, value in {**values, **service.placeholders}.items():
                    text = text.replace(f"${{{name}}}", value)
                script.write(
                    f"RESET ALL;\nBEGIN;\nSET ROLE {service.role};\n"
                    f"SET search_path = {service.schema}, public;\n{text}\n;\nCOMMIT;\n"
                )
                count += 1
    return count


def _in_order(locations: tuple[Path, ...]) -> list[Path]:
    """Versioned files by version, then repeatable ones by description, then what is called at the end."""
    paths = sorted(path for location in locations for path in location.glob("*.sql"))
    after = [path for path in paths if path.name.startswith("afterMigrate")]
    files = [(parse_name(path.name), path) for path in paths if path not in after]
    versioned = sorted((f for f in files if f[0].kind is Kind.VERSIONED), key=_version_of)
    repeatable = sorted((f for f in files if f[0].kind is Kind.REPEATABLE), key=lambda file: file[0].description)
    return [*(path for _, path in (*versioned, *repeatable)), *after]


def _version_of(file: tuple[ScriptName, Path]) -> vuelo.Version:
    version = file[0].version
    assert version is not None
    return version


def main(way: str, url: str) -> None:
    project = project_at(url)
    migrate = vuelo.migrate  # imported now, and not when it is first called
    started = monotonic()
    if way == "parallel":
        migrate(project)
    else:
        for service in project.services:
            migrate(replace(project, services=(service,)))
    sys.stdout.write(f"{monotonic() - started}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
