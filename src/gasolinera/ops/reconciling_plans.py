"""What people have to do after a reconciliation, in numbered steps."""

from itertools import groupby

from gasolinera.ops.reconciling_models import Finding, Reconciliation, Remedy


def write_plan(done: Reconciliation) -> str:
    """Markdown, the same for the same findings. Names persons by their public ids: keep it as such."""
    lines = ["# What the services say differently", ""]
    for said in (said for one in done.compared for said in one.likely):
        lines += [f"- Probably: {said}."]
    unmade = [one for one in done.compared if one.reason is not None]
    lines += [f"- Not compared: {one.name} of {one.left} and {one.right} ({one.reason})." for one in unmade]
    left_out = sum(one.left_out for one in done.compared)
    if left_out:
        lines += [f"- {left_out} more of the same are not listed: put these right first, then compare again."]
    own = [one for one in done.open_findings if one.steps]
    for number, (kind, findings) in enumerate(groupby(sorted(own, key=_order), key=lambda one: one.kind), start=1):
        lines += ["", f"## {number}. {kind.replace('_', ' ')}"]
        for finding in findings:
            lines += ["", f"{finding.explanation} Since {finding.since:%Y-%m-%d %H:%M:%S%z}.", ""]
            lines += [f"{place}. {step}." for place, step in enumerate(finding.steps, start=1)]
    waiting = sum(one.remedy is Remedy.WAIT for one in done.findings)
    by_event = [one for one in done.findings if one.remedy is Remedy.EVENT]
    sent = sum(one.delivered_at is not None for one in by_event)
    lines += ["", "## Events", ""]
    lines += [f"- {waiting} differences settle when a worker has run."] if waiting else []
    if len(by_event) > sent:
        lines += [f"- {len(by_event) - sent} are repaired by events: `gasolinera ops reconcile --repair`."]
    if sent:
        lines += [f"- {sent} were told again: compare once more when the workers have had the events."]
    if not waiting and not by_event:
        lines += ["- None."]
    return "\n".join(lines) + "\n"


def _order(finding: Finding) -> tuple[str, str]:
    return finding.kind, finding.subject
