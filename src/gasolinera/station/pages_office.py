"""What the pages of the back office share: what an address asks for, sorting and pages of lists, words for values."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final, Protocol, TypeVar
from uuid import UUID

import msgspec
from litestar import Request
from litestar.exceptions import ValidationException
from litestar.response import Template

from gasolinera.errors import InputError
from gasolinera.paging import Page, decode_cursor, page_of
from gasolinera.permissions import Caller, Permission
from gasolinera.station.changes import AuditEntry
from gasolinera.station.models_office import PAGE, OfficePosition, Order, Sorting
from gasolinera.station.roster import sight_of
from gasolinera.web.figures import filters_of, sheet_moment
from gasolinera.web.forms import Form
from gasolinera.web.pages import CHAIN_ZONE, language_of, page
from gasolinera.wording import load_wording

WORDING: Final = load_wording("gasolinera.station", "office")
CSV_PAGE: Final = 1_000
_HIDDEN: Final = frozenset(
    {
        "id",
        "station_id",
        "employee_id",
        "created_at",
        "updated_at",
        "public_key",
        "enrolled_by",
        "set_by",
        "scheduled_by",
    }
)
_MOMENTS: Final = frozenset({"performance_measured_at", "status_changed_at", "valid_from"})
_DAYS: Final = frozenset({"opened_on", "price_as_of", "day"})
_SHOWN_CHARACTERS: Final = 160
_NOTHING: Final = "\N{EN DASH}"
# Values that have words of their own, by the field that holds them.
_VALUES: Final = {
    "status": "status",
    "station_type": "type",
    "fuel": "fuel",
    "fuels": "fuel",
    "services_offered": "service",
    "country": "country",
    "position": "position",
    "role": "role",
    "shift": "shift",
    "employment_type": "contract",
    "kind": "training",
    "required_certification": "training",
}
Figures = Mapping[str, Callable[..., str]]
Asked = TypeVar("Asked", bound=msgspec.Struct)


class Row(Protocol):
    @property
    def sorted(self) -> str: ...
    @property
    def code(self) -> str: ...


Listed = TypeVar("Listed", bound=Row)


class Changed(msgspec.Struct, frozen=True):
    """One value of an entry of the log, in words."""

    label: str
    before: str
    after: str


class ShownEntry(msgspec.Struct, frozen=True):
    """`person`: who did it, where that is a user."""

    what: str
    at: datetime
    person: str | None
    actor: str
    changes: tuple[Changed, ...]


def asked(request: Request[Any, Any, Any], kind: type[Asked]) -> Asked:
    """What the address asks for; a field that was left empty asks for nothing. Raises InputError, and what the
    framework raises for parameters that nobody reads.
    """
    given = {name: value for name, value in request.query_params.items() if value != "" and name != "said"}
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise InputError("request.invalid", f"the address has wrong values: {error}") from None


def sorting(kind: type[Order], text: str | None) -> Sorting[Order]:
    """`name`, or `-name` for downwards; the first of the kind where nothing is said."""
    name = (text or next(iter(kind))).removeprefix("-")
    if name not in set(kind):
        raise InputError("request.invalid", f"a list is not sorted by {name!r}")
    return Sorting(kind(name), (text or "").startswith("-"))


def position_of(order: Sorting[Any], cursor: str | None) -> OfficePosition | None:
    """Raises InputError `request.cursor`; that of another sorting begins anew."""
    position = decode_cursor(OfficePosition, cursor)
    return position if position is not None and position.by == _name(order) else None


def listed(found: Sequence[Listed], order: Sorting[Any]) -> Page[Listed]:
    """A page from a query for one row more than a page holds."""
    return page_of(found, limit=PAGE, position=lambda row: at_row(row, order))


def at_row(row: Row, order: Sorting[Any]) -> OfficePosition:
    return OfficePosition(_name(order), row.sorted, row.code)


def _name(order: Sorting[Any]) -> str:
    return f"{'-' if order.is_descending else ''}{order.by}"


def bound_of(caller: Caller, permission: Permission) -> str | None:
    """The only station that the caller's lists are of; None: of all. Raises ForbiddenError."""
    sight = sight_of(caller, permission)
    if sight.user_id is not None:
        raise ValidationException("this page is of stations, not of one's own things")
    return sight.station_code


def words(request: Request[Any, Any, Any], name: str, /, **arguments: str | int) -> str:
    return WORDING.text(language_of(request), name, arguments)


