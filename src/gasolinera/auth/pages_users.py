"""People in the back office: the list with its file, one person, and what administrators do to an account."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, get_args
from uuid import UUID

import msgspec
from litestar import Request, Response, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter
from litestar.response import Redirect, Stream, Template

from gasolinera.auth import administration, audit, erasure, people, sessions
from gasolinera.auth import queries_administration as queries
from gasolinera.auth.api import phone_of
from gasolinera.auth.api_audit import ELSEWHERE
from gasolinera.auth.devices import device_of
from gasolinera.auth.models_administration import AuditFilter, ExportedEmployment, ListedUser, User, UserFilter
from gasolinera.auth.pages_audit import WORDING, Line, lines_of
from gasolinera.auth.pages_sessions import last_use_of
from gasolinera.auth.phones import shown_phone, with_country
from gasolinera.auth.refused import IntegrityError, Speaker, reason_of
from gasolinera.authentication import requires
from gasolinera.database import Connection, Database, RequestContext
from gasolinera.errors import ConflictError, ForbiddenError, GasolineraError, InputError, UnavailableError
from gasolinera.keyring import Keyring
from gasolinera.paging import MAX_CURSOR, Page
from gasolinera.permissions import Caller, Permission, Role
from gasolinera.personal_data import Elsewhere
from gasolinera.web.confirming import Question, confirm_page, is_confirmed
from gasolinera.web.figures import filters_of
from gasolinera.web.forms import Form, read_form
from gasolinera.web.pages import CHAIN_ZONE, language_of, page
from gasolinera.web.sheets import csv_of_pages

READ: Final = [requires(Permission.USERS_READ, second_factor=True, fresh=True)]
_MANAGE: Final = [requires(Permission.USERS_MANAGE, second_factor=True, fresh=True)]
_AT_ONCE: Final = 50
_HISTORY: Final = 15
_PEOPLE: Final = (Role.CUSTOMER, Role.EMPLOYEE, Role.STATION_ADMIN, Role.SYSTEM_ADMIN)
_LONGEST_SEARCH: Final = 100
_REASONS: Final = {
    "user.self": "refused-self",
    "user.erased": "refused-erased",
    "user.last_administrator": "refused-last-administrator",
    "user.terms_missing": "refused-terms-missing",
    "second_factor.none": "refused-factor-none",
    "erasure.employed": "refused-employed",
}
UserId = Annotated[UUID, PathParameter()]
_Text = Annotated[str, QueryParameter(max_length=_LONGEST_SEARCH)]
_Cursor = Annotated[str | None, QueryParameter(max_length=MAX_CURSOR)]


class RoleForm(msgspec.Struct, frozen=True):
    role: Role


class ShownSession(msgspec.Struct, frozen=True):
    device: str | None
    started_at: datetime
    last_used_at: datetime | None
    ip_address: str | None


class _Story(msgspec.Struct, frozen=True):
    """What a person's page shows beside the account."""

    sessions: tuple[ShownSession, ...]
    employments: tuple[ExportedEmployment, ...]
    history: tuple[Line, ...]


def _wanted(state: State, query: str, role: str, active: str) -> UserFilter:
    """What was asked for; of a search that is none of ours nothing. Raises InputError."""
    phone = name = None
    if any(sign.isdigit() for sign in query):
        phone = phone_of(with_country(query, "+52"), state)
    elif query:
        if len(query) < 2 or not query.isprintable():
            raise InputError("users.search", "nothing can be searched for with this")
        name = query
    return UserFilter(
        role=Role(role) if role in _PEOPLE else None,
        is_active={"yes": True, "no": False}.get(active),
        phone_number=phone,
        name=name,
    )


def _order(sort: str) -> people.Order:
    return next((one for one in get_args(people.Order) if one == sort), "-joined")


@get("/office/users", include_in_schema=False, guards=READ)
async def users_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    state: State,
    search: Annotated[str, QueryParameter(name="q", max_length=_LONGEST_SEARCH)] = "",
    role: _Text = "",
    active: _Text = "",
    sort: _Text = "",
    cursor: _Cursor = None,
) -> Template:
    say = Speaker(request, WORDING)
    fault = None
    users: Sequence[ListedUser] = ()
    next_cursor = None
    try:
        wanted = _wanted(state, search.strip(), role, active)
    except InputError:
        fault = say("refused-search")
    else:
        async with db.connection() as conn:
            found = await people.list_people(conn, wanted, _order(sort), cursor=cursor, limit=_AT_ONCE)
        users, next_cursor = found.items, found.next_cursor
    values = {
        "users": users,
        "phones": {one.public_id: shown_phone(one.phone_number) for one in users if one.phone_number},
        "next_cursor": next_cursor,
        "fault": fault,
        "is_search": bool(search.strip()),
        "roles": [(one.value, say(f"role-{one.value}")) for one in _PEOPLE],
        "states": [("yes", say("state-active")), ("no", say("state-inactive"))],
    }
    return page(request, "auth/people/users.html", values, wording=WORDING, status=422 if fault else 200)


