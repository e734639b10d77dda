"""`gasolinera events`: how far events are behind, and those that were given up."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Sequence
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from gasolinera.app import ALL_PARTS
from gasolinera.cli.connect import reachable_settings
from gasolinera.cli.data import AsJson, write_json
from gasolinera.config import Settings
from gasolinera.database import Database, open_database
from gasolinera.dead_letters import DeadLetter, Replay, get_dead_letter, list_dead_letters, replay
from gasolinera.errors import ConflictError, GasolineraError, InputError
from gasolinera.event_upkeep import Lag, read_lag
from gasolinera.inbox import Inbox
from gasolinera.logs import configure_logs
from gasolinera.parts import Parts

app = typer.Typer(help="Events between the services.", no_args_is_help=True)
letters = typer.Typer(help="Events that were given up.", no_args_is_help=True)
app.add_typer(letters, name="dead-letters")

_MAX_LETTERS = 10_000

Only = Annotated[str | None, typer.Option("--service", help="Only this service's. Default: all that are reachable.")]
Service = Annotated[str, typer.Argument(help="The service whose consumer failed.")]
LetterId = Annotated[int, typer.Argument(min=1, help="An id of `events dead-letters list`.")]
LetterIds = Annotated[list[int] | None, typer.Argument(min=1, help="Ids of `events dead-letters list`.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=_MAX_LETTERS, help="How many of each service, oldest first.")]


class ServiceLag(msgspec.Struct, frozen=True):
    service: str
    lag: Lag


class ListedLetter(msgspec.Struct, frozen=True):
    service: str
    letter: DeadLetter


class Replayed(msgspec.Struct, frozen=True):
    service: str
    id: int
    outcome: str


@app.command("lag")
def lag_command(*, service: Only = None, as_json: AsJson = False) -> None:
    """Show what waits in outboxes and inboxes, how old the oldest of it is, and how much was given up."""
    with reachable_settings() as settings:
        found = asyncio.run(_lag(settings, _reachable(settings, service)))
    if as_json:
        write_json([{"service": one.service, **msgspec.structs.asdict(one.lag)} for one in found])
        return
    table = Table("Service", "Unpublished", "Oldest", "Unsettled", "Oldest", "Dead letters")
    for one in found:
        lag = one.lag
        table.add_row(
            one.service,
            f"{lag.unpublished:,}",
            f"{lag.oldest_unpublished_s:.0f} s",
            f"{lag.unsettled:,}",
            f"{lag.oldest_unsettled_s:.0f} s",
            f"{lag.dead_letters:,}",
        )
    _show(table)


async def _lag(settings: Settings, parts: Sequence[Parts]) -> list[ServiceLag]:
    found: list[ServiceLag] = []
    for part in parts:
        async with open_database(settings, part.name) as db, db.connection() as conn:
            found.append(ServiceLag(part.name, await read_lag(conn, part.schema)))
    return found


@letters.command("list")
def list_command(
    *,
    service: Only = None,
    replayed: Annotated[bool, typer.Option("--replayed", help="Those that were replayed as well.")] = False,
    limit: Limit = 100,
    as_json: AsJson = False,
) -> None:
    """List events that were given up, oldest first, without what they carry."""
    with reachable_settings() as settings:
        found = asyncio.run(_list(settings, _reachable(settings, service), replayed, limit))
    if as_json:
        write_json([_row(one) for one in found])
        return
    table = Table("Service", "Id", "Consumer", "Event", "About", "Tries", "Last failed", "Why", "Replayed")
    for one in found:
        letter = one.letter
        table.add_row(
            one.service,
            str(letter.id),
            letter.consumer,
            letter.event_type,
            f"{letter.aggregate_type} {letter.aggregate_key}",
            str(letter.attempts),
            f"{letter.last_failed_at:%Y-%m-%d %H:%M:%S}",
            letter.last_error,
            "" if letter.replayed_at is None else f"{letter.replayed_at:%Y-%m-%d %H:%M:%S}",
        )
    _show(table)


async def _list(settings: Settings, parts: Sequence[Parts], replayed: bool, limit: int) -> list[ListedLetter]:
    found: list[ListedLetter] = []
    for part in parts:
        async with open_database(settings, part.name) as db, db.connection() as conn:
            some = await list_dead_letters(conn, part.schema, with_replayed=replayed, limit=limit)
            found += [ListedLetter(part.name, letter) for letter in some]
    return found


@letters.command("show")
def show_command(service: Service, letter_id: LetterId, *, as_json: AsJson = False) -> None:
    """Show one with its event, which may carry a person's public id."""
    with reachable_settings() as settings:
        letter = asyncio.run(_get(settings, _part(service), letter_id))
    row = _row(ListedLetter(service, letter)) | {"event": letter.event}
    if as_json:
        write_json(row)
        return
    for name, value in row.items():
        shown = msgspec.json.format(msgspec.json.encode(value), indent=2).decode() if name == "event" else value
        sys.stdout.write(f"{name}: {'' if shown is None else shown}\n")


