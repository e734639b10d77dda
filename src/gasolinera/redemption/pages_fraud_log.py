"""Who changed what about fraud: rules, thresholds and cases, found by what it is about."""

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Request, get
from litestar.di import NamedDependency
from litestar.response import Stream, Template

from gasolinera.authentication import requires
from gasolinera.database import Connection, Database
from gasolinera.paging import Page
from gasolinera.permissions import Permission
from gasolinera.redemption import fraud_rules
from gasolinera.redemption.fraud_words import rule_label
from gasolinera.redemption.models_fraud import FraudAuditEntry
from gasolinera.redemption.pages_fraud import WORDING
from gasolinera.web.figures import sheet_moment
from gasolinera.web.forms import Form
from gasolinera.web.pages import CHAIN_ZONE, language_of, page
from gasolinera.web.sheets import csv_of_pages

_READ: Final = [requires(Permission.FRAUD_RULES)]
_SHOWN: Final = 50
_COLUMNS: Final = ("column-when", "log-what", "log-subject", "log-who", "log-before", "log-after")
Event = Literal["RULE_INSERT", "RULE_UPDATE", "RULE_DELETE", "THRESHOLDS_UPDATE", "REVIEW_UPDATE"]
EVENTS: Final[tuple[Event, ...]] = (
    "RULE_INSERT",
    "RULE_UPDATE",
    "RULE_DELETE",
    "THRESHOLDS_UPDATE",
    "REVIEW_UPDATE",
)


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """`q`: the name of a rule, or the id of a case, whole."""

    q: Annotated[str, msgspec.Meta(max_length=50)] | None = None
    event: Event | None = None
    sort: Literal["when", "-when"] = "-when"


@get("/office/fraud/log", guards=_READ, include_in_schema=False)
async def log_route(request: Request[Any, Any, Any], db: NamedDependency[Database]) -> Template:
    form, filters = _asked(request)
    async with db.connection() as conn:
        found = await _read(conn, filters, cursor=form.values.get("cursor"), limit=_SHOWN)
    language = language_of(request)
    values = {
        "form": form,
        "found": found,
        "labels": {one.id: rule_label(WORDING, language, one.subject) for one in found.items if _is_of_rule(one)},
        "events": EVENTS,
        "is_filtered": filters.q is not None or filters.event is not None,
    }
    return page(request, "redemption/fraud/log.html", values, wording=WORDING, status=422 if form.errors else 200)


@get("/office/fraud/log/export.csv", guards=_READ, include_in_schema=False)
async def export_route(request: Request[Any, Any, Any], db: NamedDependency[Database]) -> Stream:
    _, filters = _asked(request)
    language = language_of(request)

    async def read(conn: Connection, cursor: str | None, limit: int) -> Page[FraudAuditEntry]:
        return await _read(conn, filters, cursor=cursor, limit=limit)

    return await csv_of_pages(
        db,
        read,
        lambda one: _row(one, language),
        name=WORDING.text(language, "log-file"),
        header=[WORDING.text(language, name) for name in _COLUMNS],
        language=language,
    )


async def _read(conn: Connection, filters: Filters, *, cursor: str | None, limit: int) -> Page[FraudAuditEntry]:
    """Raises InputError `request.cursor`."""
    return await fraud_rules.list_audit(
        conn, filters.q, event_type=filters.event, is_up=filters.sort == "when", cursor=cursor, limit=limit
    )


def _asked(request: Request[Any, Any, Any]) -> tuple[Form, Filters]:
    form = Form({name: str(value).strip() for name, value in request.query_params.items()})
    form.values["q"] = form.value("q").lower().replace(" ", "_")
    return form, form.parsed(Filters) or Filters()


def _is_of_rule(entry: FraudAuditEntry) -> bool:
    return entry.event_type.startswith("RULE")


def _row(entry: FraudAuditEntry, language: str) -> Sequence[object]:
    return (
        sheet_moment(entry.created_at, CHAIN_ZONE),
        WORDING.text(language, f"event-{entry.event_type.lower().replace('_', '-')}"),
        rule_label(WORDING, language, entry.subject) if _is_of_rule(entry) else entry.subject,
        entry.actor,
        _told(entry.old_values),
        _told(entry.new_values),
    )


def _told(values: dict[str, Any] | None) -> str | None:
    return None if values is None else msgspec.json.encode(values).decode()


HANDLERS = (log_route, export_route)
