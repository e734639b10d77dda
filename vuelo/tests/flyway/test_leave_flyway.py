"""docs/how-to/leave-flyway.md, followed to the letter: its commands are taken from the page, Flyway is the real one."""

import json
import os
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from .conftest import Sites
from .engine import Outcome, Request
from .sites import PASSWORD, Site, assert_agreed_and_done

_VALUES = {"FLYWAY_USER": "postgres", "FLYWAY_PASSWORD": PASSWORD}  # instead of the page's own
_PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "leave-flyway.md"

pytestmark = [
    pytest.mark.needs_java,
    pytest.mark.skipif(not _PAGE.exists(), reason="vuelo is tested without the project's documentation"),
]


@dataclass
class Reader:
    """Somebody at a terminal in the folder of a project, with the page beside it."""

    folder: Path
    site: Site
    variables: dict[str, str] = field(default_factory=dict[str, str])

    def does(self, block: str) -> list[Outcome]:
        """Runs the lines of a block; gives what Flyway answered."""
        answers: list[Outcome] = []
        for line in block.splitlines():
            if line.startswith("export "):
                self.variables |= {name: _VALUES[name] for name in re.findall(r"(\w+)=", line)}
            elif line.startswith("flyway "):
                answers.append(self.flyway(line.split()[1]))
            elif not line.startswith("pip "):
                done = self.shell(line)
                assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return answers

    def shell(self, line: str) -> "subprocess.CompletedProcess[str]":
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = {**os.environ, **self.variables, "PATH": path}
        return subprocess.run(
            ["bash", "-c", line],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def flyway(self, command: str) -> Outcome:
        """Flyway's command line is not among its artifacts: its library reads the same file and the same variables."""
        toml, conf = self.folder / "flyway.toml", self.folder / "flyway.conf"
        if not toml.exists():
            config_file, model = str(conf), None
        else:
            settings = tomllib.loads(toml.read_text(encoding="utf-8"))
            settings["environments"]["local"] |= {"user": self.variables["FLYWAY_USER"], "password": PASSWORD}
            config_file, model = None, json.dumps(settings)
        variables = self.variables if conf.exists() else {}
        outcome = self.site.engine.ask(
            Request(command, folder=str(self.folder), variables=variables, config_file=config_file, model=model)
        )
        assert outcome.error is None
        return outcome


def blocks(kind: str) -> list[str]:
    page = _PAGE.read_text(encoding="utf-8")
    return re.findall(rf"^```{kind}\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)


@pytest.fixture(params=["flyway.toml", "flyway.conf"])
def reader(request: pytest.FixtureRequest, new_site: Sites, tmp_path: Path) -> Reader:
    """An existing project of Flyway's: the page's file, but for the address, and two migrations."""
    [toml, _], [conf] = blocks("toml"), blocks("properties")
    site = new_site(tmp_path / "sql", placeholders={"greeting": "hello"})
    address = f"127.0.0.1:{site.port}/{site.database}"
    text = toml if request.param == "flyway.toml" else conf
    assert "localhost:5432/shop" in text
    (tmp_path / request.param).write_text(text.replace("localhost:5432/shop", address))
    (tmp_path / "sql").mkdir()
    (tmp_path / "sql" / "V1__Orders.sql").write_text("CREATE TABLE orders (id int); -- ${greeting}\n")
    (tmp_path / "sql" / "V2__Customers.sql").write_text("CREATE TABLE customers (id int);\n")
    return Reader(tmp_path, site)


def test_the_page_leads_to_vuelo_and_back(reader: Reader) -> None:
    before, install, look, new, run, undo, own, back = blocks("sh")
    site = reader.site
    assert reader.does(before)[0].applied == ["1", "2"]
    reader.does(install + look)
    states = [
        line["state"] for line in json.loads(reader.shell("vuelo info --json").stdout)["services"][0]["migrations"]
    ]
    assert states == ["Success"] * 3

    printed = reader.shell(new.strip()).stdout.split()
    assert [Path(path).name for path in printed] == ["V3__Add_notes.sql", "U3__Add_notes.sql"]
    [validated] = reader.does(run)
    assert (validated.invalid, validated.current, validated.pending) == ([], "3", [])
    assert_agreed_and_done(site)

    [migrated] = reader.does(undo)
    assert migrated.applied == ["3"]
    assert "Deleted" in [each.state for each in migrated.migrations or []]

    _, toml = blocks("toml")
    address = f"127.0.0.1:{site.port}/{site.database}"
    (reader.folder / "vuelo.toml").write_text(toml.replace("localhost:5432/shop", address).replace(
        "${FLYWAY_PASSWORD}", PASSWORD.replace(" ", "%20")
    ))  # fmt: skip
    reader.does(own)
    assert_agreed_and_done(site)
    (reader.folder / "sql" / "V4__More.sql").write_text("CREATE TABLE more ();")
    shown, migrated = reader.does(back)
    assert (shown.pending, migrated.applied) == (["4"], ["4"])
    assert_agreed_and_done(site)
