"""The log of accounts in the back office: searched, read in words, taken along as a file."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from ipaddress import ip_address
from typing import Annotated, Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from litestar import Request, get
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from litestar.response import Stream, Template

from gasolinera.auth import audit, people
from gasolinera.auth import queries_administration as queries
from gasolinera.auth.api import phone_of
from gasolinera.auth.devices import device_of
from gasolinera.auth.models_administration import AuditEntry, AuditFilter, AuditPosition
from gasolinera.auth.phones import with_country
from gasolinera.auth.refused import Speaker
from gasolinera.authentication import requires
from gasolinera.database import Connection, Database, RequestContext
from gasolinera.errors import InputError
from gasolinera.keyring import Keyring
from gasolinera.paging import MAX_CURSOR, Page, decode_cursor
from gasolinera.permissions import Permission, Role
from gasolinera.web.figures import filters_of
from gasolinera.web.pages import CHAIN_ZONE, language_of, page
from gasolinera.web.sheets import csv_page
from gasolinera.wording import load_wording

WORDING: Final = load_wording("gasolinera.auth", "people")
AUDIT: Final = [requires(Permission.AUDIT_READ, second_factor=True, fresh=True)]
EVENTS: Final = tuple(name.removeprefix("event-") for name in WORDING.names("es") if name.startswith("event-"))
_NAMES: Final = frozenset(WORDING.names("es"))
_AT_ONCE: Final = 50
_MOST_OF_A_VALUE: Final = 60
_Text = Annotated[str, QueryParameter(max_length=100)]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What was typed into the search."""

    person: str = ""
    actor: str = ""
    event: str = ""
    since: str = ""
    until: str = ""
    ip: str = ""
    request: str = ""
    order: people.LogOrder = "-at"


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """An entry in words. `user` and `actor` are names, where there is somebody to name."""

    at: datetime
    what: str
    succeeded: bool
    user_id: UUID | None
    user: str
    actor_id: UUID | None
    actor: str
    device: str | None
    ip_address: str | None
    detail: str
    correlation_id: str | None


class SearchError(Exception):
    """A field of the search holds what it cannot: `text` says it."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


async def lines_of(conn: Connection, say: Speaker, entries: Sequence[AuditEntry]) -> tuple[Line, ...]:
    """With the names of everybody in them, in one question."""
    actors = {entry.id: people.reference_of(entry.actor) for entry in entries}
    named = [entry.user_id for entry in entries if entry.user_id]
    names = await people.names_of(conn, [*named, *(one for one in actors.values() if one)])
    return tuple(_line(say, entry, actors[entry.id], names) for entry in entries)


def _line(say: Speaker, entry: AuditEntry, actor_id: UUID | None, names: Mapping[UUID, str]) -> Line:
    if entry.user_id is None:
        user = say("audit-many" if entry.event_type == "DATA_EXPORTED" else "audit-unknown-phone")
    else:
        user = names.get(entry.user_id, say("audit-erased"))
    if entry.actor is None:
        actor = say("audit-by-nobody")
    elif actor_id is None:
        actor = say("audit-by-platform")
    else:
        actor = say("audit-by-self") if actor_id == entry.user_id else names.get(actor_id, say("audit-erased"))
    return Line(
        at=entry.created_at,
        what=say(f"event-{entry.event_type}"),
        succeeded=entry.succeeded,
        user_id=entry.user_id,
        user=user,
        actor_id=actor_id,
        actor=actor,
        device=device_of(entry.user_agent),
        ip_address=entry.ip_address,
        detail=_detail(say, entry),
        correlation_id=entry.correlation_id,
    )


def _detail(say: Speaker, entry: AuditEntry) -> str:
    """Why, and what changed."""
    parts: list[str] = []
    if entry.reason:
        name = f"reason-{entry.reason}"
        parts.append(say(name) if name in _NAMES else entry.reason.lower().replace("_", " "))
    before, after = entry.old_values or {}, entry.new_values or {}
    for field in dict.fromkeys((*before, *after)):
        name, value = _field(say, field), _value(say, field, after.get(field))
        if entry.old_values is None:
            parts.append(say("audit-value", field=name, value=value))
        else:
            parts.append(say("audit-change", field=name, before=_value(say, field, before.get(field)), after=value))
    return "; ".join(parts)


def _field(say: Speaker, field: str) -> str:
    name = f"field-{field}"
    return say(name) if name in _NAMES else field.replace("_", " ")


def _value(say: Speaker, field: str, value: Any) -> str:
    if value is None:
        return "\N{EN DASH}"
    if isinstance(value, bool):
        return say("yes" if value else "no")
    if field == "role" and value in Role.__members__:
        return say(f"role-{value}")
    if isinstance(value, list):
        return ", ".join(_field(say, str(one)) for one in value[:10])  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  JSON
    return str(value)[:_MOST_OF_A_VALUE]


async def _person(conn: Connection, state: State, typed: str) -> UUID | None:
    """By reference, or by the phone of an account. Raises SearchError."""
    if not typed:
        return None
    found = people.reference_of(typed)
    if found is not None:
        return found
    try:
        users = await queries.find_users_by_phone(conn, phone_of(with_country(typed, "+52"), state))
    except InputError:
        users = []
    if not users:
        raise SearchError("refused-person")
    return users[0].public_id


def _moment(typed: str) -> datetime | None:
    """A local time of the chain's zone, as browsers send it. Raises SearchError."""
    if not typed:
        return None
    try:
        return datetime.fromisoformat(typed).replace(tzinfo=ZoneInfo(CHAIN_ZONE))
    except ValueError:
        raise SearchError("refused-range") from None


