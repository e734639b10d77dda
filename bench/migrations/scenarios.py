"""What is measured. Rounds of different tools alternate, so that a busy moment of the machine falls on all."""

import sys
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from bench.migrations import six
from bench.migrations.measure import Finished, NotRunError, Spread, run
from bench.migrations.peers import Peer
from bench.migrations.scripts import ROWS_TABLE, rows, tables, write_copy_script
from bench.migrations.server import Database, Server
from gasolinera.ops import roles

SMALL, MANY, COPY_MB = 100, 1000, 200
FILES = (2500, 5000, 10_000)

_RELATIONS = """
    SELECT count(*) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE n.nspname LIKE '%\\_schema' AND c.relname NOT LIKE '%flyway%' AND c.relname NOT LIKE 'vuelo%'"""


@dataclass(frozen=True)
class Tool:
    """A peer that is installed."""

    peer: Peer
    program: Path
    version: str


@dataclass(frozen=True)
class SixServices:
    migrations: int
    psql: Spread
    one: Spread
    one_process: Spread
    parallel: Spread
    command: Spread


@dataclass(frozen=True)
class Copied:
    vuelo: Finished
    psql: Finished


@dataclass(frozen=True)
class Large:
    """Seconds of `info --json` and of `validate` by the number of applied files."""

    info: dict[int, Spread]
    validate: dict[int, Spread]


def six_services(server: Server, folder: Path, rounds: int, vuelo: Path) -> SixServices:
    """Twice the rounds: the server's own moods (a checkpoint, a cold file) are as large here as what is measured."""
    found: dict[str, list[float]] = {way: [] for way in ("psql", "one", "one_process", "parallel", "command")}
    migrations = 0
    for _ in range(2 * rounds):
        relations: set[int] = set()
        for way in ("psql", "one", "parallel", "command"):
            with server.new_database() as database:
                project = six.project_at(database.url())
                roles.initialise(project)
                if way == "psql":
                    migrations = six.write_psql_script(project, folder / "six.sql")
                    found["psql"].append(_by_psql(server, folder / "six.sql", database).seconds)
                elif way == "command":
                    url = {"GASOLINERA_DATABASE_URL": database.url()}
                    command = [vuelo, "migrate", "--environment", six.ENVIRONMENT]
                    found["command"].append(run(command, six.REPOSITORY, environment=url).seconds)
                else:
                    done = run([sys.executable, "-m", six.__name__, way, database.url()], six.REPOSITORY)
                    found[way].append(float(done.output.split()[-1]))
                    if way == "one":
                        found["one_process"].append(done.seconds)
                relations.add(database.value(_RELATIONS))
        if len(relations) != 1:
            raise NotRunError(f"the ways do not lead to the same schemas: {sorted(relations)} relations")
    return SixServices(migrations, **{way: Spread(tuple(seconds)) for way, seconds in found.items()})


def _by_psql(server: Server, script: Path, database: Database) -> Finished:
    return run([server.psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", script, database.url()], script.parent)


def small_migrations(
    server: Server, folder: Path, rounds: int, tools: Sequence[Tool]
) -> dict[str, Spread | NotRunError]:
    """100 small migrations from nothing: the whole process of each tool."""
    seconds: dict[str, list[float]] = {tool.peer.name: [] for tool in tools}
    failed: dict[str, NotRunError] = {}
    for round_ in range(rounds):
        for tool in tools:
            if tool.peer.name in failed:
                continue
            place = folder / f"small-{tool.peer.name}-{round_}"
            place.mkdir()
            with server.new_database() as database:
                try:
                    tool.peer.convert(tool.program, place, database, tables(SMALL))
                    done = _called(tool, place, database)
                    count = database.value("SELECT count(*) FROM pg_tables WHERE tablename LIKE 'table\\_%'")
                    _expect(SMALL, count, done)
                    seconds[tool.peer.name].append(done.seconds)
                except NotRunError as reason:
                    failed[tool.peer.name] = reason
    return _outcomes(seconds, failed)


def nothing_to_do(server: Server, folder: Path, rounds: int, tools: Sequence[Tool]) -> dict[str, Spread | NotRunError]:
    """The whole process of each tool when all of 1,000 migrations are applied."""
    seconds: dict[str, list[float]] = {tool.peer.name: [] for tool in tools}
    failed: dict[str, NotRunError] = {}
    with ExitStack() as stack:
        ready: list[tuple[Tool, Path, Database]] = []
        for tool in tools:
            place = folder / f"many-{tool.peer.name}"
            place.mkdir()
            database = stack.enter_context(server.new_database())
            try:
                tool.peer.convert(tool.program, place, database, rows(MANY))
                done = _called(tool, place, database)
                _expect(MANY, database.value(f"SELECT count(*) FROM {ROWS_TABLE}"), done)  # noqa: S608 our constant
                ready.append((tool, place, database))
            except NotRunError as reason:
                failed[tool.peer.name] = reason
        for _ in range(rounds):
            for tool, place, database in ready:
                with suppress(NotRunError):  # it worked a moment ago, and one round less is seen in the table
                    seconds[tool.peer.name].append(_called(tool, place, database).seconds)
    return _outcomes(seconds, failed)


def _called(tool: Tool, place: Path, database: Database) -> Finished:
    call = tool.peer.call(tool.program, database)
    return run(call.command, place, environment=call.environment, stdin=call.stdin)


def _expect(wanted: int, found: int, done: Finished) -> None:
    if found != wanted:
        last_line = (done.output.strip().splitlines() or ["it said nothing"])[-1]
        raise NotRunError(f"applied {found} of {wanted} migrations: {last_line[:200]}")


def _outcomes(seconds: dict[str, list[float]], failed: dict[str, NotRunError]) -> dict[str, Spread | NotRunError]:
    return {name: failed.get(name) or Spread(tuple(found)) for name, found in seconds.items()}


def large_history(server: Server, folder: Path, rounds: int, vuelo: Tool) -> Large:
    info: dict[int, Spread] = {}
    validate: dict[int, Spread] = {}
    with server.new_database() as database:
        for count in FILES:
            place = folder / f"large-{count}"
            place.mkdir()
            vuelo.peer.convert(vuelo.program, place, database, rows(count))
            _called(vuelo, place, database)
            for command, found in ((["info", "--json"], info), (["validate"], validate)):
                done = [run([vuelo.program, *command], place).seconds for _ in range(rounds)]
                found[count] = Spread(tuple(done))
    return Large(info, validate)


def static_check(rounds: int, vuelo: Path) -> Spread:
    """`vuelo check` over the six services; what it finds does not matter here, that it ran does."""
    command = [vuelo, "check", "--environment", six.ENVIRONMENT]
    spent: list[float] = []
    for _ in range(rounds):
        done = run(command, six.REPOSITORY, may_fail=True)
        if "No such command" in done.output or "Traceback" in done.output:
            raise NotRunError(f"vuelo check: {done.output.strip().splitlines()[-1][:200]}")
        spent.append(done.seconds)
    return Spread(tuple(spent))


def copied_script(server: Server, folder: Path, vuelo: Tool) -> Copied:
    """One migration of 200 MB, nearly all of it COPY data."""
    place = folder / "copy"
    place.mkdir()
    with server.new_database() as database:
        vuelo.peer.convert(vuelo.program, place, database, [])
        script = place / "sql" / "V1__sales.sql"
        count = write_copy_script(script, COPY_MB)
        own = _called(vuelo, place, database)
        _expect(count, database.value("SELECT count(*) FROM sales"), own)
    with server.new_database() as database:
        judged = _by_psql(server, script, database)
    return Copied(own, judged)
