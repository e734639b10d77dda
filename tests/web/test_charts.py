"""Charts are pictures without scripts, which show what they are given."""

import sys
import xml.etree.ElementTree as ET

from gasolinera.web.charts import Series, bars, lines

_SVG = "{http://www.w3.org/2000/svg}"


def test_a_chart_is_a_picture_without_scripts_that_follows_light_and_dark() -> None:
    for drawn in (lines(["1", "2"], [Series("A", [1, None])]), bars(["<b>"], [Series("</style>", [3])])):
        root = ET.fromstring(drawn)  # noqa: S314  our own
        assert root.tag == f"{_SVG}svg"
        assert root.findall(f".//{_SVG}script") == []
        assert b"prefers-color-scheme:dark" in drawn.replace(b" ", b"")


def test_each_value_is_drawn_and_a_missing_one_is_a_gap() -> None:
    root = ET.fromstring(lines(["a", "b", "c"], [Series("A", [1, None, 3])]))  # noqa: S314  our own
    assert len([one for one in root.iter(f"{_SVG}circle") if "dot" in one.get("class", "")]) == 2


def test_long_times_get_few_labels() -> None:
    root = ET.fromstring(lines([f"d{n}" for n in range(90)], [Series("A", list(range(90)))]))  # noqa: S314  our own
    shown = [one for one in root.iter(f"{_SVG}text") if (one.text or "").startswith("d")]
    assert 5 <= len(shown) <= 8


def test_the_library_changes_nothing_about_imports() -> None:
    assert [finder for finder in sys.meta_path if not hasattr(finder, "find_spec")] == []
