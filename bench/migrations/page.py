"""The numbers as a page of the documentation."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.migrations.measure import NotRunError, Spread
from bench.migrations.scenarios import COPY_MB, FILES, MANY, SMALL, Copied, Large, SixServices, Tool
from bench.migrations.server import Server

Outcome = Spread | NotRunError
Peers = dict[str, Outcome]
Row = tuple[str, str, str, str, str]

_HEAD = """# Migration benchmarks

`make bench-migrations` measures these again and writes this page. All numbers of a page come from one run on one
server with PostgreSQL's own defaults, reached by TCP on the same machine. Rounds of different tools alternate.
Seconds are `median (fastest-slowest)`.

"""


@dataclass(frozen=True)
class Measured:
    """Everything that one run has found out, or why it has not."""

    rounds: int
    tools: list[Tool]
    six: SixServices | NotRunError
    small: Peers
    idle: Peers
    large: Large | NotRunError
    check: Outcome
    copied: Copied | NotRunError


def render(server: Server, found: Measured) -> str:
    targets = [
        *_six_rows(found.six),
        *_peer_rows(found.small, found.idle),
        *_large_rows(found.large),
        _check_row(found.check),
        _copy_row(found.copied),
    ]
    return "\n".join(
        [
            f"{_HEAD}- Date: {datetime.now(UTC):%Y-%m-%d}; {found.rounds} rounds, twice as many of the six services",
            f"- Machine: {_machine()}",
            f"- PostgreSQL {server.version}",
            "",
            "## What was promised, and what is",
            "",
            "| measure | promised | measured | beside it | kept |",
            "| --- | --- | --- | --- | --- |",
            *(f"| {' | '.join(row)} |" for row in targets),
            "",
            "## Beside other tools",
            "",
            f"Whole processes, from the command line to its end. {SMALL} small migrations make a table, an index and a",
            f"comment each, from nothing. Nothing to do: {MANY:,} migrations are applied already.",
            "",
            f"| tool | version | {SMALL} small migrations, s | nothing to do, s |",
            "| --- | --- | --- | --- |",
            *_tool_rows(found.tools, found.small, found.idle),
            "",
            "## How it is measured",
            "",
            "- Six services: every file of the platform in its environment `test`. psql runs the same files as one",
            "  script, placeholders replaced, `BEGIN` and `COMMIT` round each, as the same roles. vuelo's clock runs",
            "  from before the first connection to the end; psql's is the whole process.",
            "- Tools in Python have a virtual environment each, vuelo too but for the six services and `check`.",
            "- Each tool gets the same SQL in its own form: Alembic in `op.execute`, Flyway as its open-source engine",
            "  with a main method that calls migrate, on a JVM with the quick compiler and the serial collector.",
            "- A tool that could not be installed, or did not apply every migration, is named with the reason.",
            "",
        ]
    )


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GiB"


def _kept(is_kept: bool) -> str:
    return "yes" if is_kept else "**no**"


def _missing(measure: str, promised: str, reason: NotRunError) -> Row:
    return (measure, promised, f"not run: {reason}", "", "")


def _six_rows(six: SixServices | NotRunError) -> list[Row]:
    one, parallel = "six services from empty, one connection", "the same, in parallel"
    if isinstance(six, NotRunError):
        return [_missing(one, "<= 1.1 x psql", six), _missing(parallel, "<= 0.75 x psql", six)]
    ratio, parallel_ratio = (spent.median / six.psql.median for spent in (six.one, six.parallel))
    return [
        (
            f"{one} ({six.migrations} migrations), connect to done",
            "<= 1.1 x psql",
            f"{ratio:.2f} x: {six.one} s",
            f"psql {six.psql} s; with the start of Python {six.one_process} s",
            _kept(ratio <= 1.1),
        ),
        (
            parallel,
            "<= 0.75 x psql",
            f"{parallel_ratio:.2f} x: {six.parallel} s",
            f"the whole command {six.command} s",
            _kept(parallel_ratio <= 0.75),
        ),
    ]


def _peer_rows(small: Peers, idle: Peers) -> list[Row]:
    return [
        _against(idle, f"`migrate` with nothing to do, {MANY:,} applied files", limit_s=0.5, spared="dbmate"),
        _against(small, f"{SMALL} small migrations from nothing", limit_s=None, spared=None),
    ]


def _against(outcomes: Peers, measure: str, *, limit_s: float | None, spared: str | None) -> Row:
    """vuelo's median against the fastest other tool that counts."""
    promised = f"faster than every peer but {spared}" if spared else "faster than every peer"
    if limit_s is not None:
        promised = f"<= {limit_s} s, {promised}"
    own = outcomes["vuelo"]
    if isinstance(own, NotRunError):
        return _missing(measure, promised, own)
    others = {name: found for name, found in outcomes.items() if name != "vuelo" and isinstance(found, Spread)}
    rivals = {name: found.median for name, found in others.items() if name != spared}
    fastest = min(rivals, key=lambda name: rivals[name], default=None)
    beside = f"{fastest} {others[fastest]} s" if fastest else "no peer ran"
    is_kept = all(own.median < rival for rival in rivals.values()) and (limit_s is None or own.median <= limit_s)
    return (f"{measure}, whole process", promised, f"{own} s", beside, _kept(is_kept))


def _large_rows(large: Large | NotRunError) -> list[Row]:
    measures = (f"`info --json` at {FILES[-1]:,} files", f"`validate` at {FILES[-1]:,} files")
    if isinstance(large, NotRunError):
        return [_missing(measure, "<= 2 s, linear", large) for measure in measures]
    result: list[Row] = []
    for measure, found in zip(measures, (large.info, large.validate), strict=True):
        smaller = ", ".join(f"{count:,}: {found[count].median:.3f} s" for count in FILES[:-1])
        growth = found[FILES[-1]].median / found[FILES[0]].median
        is_kept = found[FILES[-1]].median <= 2 and growth <= 1.25 * FILES[-1] / FILES[0]
        result.append((f"{measure}, whole process", "<= 2 s, linear", f"{found[FILES[-1]]} s", smaller, _kept(is_kept)))
    return result


def _check_row(check: Outcome) -> Row:
    measure, promised = "`check` of the six services, whole process", "<= 2 s"
    if isinstance(check, NotRunError):
        return _missing(measure, promised, check)
    return (measure, promised, f"{check} s", "", _kept(check.median <= 2))


def _copy_row(copied: Copied | NotRunError) -> Row:
    measure, promised = f"memory applying a {COPY_MB} MB script with COPY data", "<= 150 MB"
    if isinstance(copied, NotRunError):
        return _missing(measure, promised, copied)
    own, judged = copied.vuelo, copied.psql
    megabytes = own.peak_mib * 1.048576
    beside = f"{own.seconds:.1f} s; psql {judged.peak_mib * 1.048576:.0f} MB, {judged.seconds:.1f} s"
    return (measure, promised, f"{megabytes:.0f} MB", beside, _kept(megabytes <= 150))


def _tool_rows(tools: list[Tool], small: Peers, idle: Peers) -> list[str]:
    versions = {tool.peer.name: tool.version for tool in tools}

    def order(name: str) -> float:
        found = small[name]
        return found.median if isinstance(found, Spread) else float("inf")

    return [
        f"| {name} | {versions.get(name, '')} | {_cell(small[name])} | {_cell(idle[name])} |"
        for name in sorted(small, key=order)
    ]


def _cell(outcome: Outcome) -> str:
    return f"not run: {outcome}" if isinstance(outcome, NotRunError) else str(outcome)


def write(text: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
