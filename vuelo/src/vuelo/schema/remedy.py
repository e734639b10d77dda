"""The SQL that would make one schema what another is: a proposal to read, since data may stand in its way. Pure."""

import re
from collections.abc import Mapping, Sequence

from vuelo.schema.definitions import Definition
from vuelo.schema.dump import added_later, statements
from vuelo.schema.snapshot import Difference

_GRANT = re.compile(r"grant on (.+) to (.+)")
_OPPOSITES = (
    (re.compile(r" (?:DISABLE|ENABLE REPLICA|ENABLE ALWAYS) (TRIGGER|RULE) "), r" ENABLE \1 "),
    (re.compile(r" SET STATISTICS \d+;"), " SET STATISTICS -1;"),
    (re.compile(r" ENABLE ROW LEVEL SECURITY;"), " DISABLE ROW LEVEL SECURITY;"),
    (re.compile(r" FORCE ROW LEVEL SECURITY;"), " NO FORCE ROW LEVEL SECURITY;"),
    (re.compile(r" REPLICA IDENTITY .*;"), " REPLICA IDENTITY DEFAULT;"),
    (re.compile(r" CLUSTER ON .*;"), " SET WITHOUT CLUSTER;"),
    (re.compile(r" SET UNLOGGED;"), " SET LOGGED;"),
)
_ON_TABLE = ("trigger", "policy", "rule")
_DROPPED_FIRST = (*_ON_TABLE, "foreign key", "constraint", "late constraint", "view", "materialized view")
_REPLACED_IN_PLACE = ("function", "procedure", "view")
_NOT_DROPPED = ("identity", "ownership", "future", "schema")


def remedy(wanted: Sequence[Definition], found: Sequence[Definition], differing: Sequence[Difference]) -> list[str]:
    """Statements, and remarks where there is none; from `found` to `wanted`. `differing` tells of the rights."""
    want = {one.object: one for one in wanted}
    have = {one.object: one for one in found}
    owner = next((one.owner for one in wanted if one.kind == "schema"), None)
    surplus = [one for name, one in have.items() if name not in want and one.part_of not in have.keys() - want.keys()]
    lines = [_dropped(one) for one in sorted(surplus, key=lambda one: (one.kind not in _DROPPED_FIRST, one.object))]
    lacking = [one for name, one in want.items() if name not in have]
    lines += [line for one in lacking if _joins_a_table(one, have) for line in _added(one)]
    whole = [one for one in lacking if not _joins_a_table(one, have)]
    lines += [paragraph for paragraph in statements(whole, owner) if paragraph]
    for name in sorted(want.keys() & have.keys()):
        lines += _changed(want[name], have[name])
    targets = {one.object: one.target for one in (*found, *wanted) if one.target}
    return [line for line in [*lines, *_rights(differing, targets, want.keys() & have.keys())] if line]


def _joins_a_table(one: Definition, have: Mapping[str, Definition]) -> bool:
    return one.kind in ("column", "constraint", "identity") and one.part_of in have


def _added(one: Definition) -> list[str]:
    if not one.text:
        return []
    line = f"ALTER TABLE {one.table} ADD COLUMN {one.line()};" if one.kind == "column" else added_later(one)
    return [line, *one.trailing(one.owner)]


def _dropped(one: Definition) -> str:
    if one.kind in _NOT_DROPPED or not (one.text or one.kind in ("table", "foreign table", "type")):
        return ""
    if one.kind == "column":
        return f"ALTER TABLE {one.table} DROP COLUMN {_own_name(one)};"
    if one.kind in ("constraint", "late constraint", "foreign key"):
        return f"ALTER TABLE {one.table} DROP CONSTRAINT {_own_name(one)};"
    return f"DROP {one.target};"


def _own_name(one: Definition) -> str:
    return one.object.split(" ", 1)[1].removeprefix(f"{one.table}.")


