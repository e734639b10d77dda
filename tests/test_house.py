"""The rules of the house that no linter knows: sizes, names, one migration's undo, no unfinished work."""

import ast
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
SOURCES = sorted(
    path
    for folder in ("src", "vuelo/src", "tests", "vuelo/tests", "bench", "docs")
    for path in (REPOSITORY / folder).rglob("*.py")
)
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "base", "manager"}
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|NotImplementedError")


def test_there_are_sources_to_look_at() -> None:
    assert len(SOURCES) > 40


def test_no_python_file_is_longer_than_400_lines() -> None:
    long = {str(path): lines for path in SOURCES if (lines := len(path.read_text().splitlines())) > 400}
    assert long == {}


def test_no_function_is_longer_than_70_lines() -> None:
    long = [
        f"{path}:{node.lineno} {node.name}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (node.end_lineno or 0) - node.lineno >= 70
    ]
    assert long == []


def test_no_module_is_a_drawer_for_strangers() -> None:
    assert [str(path) for path in SOURCES if path.stem in FORBIDDEN_NAMES or path.parent.name in FORBIDDEN_NAMES] == []


def test_nothing_is_marked_as_unfinished() -> None:
    own = Path(__file__)
    assert [str(path) for path in SOURCES if path != own and UNFINISHED.search(path.read_text())] == []


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_lock_files_have_hashes_and_name_no_index(lock: str) -> None:
    text = (REPOSITORY / lock).read_text()
    requirements = re.findall(r"^[a-z0-9][^\n]*?==", text, re.MULTILINE)
    assert len(requirements) > 20
    assert text.count("--hash=sha256:") >= len(requirements)
    assert "://" not in text
    assert "--index-url" not in text
