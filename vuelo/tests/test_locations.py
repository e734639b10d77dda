"""Finding scripts on disk and reading them."""

import errno
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from vuelo.errors import VueloError
from vuelo.locations import find_scripts, location_path, opened_lines
from vuelo.placeholders import Placeholders
from vuelo.project import Service

Write = Callable[[Mapping[str, str | bytes]], Path]
NONE = Placeholders({})


def service_at(*locations: Path) -> Service:
    return Service("shop", "", "shop", locations)


def test_scripts_are_found_below_every_location_with_their_path_below_it(write: Write) -> None:
    base = write(
        {"a/V1__x.sql": "", "a/sub/deep/V2__y.SQL": "", "b/R__z.sql": "", "a/notes.txt": "", "c/V9__no.sql": ""}
    )
    found = find_scripts(service_at(base / "a", base / "b"), NONE)
    assert [script.script for script in found.scripts] == ["V1__x.sql", "sub/deep/V2__y.SQL", "R__z.sql"]
    assert found.bad_names == ()


def test_names_that_break_the_rules_are_reported_with_their_path(write: Write) -> None:
    base = write({"V1_x.sql": "", "V1__x.sql": "", "sub/notes.sql": ""})
    found = find_scripts(service_at(base), NONE)
    assert [bad.path for bad in found.bad_names] == [base / "V1_x.sql", base / "sub" / "notes.sql"]
    assert all(bad.reason for bad in found.bad_names)


def test_a_folder_is_no_script_whatever_its_name(write: Write) -> None:
    found = find_scripts(service_at(write({"V1__old.sql/V2__x.sql": ""})), NONE)
    assert [script.script for script in found.scripts] == ["V1__old.sql/V2__x.sql"]
    assert found.bad_names == ()


def test_a_location_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VueloError) as caught:
        find_scripts(service_at(tmp_path / "nowhere"), NONE)
    assert caught.value.code == "location.missing"
    assert str(tmp_path / "nowhere") in caught.value.message


def test_a_folder_that_cannot_be_read_is_not_passed_over(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    base = write({"V1__x.sql": "", "sub/V2__y.sql": ""})
    real = os.scandir

    def scandir(path: str) -> Any:
        if Path(path).name == "sub":  # whoever runs tests may be root, who can read everything
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(VueloError, match=f"{base}/sub cannot be read: Permission denied") as caught:
        find_scripts(service_at(base), NONE)
    assert caught.value.code == "location.unreadable"


def test_a_folder_s_link_is_not_followed(write: Write) -> None:
    base = write({"V1__x.sql": "", "elsewhere/V2__y.sql": ""})
    (base / "m").mkdir()
    (base / "m" / "link.sql").symlink_to(base / "elsewhere")
    assert find_scripts(service_at(base / "m"), NONE).scripts == ()


def test_an_empty_location_is_fine(tmp_path: Path) -> None:
    assert find_scripts(service_at(tmp_path), NONE).scripts == ()


def test_a_script_that_points_nowhere_is_an_error_of_the_user_s(tmp_path: Path) -> None:
    (tmp_path / "V1__x.sql").symlink_to(tmp_path / "nowhere")
    with pytest.raises(VueloError, match=r"V1__x\.sql") as caught:
        find_scripts(service_at(tmp_path), NONE)
    assert caught.value.code == "script.unreadable"


def test_versioned_scripts_are_summed_raw_repeatables_replaced_and_raw(write: Write) -> None:
    """Goldens of the real Flyway; see its facts: R__my_view.sql in schema auth."""
    text = "create or replace view v as select 1 as a, '${flyway:defaultSchema}' as s, '${flyway:filename}' as f;"
    base = write({"V1__x.sql": "CREATE TABLE t (id int);\n", "R__my_view.sql": text, "V2__y.sql": text})
    found = find_scripts(service_at(base), Placeholders({"flyway:defaultSchema": "auth"}))
    by_name = {script.script: script for script in found.scripts}
    assert by_name["V1__x.sql"].checksum == 92137680
    assert by_name["R__my_view.sql"].checksum == 492147042
    assert by_name["R__my_view.sql"].raw_checksum == by_name["V2__y.sql"].checksum != 492147042


def test_a_text_that_is_not_utf_8_is_refused_with_its_path(write: Write) -> None:
    base = write({"V1__x.sql": b"SELECT 'ma\xf1ana';"})
    with pytest.raises(VueloError, match=r"V1__x.sql is not UTF-8") as caught:
        find_scripts(service_at(base), NONE)
    assert caught.value.code == "script.encoding"


def test_lines_end_where_java_ends_them(write: Write) -> None:
    path = write({"x.sql": "a\nb\r\nc\rd\x0be\u2028f\x85g"}) / "x.sql"
    with opened_lines(path) as lines:
        assert list(lines) == ["a\n", "b\r\n", "c\r", "d\x0be\u2028f\x85g"]


def test_a_location_is_relative_to_the_project_absolute_or_inside_a_package(tmp_path: Path) -> None:
    assert location_path("db/x", tmp_path) == tmp_path / "db" / "x"
    assert location_path("filesystem:db/x", tmp_path) == tmp_path / "db" / "x"
    assert location_path("/db/x", tmp_path) == Path("/db/x")
    import vuelo.cli  # noqa: PLC0415  # only to know where it is

    assert location_path("package:vuelo.cli/sql", tmp_path) == Path(str(vuelo.cli.__file__)).parent / "sql"


@pytest.mark.parametrize("location", ["package:no_such_package/x", "package:no.such.package/x", "package:/x"])
def test_a_package_that_does_not_exist_is_refused(location: str, tmp_path: Path) -> None:
    with pytest.raises(VueloError) as caught:
        location_path(location, tmp_path)
    assert caught.value.code == "location.no_package"
