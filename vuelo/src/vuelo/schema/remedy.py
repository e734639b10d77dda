"""The SQL that would make one schema what another is: a proposal to read, since data may stand in its way. Pure."""

import re
from collections.abc import Mapping, Sequence

from vuelo.schema.definitions import Definition
from vuelo.schema.dump import added_later, statements
from vuelo.schema.snapshot import Difference
from vuelo.schema.surplus import drops, own_name, renames

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
_REPLACED_IN_PLACE = ("function", "procedure")
_BEFORE_COLUMNS = ("collation", "domain", "type", "sequence")
_IDENTITY = re.compile(r" GENERATED (ALWAYS|BY DEFAULT) AS IDENTITY(?: \(.*\))?")
_TYPE = re.compile(r"^type (.*)$", re.MULTILINE)
_CHECK = re.compile(r"(.+?) (CHECK \(.*)")
_VALUES = re.compile(r"(.+) start (\S+) increment (\S+) min (\S+) max (\S+) cache (\S+)( cycle)?")


def remedy(wanted: Sequence[Definition], found: Sequence[Definition], differing: Sequence[Difference]) -> list[str]:
    """Statements from `found` to `wanted`; remarks where there is none, and of those that lose data.

    `differing` tells of the rights, of types, and of what a definition leaves to another's.
    """
    want = {one.object: one for one in wanted}
    have = {one.object: one for one in found}
    told = {one.object: one for one in differing}
    owner = next((one.owner for one in wanted if one.kind == "schema"), None)
    surplus = [one for name, one in have.items() if name not in want and one.part_of not in have.keys() - want.keys()]
    lacking = [one for name, one in want.items() if name not in have]
    joining = [one for one in lacking if _joins_a_table(one, have)]
    whole = [one for one in lacking if not _joins_a_table(one, have)]
    dropped, remarks = drops(surplus, have)
    lines = [*renames(surplus, lacking, have, want), *dropped]
    lines += statements([one for one in whole if one.kind in _BEFORE_COLUMNS], owner)
    lines += [line for one in sorted(joining, key=lambda one: one.kind != "column") for line in _added(one)]
    lines += statements([one for one in whole if one.kind not in _BEFORE_COLUMNS], owner)
    for name in sorted(want.keys() & have.keys()):
        lines += _changed(want[name], have[name], told)
    lines += [_sequence(one) for one in differing if one.object.endswith(" values") and one.before and one.after]
    targets = {one.object: one.target for one in (*found, *wanted) if one.target}
    return [line for line in [*lines, *_rights(differing, targets, want.keys() & have.keys()), *remarks] if line]


def _remark(text: str) -> str:
    return "\n".join(f"-- {line}" for line in text.splitlines())


def _sequence(difference: Difference) -> str:
    matched = _VALUES.fullmatch(difference.before or "")
    if matched is None:
        return ""
    kind, start, step, least, most, cache, cycle = matched.groups()
    name = difference.object.removeprefix("sequence ").removesuffix(" values")
    return (
        f"ALTER SEQUENCE {name} AS {kind} INCREMENT BY {step} MINVALUE {least} MAXVALUE {most} "
        f"START WITH {start} CACHE {cache} {'CYCLE' if cycle else 'NO CYCLE'};"
    )


def _joins_a_table(one: Definition, have: Mapping[str, Definition]) -> bool:
    return one.kind in ("column", "constraint", "identity") and one.part_of in have


def _added(one: Definition) -> list[str]:
    if not one.text:
        return []
    line = f"ALTER TABLE {one.table} ADD COLUMN {one.line()};" if one.kind == "column" else added_later(one)
    return [line, *one.trailing(one.owner)]


def _changed(want: Definition, have: Definition, told: Mapping[str, Difference]) -> list[str]:
    lines: list[str] = []
    if want.text != have.text:
        lines += _rewritten(want, have, told)
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
    return _remark(f"the files do not say: {line}")


