"""`-- vuelo: allow RULE REASON`: a finding that somebody has looked at, silenced where it stands."""

from collections.abc import Iterable

from vuelo.check.finding import Finding, Rule, Severity
from vuelo.check.source import Allow, ParsedStatement, SourceFile
from vuelo.errors import Place

WITHOUT_REASON = Rule(
    "allow-without-reason",
    Severity.ERROR,
    "An allow says which rule is silenced and not why, so that nobody can tell later whether it still holds.",
    "Write the reason behind the rule: `-- vuelo: allow RULE REASON`.",
    "-- The orders.\n\n-- vuelo: allow table-without-comment\nCREATE TABLE shop.orders (id bigint);",
    "-- The orders.\n\n-- vuelo: allow table-without-comment It lives for one migration.\n"
    "CREATE TABLE shop.orders (id bigint);",
)
UNUSED = Rule(
    "unused-allow",
    Severity.WARNING,
    "An allow silences nothing: its statement is gone or no longer breaks the rule, or no rule has that code.",
    "Remove it, or put it directly before its statement (or in the file's first comment, for the whole file).",
    "-- The orders.\n\n-- vuelo: allow foreign-key-type Both are counted by hand.\nSELECT 1;",
    "-- The orders.\nSELECT 1;",
)
RULES = (WITHOUT_REASON, UNUSED)


def judged(file: SourceFile, found: Iterable[tuple[Finding, ParsedStatement | None]]) -> list[Finding]:
    """The findings of one file without those that are allowed, and with what is wrong with the allows."""
    used: set[Allow] = set()
    kept: list[Finding] = []
    for finding, statement in {finding: (finding, statement) for finding, statement in found}.values():
        here = [*(statement.allows if statement else ()), *file.allows]
        fitting = [allow for allow in here if allow.rule == finding.rule]
        used.update(fitting)
        if not fitting:
            kept.append(finding)
    allows = {allow for one in file.statements for allow in one.allows} | {*file.allows, *file.stray_allows}
    for allow in sorted(allows, key=lambda one: one.line):
        if not allow.reason:
            kept.append(_finding(file, allow, WITHOUT_REASON, f"no reason is given for allowing {allow.rule or 'it'}"))
        if allow not in used:
            kept.append(_finding(file, allow, UNUSED, f"nothing here breaks {allow.rule or 'a rule without a name'}"))
    return sorted(kept, key=lambda one: (one.place.line, one.place.column) if one.place else (0, 0))


def _finding(file: SourceFile, allow: Allow, rule: Rule, message: str) -> Finding:
    place = Place.of(allow.line, allow.column, allow.source)
    return Finding(rule.code, rule.severity, message, rule.fix, file.service, file.script.path, place)
