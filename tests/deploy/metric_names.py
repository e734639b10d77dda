"""Which metrics there are, from the code that exposes them, and which a PromQL expression asks for."""

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import yaml

from gasolinera.cli.operations.check import ALL_RULES
from gasolinera.metrics import REGISTRY
from gasolinera.ops.checking_metrics import AT, FINDINGS, VERDICT, metric_names
from vuelo.watch import alerts as vuelo_alerts

REPOSITORY = Path(__file__).parents[2]
DEPLOY = REPOSITORY / "deploy"
RULE_FILES = sorted((DEPLOY / "prometheus" / "rules").glob("*.yml"))

# What Prometheus itself and node_exporter tell, with their labels, and the labels that Prometheus adds to everything.
FOREIGN: dict[str, set[str]] = {
    "up": set(),
    "ALERTS": {"alertname", "alertstate", "severity"},
    "node_systemd_unit_state": {"name", "state"},
    "node_textfile_mtime_seconds": {"file"},
}
CHECK_LABELS = {
    VERDICT: {"check", "group", "datname"},
    FINDINGS: {"check", "group", "datname"},
    AT: {"look"},
}
ADDED_LABELS = {"job", "instance", "le", "exported_job"}

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
_SELECTOR = re.compile(r"([a-zA-Z_:][\w:]*)\s*\{([^}]*)\}")
_RANGE = re.compile(r"\[[^\]]*\]")
_NAME = re.compile(r"(?<![\w:.$])([a-zA-Z_:][\w:]*)(?![\w:]*\s*\()(?![\w:])")
_WORDS = {"and", "or", "unless", "bool", "offset", "sum", "max", "min", "count", "avg", "topk", "bottomk"}


class AlertRule(msgspec.Struct, frozen=True):
    name: str
    expr: str
    labels: dict[str, str]
    annotations: dict[str, str]
    file: str


def exposed() -> dict[str, set[str]]:
    """The labels of each metric that our own code exposes."""
    import_module("gasolinera.app")  # whatever is measured is declared when the application is imported
    found: dict[str, set[str]] = {}
    collectors: Any = REGISTRY._collector_to_names  # pyright: ignore[reportPrivateUsage]  # the library has no other list
    for collector in collectors:
        labels = set(getattr(collector, "_labelnames", ()))
        for family in collector.describe():
            ends = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}.get(family.type, ("",))
            found |= {family.name + end: labels for end in ends}
    found |= {name: CHECK_LABELS.get(name, {"datname"}) for name in metric_names(ALL_RULES)}
    vuelo_names: list[str] = list(vuelo_alerts._METRICS)  # pyright: ignore[reportPrivateUsage]  # the list of what it writes
    return found | {name: {"service", "schema", "version"} for name in vuelo_names}


def recorded() -> set[str]:
    """What recording rules make."""
    return {rule["record"] for rule in _rules() if "record" in rule}


def alert_rules() -> list[AlertRule]:
    return [
        AlertRule(rule["alert"], rule["expr"], rule["labels"], rule["annotations"], rule["file"])
        for rule in _rules()
        if "alert" in rule
    ]


def expressions() -> list[tuple[str, str]]:
    """Of every rule: its name and its expression."""
    return [(str(rule.get("alert") or rule.get("record")), str(rule["expr"])) for rule in _rules()]


def _rules() -> Iterator[dict[str, Any]]:
    for path in RULE_FILES:
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]:
            for rule in group["rules"]:
                yield {"file": path.name, **rule}


def unknown_in(expression: str) -> list[str]:
    """Metrics and labels of an expression that nothing exposes."""
    labels_of = exposed() | FOREIGN
    made = recorded()
    wrong: list[str] = []
    bare = _GROUPING.sub("", _RANGE.sub("", _STRING.sub("", expression)))
    for name, selectors in _SELECTOR.findall(bare):
        named = {one.strip() for one in re.split(r"[=!~]+|,", selectors) if one.strip()}
        if name in labels_of:
            wrong += [f"{name}{{{label}}}" for label in sorted(named - labels_of[name] - ADDED_LABELS)]
    names = set(_NAME.findall(_SELECTOR.sub(r"\1", bare))) - _WORDS
    names = {name for name in names if not re.fullmatch(r"[0-9]+[smhdwy]|e|inf|Inf|NaN", name)}
    return wrong + sorted(names - labels_of.keys() - made)
