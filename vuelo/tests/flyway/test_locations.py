"""Flyway's locations on a disk."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from vuelo.errors import VueloError
from vuelo.flyway.locations import folders

Write = Callable[[Mapping[str, str]], Path]


def found(base: Path, *locations: str) -> list[str]:
    return [path.relative_to(base).as_posix() for path in folders(list(locations), base)]


def test_the_file_system_is_meant_from_the_file_of_the_project(tmp_path: Path) -> None:
    assert found(tmp_path, "filesystem:sql/a", f"filesystem:{tmp_path}/b") == ["sql/a", "b"]
    assert folders(["filesystem:../other"], tmp_path) == (tmp_path / "../other",)


def test_the_class_path_is_mavens_resources_or_the_project_itself(write: Write) -> None:
    base = write({"src/main/resources/db/migration/V1__a.sql": "", "plain/V1__a.sql": ""})
    assert found(base, "classpath:db/migration", "classpath:/plain", "plain") == [
        "src/main/resources/db/migration",
        "plain",
    ]
    assert found(base, "classpath:nowhere") == ["src/main/resources/nowhere"]


def test_without_locations_it_is_the_folder_sql_or_the_librarys_default(write: Write, tmp_path: Path) -> None:
    assert found(tmp_path) == ["src/main/resources/db/migration"]
    assert found(write({"sql/V1__a.sql": ""})) == ["sql"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("db/*/migration", ["db/[o]ne/migration", "db/one/migration", "db/two/migration"]),
        (
            "db/**/migration",
            ["db/[o]ne/migration", "db/deep/er/migration", "db/migration", "db/one/migration", "db/two/migration"],
        ),
        ("db/t?o/migration", ["db/two/migration"]),
        ("db/?/migration", []),
        ("db/o*", ["db/one"]),
        ("db/[o]ne/*", ["db/[o]ne/migration"]),
        ("db/**", ["db"]),
    ],
)
def test_wildcards_stand_for_folders(write: Write, pattern: str, expected: list[str]) -> None:
    names = ("db", "db/one", "db/two", "db/deep/er", "db/[o]ne")
    base = write({f"{name}/migration/V1__a.sql": "" for name in names} | {"db/omega": "no folder"})
    assert sorted(found(base, f"filesystem:{pattern}")) == sorted(expected)


def test_a_folder_inside_another_location_is_not_read_twice(write: Write) -> None:
    base = write({"sql/more/V1__a.sql": ""})
    assert found(base, "filesystem:sql/more", "filesystem:sql", "filesystem:sql") == ["sql"]


@pytest.mark.parametrize("location", ["s3:bucket/sql", "gcs:bucket/sql"])
def test_a_cloud_is_refused(tmp_path: Path, location: str) -> None:
    with pytest.raises(VueloError, match="filesystem: and classpath:") as caught:
        folders([location], tmp_path)
    assert caught.value.code == "config.location"