async def _get(settings: Settings, part: Parts, letter_id: int) -> DeadLetter:
    async with open_database(settings, part.name) as db, db.connection() as conn:
        return await get_dead_letter(conn, part.schema, letter_id)


@letters.command("replay")
def replay_command(
    service: Service,
    letter_ids: LetterIds = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Every one that was not replayed yet.")] = False,
    as_json: AsJson = False,
) -> None:
    """Have the effects of events that were given up, each once however often this runs. Exit 1 when one fails again."""
    if every == bool(letter_ids):
        raise typer.BadParameter("name ids, or say --all")
    with reachable_settings() as settings:
        configure_logs(settings)
        outcomes, failures = asyncio.run(_replay(settings, _part(service), letter_ids or []))
    if as_json:
        write_json(outcomes)
    else:
        for one in outcomes:
            sys.stdout.write(f"{one.service} {one.id}: {one.outcome}\n")
    if failures:
        raise failures[0]


async def _replay(
    settings: Settings, part: Parts, letter_ids: Sequence[int]
) -> tuple[list[Replayed], list[GasolineraError]]:
    """Of the named, or of all that are open; one that fails again does not keep the others."""
    outcomes: list[Replayed] = []
    failures: list[GasolineraError] = []
    inbox = Inbox(part.name, part.schema, part.consumers)
    async with open_database(settings, part.name) as db:
        async for letter_id in _open_ids(db, part.schema, letter_ids):
            try:
                outcome: Replay | str = await replay(db, inbox, letter_id)
            except (ConflictError, InputError) as error:
                failures.append(error)
                outcome = "failed"
            outcomes.append(Replayed(part.name, letter_id, str(outcome)))
    return outcomes, failures


async def _open_ids(db: Database, schema: str, named: Sequence[int]) -> AsyncGenerator[int]:
    for letter_id in named:
        yield letter_id
    after = 0
    while not named:
        async with db.connection() as conn:
            page = await list_dead_letters(conn, schema, after=after)
        for letter in page:
            yield letter.id
        if not page:
            return
        after = page[-1].id


def _reachable(settings: Settings, service: str | None) -> list[Parts]:
    if service is not None:
        return [_part(service)]
    here = settings.services_with_database()
    return [part for part in ALL_PARTS if part.name in here]


def _part(service: str) -> Parts:
    found = next((part for part in ALL_PARTS if part.name == service), None)
    if found is None:
        raise InputError(
            "service.unknown", f"no service {service!r}", f"known are {', '.join(part.name for part in ALL_PARTS)}"
        )
    return found


def _row(one: ListedLetter) -> dict[str, Any]:
    row = msgspec.to_builtins(one.letter)
    del row["event"]
    return {"service": one.service, **row}


def _show(table: Table) -> None:
    Console(width=None if sys.stdout.isatty() else 160).print(table)
