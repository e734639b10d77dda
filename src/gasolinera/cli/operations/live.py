"""`gasolinera ops top` and `locks`: what the databases do at this moment, until Ctrl-C."""

import sys
import time
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final, TypeVar

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from gasolinera.cli.data import AsJson, write_json
from gasolinera.errors import InputError
from gasolinera.ops.live import PRIVILEGE, UNREACHABLE, places_of
from gasolinera.ops.live_activity import Activity, Counters, Rates, Session, read_activity
from gasolinera.ops.live_locks import FoundSession, LockNode, Locks, end_session, find_session, read_locks
from gasolinera.ops.reaching import Operations, reachable_operations

Environment = Annotated[str | None, typer.Option("--environment", "-e", help="development, test or production.")]
Once = Annotated[bool, typer.Option("--once", help="Look once, and end.")]
Interval = Annotated[float, typer.Option("--interval", min=0.2, max=3600, help="Seconds between two looks.")]
Kill = Annotated[int | None, typer.Option("--kill", metavar="PID", min=1, help="End what this session does.")]
WholeSession = Annotated[bool, typer.Option("--terminate", help="With --kill: end the session, not its statement.")]
OfPlace = Annotated[str | None, typer.Option("--place", help="Which database, as it is shown here.")]
Yes = Annotated[bool, typer.Option("--yes", help="With --kill: do not ask.")]
Found = TypeVar("Found")

_WIDTH_OF_FILES: Final = 140
_WHY: Final = {
    UNREACHABLE: "cannot be reached",
    PRIVILEGE: "this role is shown its own sessions alone: GRANT pg_monitor to it",
}
_LONG_S: Final = 300.0


def top(
    *, once: Once = False, interval: Interval = 2.0, environment: Environment = None, as_json: AsJson = False
) -> None:
    """Show what the databases do: sessions, old transactions, transactions a second, cache, WAL, waiting events."""
    with reachable_operations(environment) as operations:
        counted: dict[str, Counters] = {}

        def look() -> list[Activity]:
            found = [read_activity(place, counted.get(place.name)) for place in places_of(operations)]
            counted.update({one.place: one.counters for one in found if one.counters is not None})
            return found

        if once or as_json:
            look()
            time.sleep(min(interval, 1.0))  # rates need two looks
        watch(look, _shown_activity, once=once, interval=interval, as_json=as_json)


def locks(
    *,
    kill: Kill = None,
    terminate: WholeSession = False,
    place: OfPlace = None,
    yes: Yes = False,
    once: Once = False,
    interval: Interval = 2.0,
    environment: Environment = None,
    as_json: AsJson = False,
) -> None:
    """Show who waits for whom and for how long. With --kill, end the statement of one session or all of it."""
    with reachable_operations(environment) as operations:
        if kill is not None:
            _kill(operations, kill, place=place, terminate=terminate, yes=yes)
            return
        places = [one for one in places_of(operations) if place in (None, one.name)]
        if not places:
            known = ", ".join(one.name for one in places_of(operations))
            raise InputError("ops.unknown_place", f"there is no place {place}", f"known are {known}")
        look = lambda: [read_locks(one) for one in places]  # noqa: E731  it is handed over, and named for its reader
        watch(look, _shown_locks, once=once, interval=interval, as_json=as_json)


def watch(
    look: Callable[[], Sequence[Found]],
    show: Callable[[Sequence[Found]], RenderableType],
    *,
    once: bool,
    interval: float,
    as_json: bool,
) -> None:
    """Data on standard output once; else the view, again and again on a terminal until Ctrl-C."""
    if as_json:
        write_json(look())
        return
    console = Console(width=None if sys.stdout.isatty() else _WIDTH_OF_FILES)
    if once or not console.is_terminal:
        console.print(show(look()))
        return
    try:
        with Live(show(look()), console=console, screen=True, auto_refresh=False) as live:
            while True:
                time.sleep(interval)
                live.update(show(look()), refresh=True)
    except KeyboardInterrupt:
        return


def _kill(operations: Operations, pid: int, *, place: str | None, terminate: bool, yes: bool) -> None:
    found = find_session(operations, pid, place=place)
    what = "the session" if terminate else "the statement"
    sys.stderr.write(f"{_told(found)}\n")
    if not yes:
        if not sys.stdin.isatty():
            raise InputError("confirm.no_terminal", f"this ends {what} and nobody can be asked", "add --yes")
        sys.stderr.write(f"This ends {what}. Type {pid} to go on: ")
        sys.stderr.flush()
        if sys.stdin.readline().strip() != str(pid):
            raise InputError("confirm.refused", "that is not the number; nothing was ended")
    end_session(operations, found, how="terminate" if terminate else "cancel")
    sys.stdout.write(f"asked the server to end {what} of {pid}\n")


