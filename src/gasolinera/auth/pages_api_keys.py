"""Keys of partners in the back office: made and renewed, shown once, revoked for good."""

from datetime import timedelta
from typing import Annotated, Any
from uuid import uuid4

import msgspec
from litestar import Request, post
from litestar.di import NamedDependency
from litestar.params import PathParameter
from litestar.response import Redirect, Template

from gasolinera.auth import partners
from gasolinera.auth.models_partners import DEFAULT_OVERLAP, MAX_KEY_DAYS, KeyWish
from gasolinera.auth.pages_partners import (
    MANAGE,
    VISIBLE,
    WORDING,
    Code,
    StationCode,
    partner_page,
    question_of,
    refuse,
    secret_page,
    shape_faults,
)
from gasolinera.auth.refused import IntegrityError, Speaker
from gasolinera.database import Database, RequestContext
from gasolinera.errors import ConflictError, GoneError, InputError, UnknownError
from gasolinera.idempotency import once
from gasolinera.permissions import Permission
from gasolinera.web.confirming import confirm_page, is_confirmed
from gasolinera.web.forms import Form, read_form

_Prefix = Annotated[str, PathParameter(pattern=r"^[A-Za-z0-9_-]{8}$(?!\n)")]


class KeyForm(msgspec.Struct, frozen=True, kw_only=True):
    label: Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=VISIBLE)]
    scopes: Annotated[tuple[Permission, ...], msgspec.Meta(min_length=1, max_length=20)]
    station_code: StationCode | None = None
    requests_per_minute: Annotated[int, msgspec.Meta(ge=1, le=60_000)] = 300
    valid_days: Annotated[int, msgspec.Meta(ge=1, le=MAX_KEY_DAYS)] = 365


@post("/office/partners/{code:str}/keys", include_in_schema=False, status_code=200, guards=MANAGE)
async def create_key_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    code: Code,
) -> Template:
    form = await read_form(request)
    say = Speaker(request, WORDING)
    form.values["station_code"] = form.value("station_code").upper()
    wish = form.parsed(KeyForm)
    if wish is None:
        shape_faults(form, say)
        return await partner_page(request, db, code, making=form, status=422)
    key = KeyWish(
        label=wish.label,
        scopes=frozenset(wish.scopes),
        station_code=wish.station_code,
        requests_per_minute=wish.requests_per_minute,
        valid_for=timedelta(days=wish.valid_days),
    )
    try:
        async with db.transaction(context) as conn:

            async def make() -> str:
                return (await partners.create_api_key(conn, code, key)).api_key

            api_key = await once(conn, db.service, request, form.fields, make)
    except (ConflictError, InputError, IntegrityError) as error:
        return await partner_page(request, db, code, making=form, status=refuse(request, form, error))
    return await secret_page(request, say("secret-title-key", name=code), api_key, f"/office/partners/{code}")


@post("/office/partners/{code:str}/keys/{prefix:str}/rotate", include_in_schema=False, status_code=200, guards=MANAGE)
async def rotate_key_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    code: Code,
    prefix: _Prefix,
) -> Template:
    form = await read_form(request)
    if not is_confirmed(form):
        return confirm_page(request, question_of(request, "rotate", code, prefix=prefix), {"key": str(uuid4())}, form)
    say, refused = Speaker(request, WORDING), Form()
    try:
        async with db.transaction(context) as conn:

            async def make() -> str:
                return (await partners.rotate_api_key(conn, code, prefix, overlap=DEFAULT_OVERLAP)).api_key

            api_key = await once(conn, db.service, request, form.fields, make)
    except (ConflictError, GoneError, IntegrityError) as error:
        return await partner_page(request, db, code, making=refused, status=refuse(request, refused, error))
    return await secret_page(request, say("secret-title-key", name=code), api_key, f"/office/partners/{code}")


@post("/office/partners/{code:str}/keys/{prefix:str}/revoke", include_in_schema=False, status_code=303, guards=MANAGE)
async def revoke_key_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    code: Code,
    prefix: _Prefix,
) -> Template | Redirect:
    form = await read_form(request)
    if not is_confirmed(form):
        return confirm_page(request, question_of(request, "revoke", code, prefix=prefix), {}, form)
    refused = Form()
    try:
        async with db.transaction(context) as conn:
            await partners.revoke_api_key(conn, code, prefix)
    except UnknownError as error:
        return await partner_page(request, db, code, making=refused, status=refuse(request, refused, error))
    return Redirect(f"/office/partners/{code}?said=revoked", status_code=303)


HANDLERS = (create_key_route, rotate_key_route, revoke_key_route)
