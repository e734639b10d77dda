"""Deliveries to a webhook in the back office: one with every try, and sent again."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter
from litestar.response import Redirect, Template

from gasolinera.auth import webhooks
from gasolinera.auth.pages_partners import WORDING, Code
from gasolinera.auth.pages_webhooks import MANAGE, PATH, EndpointId, event_texts
from gasolinera.auth.refused import Speaker
from gasolinera.database import Database, RequestContext
from gasolinera.errors import ConflictError
from gasolinera.web.forms import Form, read_form
from gasolinera.web.pages import page

_DeliveryId = Annotated[UUID, PathParameter()]


async def _delivery_page(
    request: Request[Any, Any, Any],
    db: Database,
    code: str,
    endpoint_id: UUID,
    delivery_id: UUID,
    form: Form,
    status: int = 200,
) -> Template:
    async with db.connection() as conn:
        found = await webhooks.get_delivery(conn, code, endpoint_id, delivery_id)
    values = {
        "code": code,
        "endpoint_id": endpoint_id,
        "log": found,
        "event": event_texts(Speaker(request, WORDING), [found.delivery.event_type]),
        "body": msgspec.json.format(found.body, indent=2),
        "form": form,
    }
    return page(request, "auth/partners/delivery.html", values, wording=WORDING, status=status)


@get(f"{PATH}/deliveries/{{delivery_id:uuid}}", include_in_schema=False, guards=MANAGE)
async def delivery_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    code: Code,
    endpoint_id: EndpointId,
    delivery_id: _DeliveryId,
) -> Template:
    return await _delivery_page(request, db, code, endpoint_id, delivery_id, Form())


@post(f"{PATH}/deliveries/{{delivery_id:uuid}}/again", include_in_schema=False, status_code=303, guards=MANAGE)
async def again_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    code: Code,
    endpoint_id: EndpointId,
    delivery_id: _DeliveryId,
) -> Template | Redirect:
    """With the same id and content: whoever had it knows it, and a second click finds it waiting."""
    form = await read_form(request)
    try:
        async with db.transaction(context) as conn:
            await webhooks.redeliver(conn, code, endpoint_id, delivery_id)
    except ConflictError:
        form.refuse(Speaker(request, WORDING)("refused-under-way"))
        return await _delivery_page(request, db, code, endpoint_id, delivery_id, form, 409)
    return Redirect(f"/office/webhooks/{code}/{endpoint_id}/deliveries/{delivery_id}?said=again", status_code=303)


HANDLERS = (delivery_route, again_route)
