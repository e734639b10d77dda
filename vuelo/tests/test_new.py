"""The files of a new migration: their number, their name, and that nothing is ever written over."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import vuelo
from vuelo.errors import VueloError
from vuelo.new import new_migration, new_repeatable

MakeProject = Callable[..., vuelo.Project]
Cli = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ([], "1"),
        (["V1__a.sql", "V10__b.sql", "R__c.sql"], "11"),
        (["V001__a.sql", "V009__b.sql"], "010"),
        (["V1_9__a.sql", "V1.10__b.sql"], "1.11"),
        (["V3__a.sql", "U7__late.sql", "B5__b.sql"], "8"),
        (["sub/V4__a.sql", "notes.txt", "V5_no_separator.sql"], "5"),
    ],
)
def test_the_next_version_is_one_more_than_any_file_s(
    make_project: MakeProject, files: list[str], expected: str
) -> None:
    [service] = make_project({"shop": dict.fromkeys(files, "")}).services
    forward, back = new_migration(service, "Add colour")
    assert (forward.name, back.name) == (f"V{expected}__Add_colour.sql", f"U{expected}__Add_colour.sql")


def test_numbers_of_all_locations_count_and_the_first_gets_the_file(make_project: MakeProject, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "V7__a.sql").touch()
    (tmp_path / "vuelo.toml").write_text('url = "x"\nlocations = ["shop", "more"]\n[services.shop]\n')
    [service] = vuelo.Project.load(tmp_path / "vuelo.toml").services
    forward, _ = new_migration(service, "b")
    assert forward == tmp_path / "shop" / "V8__b.sql"


def test_points_in_time_are_followed_by_the_present(make_project: MakeProject) -> None:
    [service] = make_project({"shop": {"V20200101120000__a.sql": ""}}).services
    forward, _ = new_migration(service, "b")
    assert re.fullmatch(r"V20[2-9]\d{11}__b\.sql", forward.name)
    [service] = make_project({"fresh": {}}).services
    assert re.fullmatch(r"V\d{14}__b\.sql", new_migration(service, "b", timestamp=True)[0].name)


@pytest.mark.parametrize(
    ("description", "words"),
    [("Add colour to orders", "Add_colour_to_orders"), ("  a/b: c__d  ", "a_b_c_d"), ("Añadir ñandú", "Añadir_ñandú")],
)
def test_a_description_becomes_words(make_project: MakeProject, description: str, words: str) -> None:
    [service] = make_project({"shop": {}}).services
    assert new_migration(service, description)[0].name == f"V1__{words}.sql"
    assert new_repeatable(service, description).name == f"R__{words}.sql"


@pytest.mark.parametrize("description", ["", " / ", "x" * 201])
def test_a_description_without_words_is_refused(make_project: MakeProject, description: str) -> None:
    [service] = make_project({"shop": {}}).services
    with pytest.raises(VueloError) as caught:
        new_migration(service, description)
    assert caught.value.code == "new.description"


def test_nothing_is_written_over_and_then_nothing_is_written(make_project: MakeProject, tmp_path: Path) -> None:
    [service] = make_project({"shop": {"R__a.sql": "mine", "V1__a.sql": "mine"}}).services
    with pytest.raises(VueloError, match="exists already"):
        new_repeatable(service, "a")
    with pytest.raises(VueloError, match=r"version 1\.0 already"):
        new_migration(service, "b", version="1_0")
    assert sorted(path.name for path in (tmp_path / "shop").iterdir()) == ["R__a.sql", "V1__a.sql"]
    assert (tmp_path / "shop" / "R__a.sql").read_text() == "mine"


def test_the_names_follow_the_settings(make_project: MakeProject) -> None:
    settings = 'sql_migration_prefix = "M"\nsql_migration_separator = "-"\nsql_migration_suffixes = [".pgsql", ".sql"]'
    [service] = make_project({"shop": {"M4-a.sql": ""}}, settings).services
    assert [path.name for path in new_migration(service, "b c")] == ["M5-b_c.pgsql", "U5-b_c.pgsql"]


def test_what_is_written_can_be_applied_and_undone(make_project: MakeProject) -> None:
    project = make_project({"shop": {}})
    new_migration(project.services[0], "Add colour to orders")
    new_repeatable(project.services[0], "A view")
    assert [step.script for step in vuelo.migrate(project)[0].steps] == [
        "V1__Add_colour_to_orders.sql", "R__A_view.sql",
    ]  # fmt: skip
    assert vuelo.info(project)["shop"].problems == ()
    assert [step.script for step in vuelo.undo(project)[0].steps] == ["U1__Add_colour_to_orders.sql"]


def test_the_command_prints_the_paths(make_project: MakeProject, cli: Cli, tmp_path: Path) -> None:
    make_project({"shop": {}, "bank": {}})
    told = cli("new", "--service", "shop", "Add colour")
    assert told.stdout.splitlines() == [str(tmp_path / "shop" / f"{kind}1__Add_colour.sql") for kind in "VU"]
    assert (tmp_path / "shop" / "V1__Add_colour.sql").read_text().startswith("-- shop 1: Add colour\n-- ")
    data: Any = json.loads(cli("new", "-s", "bank", "--repeatable", "A view", "--json").stdout)
    assert data == {"service": "bank", "files": [str(tmp_path / "bank" / "R__A_view.sql")]}
    unclear = cli("new", "Add colour")
    assert (unclear.returncode, "--service shop, bank" in unclear.stderr) == (1, True)
    assert cli("new", "-s", "shop", "a", "--repeatable", "--timestamp").returncode == 2