def _changed(want: Definition, have: Definition) -> list[str]:
    lines: list[str] = []
    if want.text != have.text:
        lines += _rewritten(want, have)
    wanted, had = want.further.splitlines(), have.further.splitlines()
    lines += [_reversed(line) for line in had if line not in wanted]
    lines += [line for line in wanted if line not in had]
    if want.owner != have.owner and want.kind != "schema":
        lines.append(f"ALTER {want.target} OWNER TO {want.owner};")
    if want.comment != have.comment:
        comment = next((line for line in want.trailing(want.owner) if line.startswith("COMMENT ON")), None)
        lines.append(comment or f"COMMENT ON {want.target} IS NULL;")
    return lines


def _reversed(line: str) -> str:
    """A setting taken back; a remark where that takes more than its own statement."""
    for pattern, opposite in _OPPOSITES:
        if pattern.search(line):
            return pattern.sub(opposite, line)
    return f"-- the files do not say: {line}"


def _rewritten(want: Definition, have: Definition) -> list[str]:
    if want.kind in _REPLACED_IN_PLACE:
        return [want.text.rstrip(";").replace("CREATE VIEW", "CREATE OR REPLACE VIEW", 1) + ";"]
    if want.kind == "column":
        return _column_changes(want, have)
    if want.kind in ("constraint", "late constraint", "foreign key"):
        new = added_later(want) if want.kind == "constraint" else f"{want.text};"
        return [f"ALTER TABLE {want.table} DROP CONSTRAINT {_own_name(want)};", new]
    if want.kind in ("index", "trigger", "policy", "rule", "statistics", "materialized view"):
        return [f"DROP {want.target};", f"{want.text.rstrip(';')};"]
    return [f"-- {want.object}: no statement changes this in place; it should be: {want.text}"]


def _column_changes(want: Definition, have: Definition) -> list[str]:
    start = f"ALTER TABLE {want.table} ALTER COLUMN {_own_name(want)}"
    wanted, had = want.line(with_default=False), have.line(with_default=False)
    lines: list[str] = []
    is_null, was_null = not wanted.endswith(" NOT NULL"), not had.endswith(" NOT NULL")
    wanted, had = wanted.removesuffix(" NOT NULL"), had.removesuffix(" NOT NULL")
    if wanted != had:
        if "GENERATED" in wanted + had:
            lines.append(f"-- {want.object}: no statement changes this in place; it should be: {want.line()}")
        else:
            lines.append(f"{start} TYPE {wanted.removeprefix(_own_name(want)).strip()};")
    if want.default != have.default:
        lines.append(f"{start} SET {want.default};" if want.default else f"{start} DROP DEFAULT;")
    if is_null != was_null:
        lines.append(f"{start} {'DROP' if is_null else 'SET'} NOT NULL;")
    return lines


def _rights(differing: Sequence[Difference], targets: Mapping[str, str | None], in_both: "set[str]") -> list[str]:
    """Of objects that both have; `before` of a difference is what should be."""
    lines: list[str] = []
    for difference in differing:
        matched = _GRANT.fullmatch(difference.object)
        if matched is None or matched[1] not in in_both:
            continue
        target, grantee = targets.get(matched[1]) or "", "PUBLIC" if matched[2] == "public" else f'"{matched[2]}"'
        column = ""
        if target.startswith("COLUMN "):
            table, _, name = target.removeprefix("COLUMN ").rpartition(".")
            target, column = f"TABLE {table}", f" ({name})"
        target = re.sub(r"^(?:MATERIALIZED VIEW|FOREIGN TABLE|VIEW)", "TABLE", target)
        lines.append(f"REVOKE ALL{column} ON {target} FROM {grantee};")
        for privilege in (difference.before or "").split(", ") if difference.before else ():
            name, option, _ = privilege.partition(" with grant option")
            suffix = " WITH GRANT OPTION" if option else ""
            lines.append(f"GRANT {name}{column} ON {target} TO {grantee}{suffix};")
    return lines
