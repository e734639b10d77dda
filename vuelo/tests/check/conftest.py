"""Projects of one service `shop` that are checked without a database."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

import vuelo
from vuelo.check.finding import Report
from vuelo.check.run import check

_FILE = re.compile(r"^-- file: (\S+)\n", re.MULTILINE)


@pytest.fixture
def shop(write: Callable[[Mapping[str, str | bytes]], Path]) -> Callable[..., vuelo.Project]:
    """A project of an example: a line `-- file: NAME` begins a file, and without any the whole is V1."""

    def make(example: str, settings: str = "") -> vuelo.Project:
        pieces = _FILE.split(example)
        files = dict(zip(pieces[1::2], pieces[2::2], strict=True)) if len(pieces) > 1 else {"V1__Example.sql": example}
        toml = f'url = "postgresql://nowhere/none"\nlocations = ["shop"]\n{settings}\n[services.shop]\n'
        folder = write({"vuelo.toml": toml, **{f"shop/{name}": text for name, text in files.items()}})
        return vuelo.Project.load(folder / "vuelo.toml")

    return make


@pytest.fixture
def checked(shop: Callable[..., vuelo.Project]) -> Callable[..., Report]:
    """The report on an example, with every rule but those that only look at style."""

    def run(example: str, settings: str = "", ignored: tuple[str, ...] = ()) -> Report:
        return check(shop(example, settings), ignored=ignored)

    return run


@pytest.fixture
def codes(checked: Callable[..., Report]) -> Callable[..., set[str]]:
    """The rules that an example breaks."""

    def run(example: str, settings: str = "") -> set[str]:
        return {finding.rule for finding in checked(example, settings).findings}

    return run