def _told(found: FoundSession) -> str:
    who = " ".join(word for word in (str(found.pid), found.role, found.application, found.state) if word)
    return f"{found.place}: {who}\n  {found.statement}"


def _shown_activity(found: Sequence[Activity]) -> RenderableType:
    return Group(*(part for one in found for part in _place(one)))


def _place(one: Activity) -> list[RenderableType]:
    head = Text(one.place, style="bold")
    if one.counters is None:
        return [head, Text(f"  {_WHY.get(one.reason or '', one.reason or '')}", style="bold red")]
    parts: list[RenderableType] = [head, _sessions_line(one), _rates_line(one.rates)]
    if one.reason is not None:
        parts.append(Text(f"  {_WHY.get(one.reason, one.reason)}", style="yellow"))
    waiting = [lag for lag in one.outboxes if lag.waiting]
    if one.outboxes:
        told = ", ".join(f"{lag.service} {lag.waiting:,} (oldest {lag.oldest_s:.0f} s)" for lag in waiting)
        parts.append(Text(f"  events not carried out yet: {told or 'none'}"))
    if one.oldest:
        parts.append(_oldest(one.oldest))
    return parts


def _sessions_line(one: Activity) -> Text:
    assert one.counters is not None
    states = ", ".join(f"{count} {state}" for state, count in sorted(one.states.items()))
    text = Text(f"  {one.sessions} of {one.counters.connections_possible} sessions ({states or 'none'})")
    text.append(f", {one.waiting} waiting for a lock", style="bold red" if one.waiting else "")
    text.append(f"; {size(one.counters.size_bytes)}")
    if one.counters.is_standby:
        text.append("; a standby", style="yellow")
    return text


def _rates_line(rates: Rates | None) -> Text:
    if rates is None:
        return Text("  rates with the next look")
    hit = "-" if rates.cache_hit_ratio is None else f"{100 * rates.cache_hit_ratio:.1f} %"
    text = Text(
        f"  {rates.commits_per_s:,.1f} commits/s, {rates.rollbacks_per_s:,.1f} rollbacks/s, cache {hit}, "
        f"{rates.rows_read_per_s:,.0f} rows read/s, {rates.rows_written_per_s:,.0f} written/s, "
        f"WAL {size(rates.wal_bytes_per_s)}/s"
    )
    if rates.deadlocks:
        text.append(f", {rates.deadlocks} deadlocks", style="bold red")
    return text


def _oldest(sessions: Sequence[Session]) -> Table:
    table = statement_table(
        "pid", "role", "application", "state", "transaction", "waits for", right=("pid", "transaction")
    )
    for one in sessions:
        waits = " ".join(word for word in (one.waits_for, one.waits_on) if word)
        age = duration(one.transaction_s)
        style = "bold red" if (one.transaction_s or 0) >= _LONG_S else None
        cells = (str(one.pid), one.role or "", one.application, one.state, age, waits, one.statement)
        table.add_row(*map(escape, cells), style=style)
    return table


def statement_table(*headings: str, right: Sequence[str]) -> Table:
    """A last column has the statement, which gets what the others leave, and is cut."""
    table = Table(box=None, padding=(0, 1), expand=True)
    for heading in headings:
        table.add_column(heading, no_wrap=True, justify="right" if heading in right else "left")
    table.add_column("statement", no_wrap=True, ratio=1)
    return table


def _shown_locks(found: Sequence[Locks]) -> RenderableType:
    parts: list[Any] = []
    for one in found:
        head = f"{one.place}: {one.waiting} waiting" + (
            f", the longest {duration(one.longest_s)}" if one.waiting else ""
        )
        tree = Tree(Text(head, style="bold"))
        if one.reason is not None:
            tree.add(Text(_WHY.get(one.reason, one.reason), style="yellow"))
        for root in one.trees:
            _grow(tree, root)
        parts.append(tree)
    return Group(*parts)


def _grow(tree: Tree, node: LockNode) -> None:
    one = node.session
    if one.pid == 0:
        text = Text("a prepared transaction: see pg_prepared_xacts")
    else:
        who = " ".join(word for word in (one.role, one.application, one.state) if word)
        text = Text(f"{one.pid} {who}", style="" if one.blockers else "bold")
        if one.transaction_s is not None:
            text.append(f", in a transaction for {duration(one.transaction_s)}")
        if one.blockers:
            text.append(f", waits {duration(one.waits_s)} for {one.wanted} on {one.object}", style="yellow")
        text.append(f"\n{one.statement}", style="dim")
    branch = tree.add(text)
    for waiter in node.waiters:
        _grow(branch, waiter)


def duration(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{seconds:.1f} s"


def size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count) < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TB"
