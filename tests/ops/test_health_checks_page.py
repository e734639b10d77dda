"""The page of the checks says what the rules say."""

import importlib.util
import re
from pathlib import Path

from gasolinera.ops import data_quality
from gasolinera.ops.checking_rules import BY_NAME

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_of_health_checks_is_current_and_has_a_section_for_each() -> None:
    spec = importlib.util.spec_from_file_location("health_checks", DOCS / "health_checks.py")
    assert spec is not None
    assert spec.loader is not None
    writer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(writer)
    text = (DOCS / "how-to" / "health-checks.md").read_text(encoding="utf-8")
    assert text == writer.whole_page(), "stale: run python docs/health_checks.py"
    sections = re.findall(r"^### `([a-z_]+)`: (.+)$", text, re.MULTILINE)
    assert sorted(name for name, _ in sections) == sorted({*BY_NAME, *data_quality.RULES})
    assert all(title for _, title in sections)
