"""What is generated in docs/ is what the generator would write now; what README says is there is there."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", REPOSITORY / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_command_references_are_current(generator: ModuleType) -> None:
    assert len(generator.REFERENCES) == 2
    for path, (name, app) in generator.REFERENCES.items():
        assert path.read_text() == generator.reference(name, app), "stale: run make docs"


def test_the_rules_of_check_are_current(generator: ModuleType) -> None:
    assert generator.RULES_PAGE.read_text(encoding="utf-8") == generator.rules_page(), "stale: run make docs"


def test_the_permissions_page_is_current(generator: ModuleType) -> None:
    assert generator.PERMISSIONS_PAGE.read_text(encoding="utf-8") == generator.permissions_page(), (
        "stale: run make docs"
    )


def test_the_page_of_the_api_is_current(generator: ModuleType) -> None:
    assert generator.API_PAGE.read_text(encoding="utf-8") == generator.api_page(), "stale: run make docs"


@pytest.mark.parametrize(
    "page", sorted(path for path in REPOSITORY.glob("**/*.md") if not {".venv", "node_modules"} & set(path.parts))
)
def test_every_local_link_leads_somewhere(page: Path) -> None:
    prose = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", page.read_text())  # a regular expression may look like a link
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", prose)
    broken = [link for link in links if not (page.parent / link).exists()]
    assert broken == []


def test_the_makes_that_readme_names_exist() -> None:
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", (REPOSITORY / "README.md").read_text(), re.MULTILINE))
    targets = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    assert named <= targets
    assert {"demo", "test"} <= named
