"""`gasolinera users`: the first administrator, and accounts from the command line of the platform's operators."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeVar
from uuid import UUID

import asyncpg
import msgspec
import typer
from rich.console import Console
from rich.table import Table

from gasolinera.app import refusals_of
from gasolinera.auth import administration, erasure
from gasolinera.auth.models_administration import Erasure, ListedUser, User, UserFilter
from gasolinera.auth.parts import PARTS
from gasolinera.auth.phones import normalize_phone
from gasolinera.cli.connect import reachable_settings
from gasolinera.cli.data import AsJson, write_json
from gasolinera.config import Settings
from gasolinera.database import Connection, RequestContext, open_database
from gasolinera.errors import ConflictError, GasolineraError, InputError, UnknownError, refusal
from gasolinera.keyring import load_keyring
from gasolinera.logs import configure_logs
from gasolinera.permissions import Role

app = typer.Typer(help="People: the first administrator, accounts, erasures.", no_args_is_help=True)
Result = TypeVar("Result")
_MAX_LISTED = 1000

Who = Annotated[str, typer.Argument(metavar="USER", help="A phone with its country code, or a public reference.")]


@app.command("grant-admin")
def grant_admin(
    phone: Annotated[str, typer.Argument(metavar="PHONE", help="With its country code, such as +52 55 1234 5678.")],
    *,
    first_name: Annotated[str, typer.Option(help="For a new account.")] = "System",
    last_name: Annotated[str, typer.Option(help="For a new account.")] = "Administrator",
    as_json: AsJson = False,
) -> None:
    """Make the user with this phone a system administrator; makes the account where there is none."""

    async def act(conn: Connection, settings: Settings) -> administration.GrantedAdmin:
        number = _phone(phone, settings)
        return await administration.grant_admin(conn, number, first_name=first_name, last_name=last_name)

    granted = _run("grant-admin", act)
    if as_json:
        write_json(granted)
        return
    before = f"was {granted.role_before}" if granted.role_before else "is new"
    sys.stdout.write(f"{granted.public_id} is a system administrator ({before})\n")
    if not granted.has_second_factor:
        sys.stderr.write(
            "\nnext: log in with this phone, POST /api/auth/second-factor/enrol, show its uri to an authenticator\n"
            "app, then POST /api/auth/second-factor/confirm with a code, and keep the recovery codes\n"
        )


@app.command("list")
def list_users(
    *,
    role: Annotated[Role | None, typer.Option(help="Only those of this role.")] = None,
    name: Annotated[str | None, typer.Option(help="The beginning of the whole name or of the family name.")] = None,
    active: Annotated[bool | None, typer.Option("--active/--inactive", help="Default: both.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=_MAX_LISTED, help="How many at most.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List users in the order they came."""

    async def act(conn: Connection, _settings: Settings) -> tuple[ListedUser, ...]:
        wanted = UserFilter(role=role, name=name, is_active=active)
        return (await administration.list_users(conn, wanted, after=None, limit=limit)).items

    found = _run("list", act)
    if as_json:
        write_json(found)
        return
    table = Table("reference", "phone", "name", "role", "active", "second factor", "locked until")
    for user in found:
        table.add_row(
            str(user.public_id),
            user.phone_number,
            f"{user.first_name} {user.last_name}",
            user.role,
            "yes" if user.is_active else "no",
            "yes" if user.has_second_factor else "no",
            f"{user.locked_until:%Y-%m-%d %H:%M}" if user.locked_until else "",
        )
    Console(width=None if sys.stdout.isatty() else 160).print(table)


@app.command("show")
def show(who: Who, *, as_json: AsJson = False) -> None:
    """Show a user."""
    _act("show", who, administration.get_user, as_json=as_json)


@app.command("deactivate")
def deactivate(who: Who, *, as_json: AsJson = False) -> None:
    """Deactivate a user: sessions and access tokens end at once. The last active administrator stays."""
    _act("deactivate", who, lambda c, user: administration.set_active(c, None, user, is_active=False), as_json=as_json)


@app.command("activate")
def activate(who: Who, *, as_json: AsJson = False) -> None:
    """Activate a user."""
    _act("activate", who, lambda c, user: administration.set_active(c, None, user, is_active=True), as_json=as_json)


@app.command("unlock")
def unlock(who: Who, *, as_json: AsJson = False) -> None:
    """Forget a user's failed codes, and the lock."""
    _act("unlock", who, administration.unlock, as_json=as_json)


@app.command("reset-second-factor")
def reset_second_factor(who: Who, *, as_json: AsJson = False) -> None:
    """Take a lost second factor away: the sessions end, and the next login enrols another."""
    _act("reset-second-factor", who, _reset_second_factor, as_json=as_json)


async def _reset_second_factor(conn: Connection, user: UUID) -> User:
    return await administration.reset_second_factor(conn, None, user)


