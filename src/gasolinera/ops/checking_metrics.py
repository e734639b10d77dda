"""Results of checks in the text format of Prometheus, for a collector that reads files.

Of every check `gasolinera_check_verdict` (0 good, 1 advice, 2 warning, 3 critical, NaN skipped), of those that could
be answered the number of findings, and the worst amount under the rule's own name, in base units: ratios, not percent.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from gasolinera.ops.checking import CheckResult, Rule, Unit, Verdict
from gasolinera.ops.checking_words import meaning

VERDICT: Final = "gasolinera_check_verdict"
FINDINGS: Final = "gasolinera_check_findings"
AT: Final = "gasolinera_check_timestamp_seconds"
NUMBERS: Final = {Verdict.GOOD: 0, Verdict.ADVICE: 1, Verdict.WARNING: 2, Verdict.CRITICAL: 3}


def metrics_text(results: Sequence[CheckResult], rules: Mapping[str, Rule], at: datetime) -> str:
    """`rules` by name are those of the results; `at`: when they were found."""
    registry = CollectorRegistry()
    registry.register(_Found(_families(results, rules, at)))
    return generate_latest(registry).decode()


def metric_names(rules: Mapping[str, Rule]) -> list[str]:
    """Every name that `metrics_text` may use."""
    return [AT, FINDINGS, VERDICT, *sorted({rule.metric for rule in rules.values()})]


class _Found(Collector):
    """What the library wants to be asked."""

    def __init__(self, families: list[GaugeMetricFamily]) -> None:
        self._families = families

    def collect(self) -> list[GaugeMetricFamily]:
        return self._families


def _families(results: Sequence[CheckResult], rules: Mapping[str, Rule], at: datetime) -> list[GaugeMetricFamily]:
    moment = GaugeMetricFamily(AT, "When the checks were made.", value=at.timestamp())
    labels = ["check", "group", "datname"]
    verdict = GaugeMetricFamily(VERDICT, "0 good, 1 advice, 2 warning, 3 critical, NaN skipped.", labels=labels)
    findings = GaugeMetricFamily(FINDINGS, "Objects that are not good.", labels=labels)
    worst: dict[str, GaugeMetricFamily] = {}
    for one in sorted(results, key=lambda result: (result.name, result.place)):
        values = [one.name, one.group, one.place]
        verdict.add_metric(values, NUMBERS.get(one.verdict, float("nan")))
        if one.verdict is not Verdict.SKIPPED:
            findings.add_metric(values, one.count)
        rule = rules[one.name]
        # Without a single object nothing is bad: none are held up, say. Where small amounts are bad, nothing is told.
        amount = 0.0 if one.worst is None and not rule.falls else one.worst
        if amount is not None and one.verdict is not Verdict.SKIPPED:
            said = meaning(one.name, "en")
            family = worst.setdefault(rule.metric, GaugeMetricFamily(rule.metric, said, labels=["datname"]))
            family.add_metric([one.place], amount / 100 if one.unit is Unit.PERCENT else amount)
    return [moment, verdict, findings, *worst.values()]
