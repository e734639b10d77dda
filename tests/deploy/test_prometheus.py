"""deploy/prometheus: rules that promtool takes, that fire and keep quiet when they should, about metrics that exist."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from gasolinera.ops.checking import Against
from gasolinera.ops.checking_rules import RULES
from tests.deploy.metric_names import (
    DEPLOY,
    REPOSITORY,
    RULE_FILES,
    AlertRule,
    alert_rules,
    expressions,
    unknown_in,
)

PROMETHEUS = DEPLOY / "prometheus"
TESTS = sorted((PROMETHEUS / "tests").glob("*.yml"))
ALERTS = alert_rules()


@pytest.fixture(scope="module")
def promtool() -> str:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("there is no promtool")
    return program


def run(promtool: str, *words: str | Path) -> None:
    done = subprocess.run([promtool, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_takes_every_rule(promtool: str) -> None:
    assert len(ALERTS) > 30
    run(promtool, "check", "rules", *RULE_FILES)


def test_promtool_takes_the_configuration(promtool: str) -> None:
    run(promtool, "check", "config", "--syntax-only", PROMETHEUS / "prometheus.yml")


def test_alerts_fire_and_keep_quiet_as_their_tests_say(promtool: str) -> None:
    run(promtool, "test", "rules", *TESTS)


def test_every_alert_is_seen_to_fire_and_to_keep_quiet() -> None:
    """By promtool's tests: each has a moment with and one without."""
    seen: dict[bool, set[str]] = {True: set(), False: set()}
    for path in TESTS:
        for test in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]:
            for one in test["promql_expr_test"]:
                named = re.findall(r'alertname="(\w+)"', one["expr"])
                seen[bool(one["exp_samples"])].update(named)
    names = {alert.name for alert in ALERTS}
    assert seen[True] == names
    assert seen[False] == names


@pytest.mark.parametrize(("name", "expression"), expressions())
def test_rules_ask_for_metrics_and_labels_that_are_exposed(name: str, expression: str) -> None:
    assert unknown_in(expression) == [], name


def test_a_wrong_metric_or_label_would_be_noticed() -> None:
    assert unknown_in("sum(rate(http_request_duration_seconds_count[5m])) > 3 * 1e9") == []
    assert unknown_in('db_pool_waitng{service="x"} > 0') == ["db_pool_waitng"]
    assert unknown_in('max by (service) (db_pool_waiting{pool="x"})') == ["db_pool_waiting{pool}"]


def test_what_one_look_alone_sees_has_an_alert_that_does_not_wait() -> None:
    (saw,) = [alert for alert in ALERTS if alert.name == "GasolineraCheckSaw"]
    told = set(re.findall(r'check=~"([a-z_|]+)"', saw.expr)[0].split("|"))
    momentary = {Against.GONE, Against.CHANGED, Against.MORE}
    wakes = [rule for rule in RULES if rule.warning is not None or rule.critical is not None]
    assert {rule.name for rule in wakes if rule.against in momentary} <= told <= {rule.name for rule in wakes}


def test_names_of_alerts_are_unique() -> None:
    assert len({alert.name for alert in ALERTS}) == len(ALERTS)


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: str(alert.name))
def test_an_alert_says_how_bad_it_is_what_it_means_and_where_to_read_on(alert: AlertRule) -> None:
    assert alert.labels["severity"] in ("page", "ticket")
    assert len(alert.annotations["summary"]) > 10
    assert len(alert.annotations["description"]) > 30
    page, _, anchor = alert.annotations["runbook"].partition("#")
    assert anchor in anchors_of(REPOSITORY / page)


def anchors_of(page: Path) -> set[str]:
    headings: list[Any] = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^a-z0-9_ -]", "", heading.lower()).replace(" ", "-") for heading in headings}
