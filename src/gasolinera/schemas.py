"""The six schemas as a vuelo project: the package's own `vuelo.toml`, whichever folder the process starts in."""

from collections.abc import Mapping
from importlib.resources import as_file, files
from pathlib import Path

from vuelo import Project


def load_project(environment: str | None = None, urls: Mapping[str, str] | None = None) -> Project:
    """Addresses come from the environment's variables unless `urls` has one for a service; an embedded server's
    folder is relative to the working directory. Raises VueloError `config.*`.
    """
    with as_file(files("gasolinera").joinpath("vuelo.toml")) as path:
        return Project.load(path, environment=environment, urls=urls, base=Path.cwd())