def _rewritten(want: Definition, have: Definition, told: Mapping[str, Difference]) -> list[str]:
    text = f"{want.text.rstrip(';')};"
    lines: list[str] = []
    if want.kind == "view" and not _has_other_columns(want, told):
        lines = [text.replace("CREATE VIEW", "CREATE OR REPLACE VIEW", 1)]
    elif want.kind == "view":
        lines = [f"DROP {want.target};", text, *want.trailing(None)]
    elif want.kind in _REPLACED_IN_PLACE:
        lines = [text]
    elif want.kind == "column":
        return _column_changes(want, have, told.get(want.object))
    elif want.kind in ("constraint", "late constraint", "foreign key"):
        new = added_later(want) if want.kind == "constraint" else text
        lines = [f"ALTER TABLE {want.table} DROP CONSTRAINT {own_name(want)};", new]
    elif want.kind in ("index", "trigger", "policy", "rule", "statistics", "materialized view"):
        lines = [f"DROP {want.target};", text]
    elif want.kind == "sequence":
        return []  # its values are among the differences
    elif want.kind == "domain" and want.object in told:
        lines = _domain_changes(want, told[want.object])
    return lines or [_remark(f"{want.object}: no statement changes this in place; it should be: {want.text}")]


def _has_other_columns(view: Definition, told: Mapping[str, Difference]) -> bool:
    """Than the wanted ones, or others in the same place: CREATE OR REPLACE can only add columns behind them."""
    return any(one.after is not None for name, one in told.items() if name.startswith(f"column {view.name}."))


def _domain_changes(want: Definition, difference: Difference) -> list[str]:
    """Of its constraints; nothing when more than those differ."""
    wanted, had = (difference.before or "").splitlines(), (difference.after or "").splitlines()
    gone = [_CHECK.fullmatch(line) for line in had if line not in wanted]
    new = [_CHECK.fullmatch(line) for line in wanted if line not in had]
    if None in (*gone, *new):
        return []
    start = f"ALTER DOMAIN {want.name}"
    lines = [f'{start} DROP CONSTRAINT "{one[1]}";' for one in gone if one]
    return lines + [f'{start} ADD CONSTRAINT "{one[1]}" {one[2]};' for one in new if one]


def _column_changes(want: Definition, have: Definition, difference: Difference | None) -> list[str]:
    start = f"ALTER TABLE {want.table} ALTER COLUMN {own_name(want)}"
    wanted, had = want.line(with_default=False), have.line(with_default=False)
    is_null, was_null = not wanted.endswith(" NOT NULL"), not had.endswith(" NOT NULL")
    wanted, had = wanted.removesuffix(" NOT NULL"), had.removesuffix(" NOT NULL")
    identity, was_identity = _IDENTITY.search(wanted), _IDENTITY.search(had)
    wanted, had = _IDENTITY.sub("", wanted), _IDENTITY.sub("", had)
    lines: list[str] = []
    if was_identity and not identity:
        lines.append(f"{start} DROP IDENTITY;")
    if wanted != had:
        if "GENERATED" in wanted + had:
            lines.append(_remark(f"{want.object}: no statement changes this in place; it should be: {want.line()}"))
        else:
            of_type = _TYPE.search(difference.before or "") if difference else None
            using = f" USING {own_name(want)}::{of_type[1]}" if of_type else ""
            lines.append(f"{start} TYPE {wanted.removeprefix(own_name(want)).strip()}{using};")
    if want.default != have.default:
        lines.append(f"{start} SET {want.default};" if want.default else f"{start} DROP DEFAULT;")
    if is_null != was_null:
        lines.append(f"{start} {'DROP' if is_null else 'SET'} NOT NULL;")
    if identity and not was_identity:
        lines.append(f"{start} ADD {identity[0].strip()};")
    elif identity and was_identity and identity[1] != was_identity[1]:
        lines.append(f"{start} SET GENERATED {identity[1]};")
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
