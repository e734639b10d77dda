"""What the wheel holds, and what the engine may know of."""

import ast
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import vuelo

PACKAGE = Path(str(vuelo.__file__)).parent
DISTRIBUTION = Path(__file__).parents[1]


def imported(path: Path) -> set[str]:
    """The top-level packages that a file imports anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names


def test_the_engine_imports_nothing_but_its_declared_dependencies() -> None:
    allowed = sys.stdlib_module_names | {"vuelo", "psycopg", "rich", "typer"}
    files = sorted(PACKAGE.rglob("*.py"))
    assert len(files) > 15
    strangers = {path.relative_to(PACKAGE).as_posix(): imported(path) - allowed for path in files}
    beyond = {path: names for path, names in strangers.items() if names}
    assert {name for name in beyond if not name.startswith("check/")} == {"pytest_plugin.py", "schema/views.py"}
    assert beyond.pop("pytest_plugin.py") == {"pytest"}
    assert set[str]().union(*beyond.values()) == {"postgast", "google"}  # protobuf


def test_the_commands_that_need_no_extra_import_none() -> None:
    code = "import sys, vuelo.cli.app, vuelo.run, vuelo.schema.snapshot; print({'postgast', 'google'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_every_public_name_is_there_and_no_other() -> None:
    assert [name for name in vuelo.__all__ if not hasattr(vuelo, name)] == []
    assert not hasattr(vuelo, "nothing_of_that_name")


def test_the_engine_does_not_speak_of_petrol_stations() -> None:
    for path in PACKAGE.rglob("*.*"):
        if path.suffix in (".py", ".sql"):
            assert "gasolinera" not in path.read_text(encoding="utf-8").lower(), path


def test_the_wheel_of_the_engine_alone_is_complete(tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(DISTRIBUTION, source, ignore=shutil.ignore_patterns("tests", "__pycache__", "dist"))
    build = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", build, tmp_path], cwd=source, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(tmp_path / done.stdout.split()[-1]) as wheel:
        names = set(wheel.namelist())
        [metadata] = [wheel.read(name).decode() for name in names if name.endswith("METADATA")]
        [scripts] = [wheel.read(name).decode() for name in names if name.endswith("entry_points.txt")]
    expected = {f"vuelo/{path.relative_to(PACKAGE).as_posix()}" for path in PACKAGE.rglob("*")
                if path.is_file() and "__pycache__" not in path.parts}  # fmt: skip
    assert {"vuelo/schema/snapshot.sql", "vuelo/py.typed"} <= expected
    assert {name for name in names if name.startswith("vuelo/")} == expected
    assert {name.split("/")[0] for name in names} == {
        "vuelo",
        f"vuelo-{metadata.split('Version: ')[2].split()[0]}.dist-info",
    }
    assert "Provides-Extra: embedded" in metadata
    assert "vuelo = vuelo.cli.main:main" in scripts