@get("/office/users.csv", include_in_schema=False, guards=READ)
async def users_file_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    state: State,
    search: Annotated[str, QueryParameter(name="q", max_length=_LONGEST_SEARCH)] = "",
    role: _Text = "",
    active: _Text = "",
    sort: _Text = "",
) -> Stream:
    say = Speaker(request, WORDING)
    wanted = _wanted(state, search.strip(), role, active)
    await db.run(lambda conn: people.record_export(conn, "PEOPLE"), context)
    shown = filters_of(language_of(request), CHAIN_ZONE)["moment"]

    async def read(conn: Connection, cursor: str | None, limit: int) -> Page[ListedUser]:
        return await people.list_people(conn, wanted, _order(sort), cursor=cursor, limit=limit)

    def row(one: ListedUser) -> Sequence[object]:
        return (
            one.first_name or "",
            one.last_name or "",
            one.phone_number or "",
            say(f"role-{one.role.value}"),
            say("state-active" if one.is_active else "state-inactive"),
            say("yes" if one.has_second_factor else "no"),
            shown(one.last_login_at),
            shown(one.created_at),
            one.public_id,
        )

    names = ("first-name", "last-name", "phone", "role", "state", "factor", "last-login", "joined")
    header = [*(say(f"users-{name}") for name in names), say("audit-reference")]
    language = language_of(request)
    name = "usuarios" if language == "es" else "users"
    return await csv_of_pages(db, read, row, name=name, header=header, language=language)


@get("/office/users/{public_id:uuid}", include_in_schema=False, guards=READ)
async def user_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    keyring: NamedDependency[Keyring],
    public_id: UserId,
) -> Template:
    return await _user_page(request, db, caller, keyring, public_id, Form())


async def _user_page(
    request: Request[Any, Any, Any],
    db: Database,
    caller: Caller,
    keyring: Keyring,
    public_id: UUID,
    form: Form,
    status: int = 200,
) -> Template:
    say = Speaker(request, WORDING)
    async with db.connection() as conn:
        user = await administration.get_user(conn, public_id)
        story = await _story_of(conn, say, keyring.clock(), public_id)
    if not form.value("role"):
        form.values["role"] = user.role.value
    values = {
        "user": user,
        "phone_number": shown_phone(user.phone_number) if user.phone_number else "\N{EN DASH}",
        "name": _name_of(user, say),
        "story": story,
        "form": form,
        "is_own": caller.user_id == public_id,
        "manages": caller.reach(Permission.USERS_MANAGE) is not None,
        "roles": [(one.value, say(f"role-{one.value}")) for one in _PEOPLE],
    }
    return page(request, "auth/people/user.html", values, wording=WORDING, status=status)


async def _story_of(conn: Connection, say: Speaker, now: datetime, public_id: UUID) -> _Story:
    wanted = AuditFilter(since=now - timedelta(days=365), until=now + timedelta(minutes=1), user_id=public_id)
    happened = await audit.search(conn, wanted, after=None, limit=_HISTORY)
    found = await sessions.list_sessions(conn, public_id, None)
    return _Story(
        sessions=tuple(
            ShownSession(one.device_name or device_of(one.user_agent), one.started_at, last_use_of(one), one.ip_address)
            for one in found
        ),
        employments=tuple(await queries.export_employments(conn, public_id, 20)),
        history=await lines_of(conn, say, happened.items),
    )


def _name_of(user: User, say: Speaker) -> str:
    return f"{user.first_name} {user.last_name}" if user.first_name else say("user-erased")


_Act = Callable[[Connection], Awaitable[object]]


async def _done(
    request: Request[Any, Any, Any],
    db: Database,
    caller: Caller,
    keyring: Keyring,
    context: RequestContext,
    public_id: UUID,
    act: _Act,
    said: str,
) -> Template | Redirect:
    """Does it and goes back to the person; what is refused is told there, in words."""
    try:
        async with db.transaction(context) as conn:
            await act(conn)
    except (ConflictError, ForbiddenError, IntegrityError) as error:
        reason: GasolineraError = reason_of(request, error)
        say, form = Speaker(request, WORDING), Form()
        text = say(_REASONS[reason.code]) if reason.code in _REASONS else say("refused-other", code=reason.code)
        form.refuse(text)
        return await _user_page(request, db, caller, keyring, public_id, form, int(reason.status))
    return Redirect(f"/office/users/{public_id}?said={said}", status_code=303)


