"""Deliveries to a webhook in the back office: one with every try, and sent again."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter
from litestar.response import Redirect, Stream, Template

from gasolinera.auth import webhooks
from gasolinera.auth.models_webhooks import Delivery, DeliveryPosition, DeliveryStatus
from gasolinera.auth.pages_partners import WORDING, Code, Text
from gasolinera.auth.pages_webhooks import MANAGE, PATH, EndpointId, event_texts
from gasolinera.auth.refused import Speaker
from gasolinera.database import Connection, Database, RequestContext
from gasolinera.errors import ConflictError
from gasolinera.paging import Page, decode_cursor
from gasolinera.web.figures import sheet_moment
from gasolinera.web.forms import Form, read_form
from gasolinera.web.pages import CHAIN_ZONE, language_of, page
from gasolinera.web.sheets import csv_of_pages

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


@get(f"{PATH}/deliveries.csv", include_in_schema=False, guards=MANAGE)
async def deliveries_file_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    code: Code,
    endpoint_id: EndpointId,
    shown: Text = "",
) -> Stream:
    say = Speaker(request, WORDING)
    status = DeliveryStatus(shown) if shown in DeliveryStatus.__members__ else None

    async def read(conn: Connection, cursor: str | None, limit: int) -> Page[Delivery]:
        after = decode_cursor(DeliveryPosition, cursor)
        return await webhooks.list_deliveries(conn, code, endpoint_id, after=after, limit=limit, status=status)

    def row(one: Delivery) -> Sequence[object]:
        moments = [
            sheet_moment(moment, CHAIN_ZONE) if moment else None
            for moment in (one.created_at, one.next_attempt_at, one.delivered_at)
        ]
        said = event_texts(say, [one.event_type]), say(f"status-{one.status}")
        return (moments[0], *said, one.attempts, *moments[1:], one.delivery_id)

    names = ("at", "event", "status", "attempts", "next", "done")
    header = [*(say(f"deliveries-{name}") for name in names), say("delivery-reference")]
    return await csv_of_pages(db, read, row, name="deliveries", header=header, language=language_of(request))


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


HANDLERS = (deliveries_file_route, delivery_route, again_route)
