"""deploy/grafana: dashboards that any Grafana takes, about metrics that exist."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.metric_names import DEPLOY, unknown_in

FILES = sorted((DEPLOY / "grafana").glob("*.json"))
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS = 24


def load(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def asked(dashboard: dict[str, Any]) -> Iterator[str]:
    for panel in dashboard["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))


def test_there_are_three_with_names_of_their_own() -> None:
    assert {path.stem for path in FILES} == {"platform", "database", "business"}
    assert len({load(path)["uid"] for path in FILES}) == len({load(path)["title"] for path in FILES}) == len(FILES)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_expression_is_about_metrics_that_are_exposed(path: Path) -> None:
    found = list(asked(load(path)))
    assert len(found) > 10
    assert {expr: unknown_in(expr) for expr in found if unknown_in(expr)} == {}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_nothing_is_bound_to_one_grafana(path: Path) -> None:
    """No number of a database row, and no data source but the one that is chosen above."""
    dashboard = load(path)
    assert "id" not in dashboard
    assert dashboard["schemaVersion"] >= 39
    variables = {one["name"]: one for one in dashboard["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    for panel in dashboard["panels"]:
        assert panel["type"] == "row" or panel["datasource"] == DATASOURCE, panel["title"]
        assert all(target["datasource"] == DATASOURCE for target in panel.get("targets", ()))
    used = json.dumps(dashboard["panels"])
    for name, variable in variables.items():
        assert f"${name}" in used or f"${{{name}}}" in used, name
        if variable["type"] == "query":
            metric, _, label = variable["definition"].removeprefix("label_values(").rstrip(")").partition(", ")
            assert unknown_in(f'{metric}{{{label}=""}}') == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_panels_have_numbers_titles_and_places_of_their_own(path: Path) -> None:
    panels = load(path)["panels"]
    assert sorted(panel["id"] for panel in panels) == list(range(1, len(panels) + 1))
    assert all(panel["title"] for panel in panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert max(x for x, _ in cells) < COLUMNS
        assert not cells & taken, panel["title"]
        taken |= cells