async def _question(
    request: Request[Any, Any, Any], db: Database, public_id: UUID, name: str, *, word: str | None = None
) -> Question:
    say = Speaker(request, WORDING)
    async with db.connection() as conn:
        user = await administration.get_user(conn, public_id)
    return Question(
        title=say(f"confirm-{name}", name=_name_of(user, say)),
        text=say(f"confirm-{name}-text"),
        yes=say(f"confirm-{name}-yes"),
        back=f"/office/users/{public_id}",
        word=word,
    )


@post("/office/users/{public_id:uuid}/role", include_in_schema=False, status_code=303, guards=_MANAGE)
async def role_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    keyring: NamedDependency[Keyring],
    context: NamedDependency[RequestContext],
    public_id: UserId,
) -> Template | Redirect:
    form = await read_form(request)
    say = Speaker(request, WORDING)
    wish = form.parsed(RoleForm)
    if wish is None or wish.role not in _PEOPLE:
        return await _user_page(request, db, caller, keyring, public_id, form, 422)
    if not is_confirmed(form):
        async with db.connection() as conn:
            user = await administration.get_user(conn, public_id)
        before, after = (say(f"role-{role.value}") for role in (user.role, wish.role))
        question = Question(
            title=say("confirm-role", name=_name_of(user, say)),
            text=say("confirm-role-text", before=before, after=after),
            yes=say("confirm-role-yes"),
            back=f"/office/users/{public_id}",
        )
        return confirm_page(request, question, {"role": wish.role.value}, form)
    role = wish.role
    return await _done(
        request,
        db,
        caller,
        keyring,
        context,
        public_id,
        lambda conn: administration.set_role(conn, caller.user_id, public_id, role),
        "role",
    )


@post("/office/users/{public_id:uuid}/{act:str}", include_in_schema=False, status_code=303, guards=_MANAGE)
async def act_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    keyring: NamedDependency[Keyring],
    context: NamedDependency[RequestContext],
    public_id: UserId,
    act: Annotated[str, PathParameter(pattern=r"^(activate|deactivate|unlock|end|reset|erase)$(?!\n)")],
) -> Template | Redirect:
    """All that takes something away asks before it is done."""
    form = await read_form(request)
    word = Speaker(request, WORDING)("confirm-erase-word") if act == "erase" else None
    if act not in ("activate", "unlock") and not is_confirmed(form, word):
        return confirm_page(request, await _question(request, db, public_id, act, word=word), {}, form)
    actor = caller.user_id
    acts: dict[str, tuple[_Act, str]] = {
        "activate": (lambda conn: administration.set_active(conn, actor, public_id, is_active=True), "activated"),
        "deactivate": (lambda conn: administration.set_active(conn, actor, public_id, is_active=False), "deactivated"),
        "unlock": (lambda conn: administration.unlock(conn, public_id), "unlocked"),
        "end": (lambda conn: administration.end_sessions(conn, public_id), "ended"),
        "reset": (lambda conn: administration.reset_second_factor(conn, actor, public_id), "reset"),
        "erase": (lambda conn: erasure.erase_for(conn, keyring, actor, public_id), "erased"),
    }
    done, said = acts[act]
    return await _done(request, db, caller, keyring, context, public_id, done, said)


@post(
    "/office/users/{public_id:uuid}/export",
    include_in_schema=False,
    status_code=200,
    guards=_MANAGE,
    dependencies=ELSEWHERE,
)
async def export_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    keyring: NamedDependency[Keyring],
    context: NamedDependency[RequestContext],
    elsewhere: NamedDependency[Elsewhere],
    public_id: UserId,
) -> Response[bytes] | Template:
    form = await read_form(request)
    try:
        services = await elsewhere.gather(public_id)  # before a connection is held
    except UnavailableError:
        form.refuse(Speaker(request, WORDING)("export-unavailable"))
        return await _user_page(request, db, caller, keyring, public_id, form, 503)
    async with db.transaction(context) as conn:
        found = await erasure.export(conn, keyring, public_id, services)
    headers = {"content-disposition": f'attachment; filename="{public_id}.json"', "cache-control": "no-store"}
    content = msgspec.json.format(msgspec.json.encode(found), indent=2)
    return Response(content, media_type="application/json", headers=headers)


HANDLERS = (users_route, users_file_route, user_route, role_route, export_route, act_route)