def choices(request: Request[Any, Any, Any], prefix: str, kind: Iterable[str]) -> list[tuple[str, str]]:
    """Values and their words, for choosing."""
    return [(str(one), words(request, f"{prefix}-{one}")) for one in kind]


class Reasoned(msgspec.Struct, frozen=True, kw_only=True):
    """A page that asks why before something is done for good. Texts are in the reader's language."""

    title: str
    text: str
    yes: str
    back: str
    back_text: str


def reason_page(request: Request[Any, Any, Any], about: Reasoned, form: Form | None = None) -> Template:
    form = form or Form()
    status = 422 if form.errors or form.refusals else 200
    values = {"about": about, "form": form}
    return page(request, "station/office/reason.html", values, wording=WORDING, status=status)


def sheet_line(request: Request[Any, Any, Any], row: object, columns: Mapping[str, str], zone: str) -> list[object]:
    """A row of a file, in the words of the page that it is a file of; `columns`: each name, and where its words begin,
    "" where it has none.
    """
    return [_cell(language_of(request), getattr(row, name), prefix, zone) for name, prefix in columns.items()]


def _cell(language: str, value: object, prefix: str, zone: str) -> object:
    if isinstance(value, bool):
        return WORDING.text(language, "yes" if value else "no")
    if isinstance(value, datetime):
        return sheet_moment(value, zone)
    if isinstance(value, tuple):
        return ", ".join(WORDING.text(language, f"{prefix}-{one}") for one in msgspec.convert(value, tuple[str, ...]))
    return WORDING.text(language, f"{prefix}-{value}") if prefix and value is not None else value


def shown_entries(request: Request[Any, Any, Any], entries: Iterable[AuditEntry], zone: str | None) -> list[ShownEntry]:
    """`zone`: of the station that the entries are of."""
    language = language_of(request)
    figures = filters_of(language, zone or CHAIN_ZONE)
    return [_shown(entry, language, figures) for entry in entries]


def log_kinds(request: Request[Any, Any, Any]) -> list[tuple[str, str]]:
    """What a log tells, for choosing."""
    known = WORDING.names(language_of(request))
    return [(name.removeprefix("event-"), words(request, name)) for name in sorted(known) if name.startswith("event-")]


def log_lines(request: Request[Any, Any, Any], entry: ShownEntry, zone: str) -> list[tuple[str, ...]]:
    """An entry in a file: a line for each value, and one where it has none."""
    who = words(request, "log-person", id=entry.person[-8:]) if entry.person else entry.actor
    begins = (sheet_moment(entry.at, zone), entry.what, who)
    return [(*begins, one.label, one.before, one.after) for one in entry.changes] or [(*begins, "", "", "")]


def _shown(entry: AuditEntry, language: str, figures: Figures) -> ShownEntry:
    before, after = entry.old_values or {}, entry.new_values or {}
    names = [name for name in {**before, **after} if name not in _HIDDEN]
    changes = [
        Changed(_label(name, language), _text(name, before, language, figures), _text(name, after, language, figures))
        for name in names
    ]
    try:
        person = str(UUID(entry.actor))
    except ValueError:
        person = None
    what = _known(f"event-{entry.event_type}", language) or entry.event_type.replace("_", " ").capitalize()
    return ShownEntry(what, entry.created_at, person, entry.actor, tuple(changes))


def _label(name: str, language: str) -> str:
    return _known(f"field-{name.replace('_', '-')}", language) or name.replace("_", " ")


def _known(name: str, language: str) -> str | None:
    return WORDING.text(language, name) if name in WORDING.names(language) else None


def _text(name: str, values: Mapping[str, Any], language: str, figures: Figures) -> str:
    value = values.get(name)
    if value is None or value in ([], {}):
        return _NOTHING
    if name in _MOMENTS:
        return figures["moment"](datetime.fromisoformat(str(value)))
    if name in _DAYS:
        return figures["day"](date.fromisoformat(str(value)))
    if isinstance(value, bool):
        return WORDING.text(language, "yes" if value else "no")
    if isinstance(value, list):
        parts = msgspec.convert(value, list[Any])
        return ", ".join(_word(name, str(part), language) for part in parts)
    if isinstance(value, dict):
        value = msgspec.json.encode(value).decode()
    return _word(name, str(value), language)


def _word(name: str, value: str, language: str) -> str:
    known = _known(f"{_VALUES[name]}-{value}", language) if name in _VALUES else None
    return known or (value if len(value) <= _SHOWN_CHARACTERS else f"{value[:_SHOWN_CHARACTERS]}…")
