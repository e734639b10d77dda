"""Fixtures for pytest: a database that is migrated once a session (and worker), and a copy of it for each test.

Set in pytest's own configuration, or on its command line, where the `vuelo.toml` is:

```ini
[pytest]
vuelo_config = vuelo.toml
vuelo_environment = test
```
"""

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from vuelo.project import Project

_OPTIONS = {
    "vuelo_config": ("vuelo.toml", "The project file of the fixtures vuelo_template and vuelo_database."),
    "vuelo_environment": ("", "Its environment; the file has a default."),
    "vuelo_scratch_url": ("", "A server where databases may be made, in place of an embedded one."),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("vuelo")
    for name, (default, text) in _OPTIONS.items():
        parser.addini(name, text, default=default)
        group.addoption(f"--{name.replace('_', '-')}", dest=name, default=None, help=text)


def _chosen(config: pytest.Config, name: str) -> str:
    said = config.getoption(name)
    return str(config.getini(name) if said is None else said)


@pytest.fixture(scope="session")
def vuelo_template(pytestconfig: pytest.Config) -> "Generator[Project]":
    """The project, migrated in scratch databases. Leave them as they are: copies are made of them."""
    # Who does not use it does not wait for it.
    from vuelo import run  # noqa: PLC0415
    from vuelo.project import Project  # noqa: PLC0415
    from vuelo.schema import scratch  # noqa: PLC0415

    path = pytestconfig.rootpath / Path(_chosen(pytestconfig, "vuelo_config"))
    project = Project.load(path, environment=_chosen(pytestconfig, "vuelo_environment") or None)
    with scratch.opened(project, _chosen(pytestconfig, "vuelo_scratch_url") or None) as opened:
        run.migrate(opened)
        yield opened


@pytest.fixture
def vuelo_project(vuelo_template: "Project") -> "Generator[Project]":
    """The project with databases of this test's own, migrated and with what its repeatables put in."""
    from vuelo.templates import cloned  # noqa: PLC0415

    with cloned(vuelo_template) as copy:
        yield copy


@pytest.fixture
def vuelo_database(vuelo_project: "Project") -> str:
    """The conninfo of this test's own database, as libpq and psycopg take it."""
    urls = {service.url for service in vuelo_project.services}
    if len(urls) > 1:
        pytest.fail("the services live in several databases: use vuelo_project and each service's url")
    return urls.pop()