async def _search(
    conn: Connection, state: State, keyring: Keyring, asked: Asked, *, cursor: str | None, limit: int
) -> Page[AuditEntry]:
    """Raises SearchError, InputError `request.cursor`."""
    person = await _person(conn, state, asked.person)
    actor = await _person(conn, state, asked.actor)
    correlation = asked.request or None
    try:
        address = str(ip_address(asked.ip)) if asked.ip else None
    except ValueError:
        raise SearchError("refused-ip") from None
    is_narrow = any(one is not None for one in (person, actor, correlation))
    try:
        since, until = audit.chosen_range(
            _moment(asked.since), _moment(asked.until), is_narrow=is_narrow, now=keyring.clock()
        )
    except InputError:
        raise SearchError("refused-range") from None
    wanted = AuditFilter(
        since=since,
        until=until,
        event_type=asked.event if asked.event in EVENTS else None,
        ip_address=address,
        user_id=person,
        correlation_id=correlation,
    )
    after = decode_cursor(AuditPosition, cursor)
    of_actor = actor if person is None and correlation is None else None
    return await people.search_log(conn, wanted, of_actor, asked.order, after=after, limit=limit)


@get("/office/audit", include_in_schema=False, guards=AUDIT)
async def audit_route(  # noqa: PLR0913, PLR0917  one argument a query parameter
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    keyring: NamedDependency[Keyring],
    state: State,
    person: _Text = "",
    actor: _Text = "",
    event: _Text = "",
    since: _Text = "",
    until: _Text = "",
    address: Annotated[str, QueryParameter(name="ip", max_length=45)] = "",
    correlation: Annotated[str, QueryParameter(name="request", pattern=r"^[A-Za-z0-9._:@/+=-]{0,100}$(?!\n)")] = "",
    sort: _Text = "",
    cursor: Annotated[str | None, QueryParameter(max_length=MAX_CURSOR)] = None,
) -> Template:
    asked = Asked(
        person=person.strip(),
        actor=actor.strip(),
        event=event,
        since=since,
        until=until,
        ip=address.strip(),
        request=correlation,
        order="at" if sort == "at" else "-at",
    )
    say = Speaker(request, WORDING)
    fault, lines, next_cursor = None, (), None
    async with db.connection() as conn:
        try:
            found = await _search(conn, state, keyring, asked, cursor=cursor, limit=_AT_ONCE)
            lines, next_cursor = await lines_of(conn, say, found.items), found.next_cursor
        except SearchError as error:
            fault = say(error.name)
    values = {
        "lines": lines,
        "next_cursor": next_cursor,
        "fault": fault,
        "events": [(one, say(f"event-{one}")) for one in EVENTS],
    }
    return page(request, "auth/people/audit.html", values, wording=WORDING, status=422 if fault else 200)


@get("/office/audit.csv", include_in_schema=False, guards=AUDIT)
async def audit_file_route(  # noqa: PLR0913, PLR0917  one argument a query parameter
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    keyring: NamedDependency[Keyring],
    state: State,
    person: _Text = "",
    actor: _Text = "",
    event: _Text = "",
    since: _Text = "",
    until: _Text = "",
    address: Annotated[str, QueryParameter(name="ip", max_length=45)] = "",
    correlation: Annotated[str, QueryParameter(name="request", pattern=r"^[A-Za-z0-9._:@/+=-]{0,100}$(?!\n)")] = "",
    sort: _Text = "",
) -> Stream:
    asked = Asked(
        person=person.strip(),
        actor=actor.strip(),
        event=event,
        since=since,
        until=until,
        ip=address.strip(),
        request=correlation,
        order="at" if sort == "at" else "-at",
    )
    say = Speaker(request, WORDING)
    shown = filters_of(language_of(request), CHAIN_ZONE)["moment"]
    async with db.transaction(context) as conn:
        try:
            first = await _search(conn, state, keyring, asked, cursor=None, limit=500)
        except SearchError as error:
            raise InputError("audit.search", say(error.name)) from None
        await people.record_export(conn, "AUDIT_LOG")

    async def rows() -> AsyncIterator[Sequence[object]]:
        found = first
        while True:
            async with db.connection() as conn:
                lines = await lines_of(conn, say, found.items)
            for line in lines:
                result = say("yes" if line.succeeded else "no")
                where = (line.ip_address or "", line.device or "")
                who = (line.user, line.user_id or "", line.actor)
                yield (shown(line.at), line.what, result, *who, *where, line.detail, line.correlation_id or "")
            if found.next_cursor is None:
                return
            async with db.connection() as conn:
                found = await _search(conn, state, keyring, asked, cursor=found.next_cursor, limit=500)

    names = ("at", "what", "done", "about-whom", "reference", "by", "ip", "where", "detail", "request")
    return await csv_page(
        "auditoria" if language_of(request) == "es" else "audit", [say(f"audit-{one}") for one in names], rows()
    )


HANDLERS = (audit_route, audit_file_route)