@app.command("erasures")
def erasures(
    *,
    since: Annotated[datetime | None, typer.Option(help="Only from this time on (UTC).")] = None,
    as_json: AsJson = False,
) -> None:
    """Print the ledger of erased people. Keep its JSON where backups do not reach: `replay-erasures` reads it."""
    start = (since or datetime(2000, 1, 1)).replace(tzinfo=UTC)  # noqa: DTZ001  the zone comes with replace

    async def act(conn: Connection, _settings: Settings) -> tuple[Erasure, ...]:
        return tuple(await erasure.list_erasures(conn, start))

    found = _run("erasures", act)
    if as_json:
        write_json(found)
        return
    for one in found:
        sys.stdout.write(f"{one.erased_at:%Y-%m-%d %H:%M:%S}  {one.public_id}  {one.reason}\n")


@app.command("replay-erasures")
def replay_erasures(
    ledger: Annotated[Path, typer.Argument(help="What `gasolinera users erasures --json` printed.")],
) -> None:
    """Erase again whom a backup brought back, and tell the other services again, one person after the other. Doing it
    twice changes nothing. Exit 1 when somebody cannot be erased.
    """
    try:
        listed = msgspec.json.decode(ledger.read_bytes(), type=tuple[Erasure, ...])
    except msgspec.MsgspecError as error:
        raise InputError("erasures.malformed", f"{ledger} is no ledger: {error}") from None
    with reachable_settings() as settings:
        configure_logs(settings)
        replay = asyncio.run(_replay(settings, listed))
    for stays in replay.refused:
        sys.stderr.write(f"{stays}\n")
    sys.stdout.write(
        f"{len(listed)} in the ledger: {replay.erased} erased again, {replay.known} erased already, "
        f"{replay.unknown} not in the database, {len(replay.refused)} refused\n"
    )
    if replay.refused:
        raise typer.Exit(1)


class _Replay(msgspec.Struct):
    erased: int = 0
    known: int = 0
    unknown: int = 0  # came after the backup
    refused: list[str] = msgspec.field(default_factory=list[str])


async def _replay(settings: Settings, listed: tuple[Erasure, ...]) -> _Replay:
    """A transaction for each person: one who cannot be erased keeps nobody else's data."""
    context = RequestContext(actor="command:users replay-erasures")
    keyring = load_keyring(settings)
    replay = _Replay()
    async with open_database(settings, "auth") as db:
        for one in listed:

            async def erase(conn: Connection, user: UUID = one.public_id) -> bool:
                return await erasure.erase(conn, keyring, user, "REPLAYED")

            try:
                if await db.run(erase, context, is_idempotent=True):
                    replay.erased += 1
                else:
                    replay.known += 1
            except UnknownError:
                replay.unknown += 1
            except ConflictError as error:
                replay.refused.append(_stays(one, error))
            except asyncpg.IntegrityConstraintViolationError as error:
                replay.refused.append(_stays(one, refusal(error, refusals_of((PARTS,)))))
    return replay


def _stays(one: Erasure, error: GasolineraError) -> str:
    return f"{one.public_id} stays: {error}" + (f"; {error.hint}" if error.hint else "")


def _act(name: str, who: str, use_case: Callable[[Connection, UUID], Awaitable[User]], *, as_json: bool) -> None:
    async def act(conn: Connection, settings: Settings) -> User:
        return await use_case(conn, await _reference(conn, who, settings))

    user = _run(name, act)
    if as_json:
        write_json(user)
        return
    for field, value in msgspec.structs.asdict(user).items():
        sys.stdout.write(f"{field.replace('_', ' '):20} {'' if value is None else value}\n")


async def _reference(conn: Connection, who: str, settings: Settings) -> UUID:
    """Raises InputError `phone.*` and UnknownError `user.unknown`."""
    try:
        return UUID(who)
    except ValueError:
        wanted = UserFilter(phone_number=_phone(who, settings))
    found = await administration.list_users(conn, wanted, after=None, limit=1)
    if not found.items:
        raise administration.unknown_user()
    return found.items[0].public_id


def _phone(typed: str, settings: Settings) -> str:
    return normalize_phone(typed, frozenset(settings.sms_countries.split(",")))


def _run(name: str, act: Callable[[Connection, Settings], Awaitable[Result]]) -> Result:
    """One transaction, in the log as done by this command."""

    async def run(settings: Settings) -> Result:
        context = RequestContext(actor=f"command:users {name}")
        try:
            async with open_database(settings, "auth") as db, db.transaction(context) as conn:
                return await act(conn, settings)
        except asyncpg.IntegrityConstraintViolationError as error:
            raise refusal(error, refusals_of((PARTS,))) from None

    with reachable_settings() as settings:
        configure_logs(settings)
        return asyncio.run(run(settings))
