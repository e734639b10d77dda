"""What everybody may look at: each raffle's draw with what was promised, its results, terms, and single tickets."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.response import Stream, Template

from gasolinera.database import Connection, Database
from gasolinera.errors import UnknownError
from gasolinera.keyring import Keyring
from gasolinera.limits import Limit
from gasolinera.paging import Page
from gasolinera.raffle import evidence, publishing, raffles, results, showing
from gasolinera.raffle.models_draws import NO_EVIDENCE, DrawStatus, PublishedDraw
from gasolinera.raffle.models_pages import DrawState, RaffleWithDraw
from gasolinera.raffle.models_winners import Disqualification, Result
from gasolinera.raffle.pages import Code, Cursor, Wanted, download
from gasolinera.raffle.showing import Stage
from gasolinera.web.forms import Form
from gasolinera.web.pages import language_of, page
from gasolinera.web.sheets import csv_of_pages
from gasolinera.wording import load_wording

WORDING: Final = load_wording("gasolinera.raffle", "fairness")
_OPEN: Final[dict[str, Any]] = {"open": True, "limits": (Limit("ip", 120, 60),)}
_LARGE: Final[dict[str, Any]] = {"open": True, "limits": (Limit("ip", 20, 60),)}
# Numbers have 80 random bits: nobody guesses one, and nobody is let try.
_GUESSED: Final[dict[str, Any]] = {"open": True, "limits": (Limit("ip", 30, 60),)}
_AT_ONCE: Final = 20
_RESULTS_AT_ONCE: Final = 50
_COLUMNS: Final = ("code", "name", "stage", "closes", "draw-number", "tickets", "people", "drawn")
_TICKET: Final = re.compile(r"TKT[0-9A-HJKMNP-TV-Z]{16}")
_FOR_MINUTES: Final = "public, max-age=300"


@get("/fairness", opt=_OPEN, include_in_schema=False)
async def list_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    q: Wanted = None,
    stage: Wanted = None,
    cursor: Cursor = None,
) -> Template:
    """A stage that there is not finds all."""
    wanted = Stage(stage) if stage in list(Stage) else None
    async with db.connection() as conn:
        found = await showing.list_with_draws(conn, wanted, q or None, cursor=cursor, limit=_AT_ONCE)
    language = language_of(request)
    asked = urlencode({name: value for name, value in (("q", q), ("stage", wanted)) if value})
    values = {
        "found": found,
        "names": [(one, WORDING.text(language, f"stage-{one}")) for one in Stage],
        "stage_of": showing.STAGES,
        "csv": f"/fairness.csv?{asked}" if asked else "/fairness.csv",
    }
    return page(request, "raffle/fairness/list.html", values, wording=WORDING)


@get("/fairness.csv", opt=_LARGE, include_in_schema=False)
async def csv_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    q: Wanted = None,
    stage: Wanted = None,
) -> Stream:
    """All of the list, page by page, so that no connection waits for a slow reader."""
    wanted = Stage(stage) if stage in list(Stage) else None
    language = language_of(request)

    async def read(conn: Connection, cursor: str | None, limit: int) -> Page[RaffleWithDraw]:
        return await showing.list_with_draws(conn, wanted, q or None, cursor=cursor, limit=limit)

    def row(one: RaffleWithDraw) -> Sequence[object]:
        return (
            one.raffle_code,
            one.name,
            WORDING.text(language, f"stage-{showing.STAGES[one.status]}"),
            one.closes_at,
            one.draw_number,
            one.tickets,
            one.participants,
            one.drawn_at,
        )

    header = [WORDING.text(language, f"csv-{name}") for name in _COLUMNS]
    return await csv_of_pages(db, read, row, name="raffles", header=header, language=language)


@get("/fairness/{code:str}", opt=_OPEN, include_in_schema=False)
async def fairness_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    code: Code,
    cursor: Cursor = None,
) -> Template:
    """Raises UnknownError."""
    async with db.transaction() as conn:
        raffle = await raffles.published_raffle(conn, code.upper())
        draw = await publishing.find_draw_of(conn, raffle.raffle_code)
        report = None if draw is None else await evidence.report(conn, raffle.raffle_code)
        given_up = await showing.draws_given_up(conn, raffle.raffle_code)
        is_drawn = draw is not None and draw.status is DrawStatus.DRAWN
        found = None
        if is_drawn:
            found = await results.list_results(conn, raffle.raffle_code, cursor=cursor, limit=_RESULTS_AT_ONCE)
    values = {
        "raffle": raffle,
        "stage": showing.STAGES[raffle.status],
        "draw": draw,
        "manifest": None if draw is None else publishing.manifest_of(draw),
        "signature": "" if draw is None else draw.manifest_signature.hex(),
        "manifest_hash": "" if draw is None else draw.manifest_sha256.hex(),
        "report": report,
        "results": found,
        "reasons": _reasons(() if found is None else found.items),
        "given_up": given_up,
        "no_evidence": NO_EVIDENCE,
        "is_drawn": is_drawn,
        "is_waiting": draw is not None and draw.status is DrawStatus.FROZEN,
    }
    return page(request, "raffle/fairness/one.html", values, wording=WORDING)


def _reasons(rows: Sequence[Result]) -> Mapping[int, str]:
    """Of the disqualifications, out of what was signed, by position."""
    return {
        row.draw_position: msgspec.json.decode(row.disqualification.document, type=Disqualification).reason
        for row in rows
        if row.disqualification is not None
    }


@get("/fairness/{code:str}/state", opt=_OPEN, include_in_schema=False)
async def state_route(db: NamedDependency[Database], code: Code) -> DrawState:
    """For the page that waits for the round. Raises UnknownError."""
    async with db.connection() as conn:
        return await showing.draw_state(conn, code.upper())


@get("/fairness/{code:str}/terms", opt=_OPEN, include_in_schema=False)
async def terms_route(request: Request[Any, Any, Any], db: NamedDependency[Database], code: Code) -> Template:
    """Raises UnknownError."""
    async with db.connection() as conn:
        raffle = await raffles.published_raffle(conn, code.upper())
        terms = await raffles.get_terms(conn, raffle.raffle_code, None, with_drafts=False)
    return page(request, "raffle/fairness/terms.html", {"raffle": raffle, "terms": terms}, wording=WORDING)


@get("/fairness/tickets", opt=_GUESSED, include_in_schema=False)
async def ticket_route(
    request: Request[Any, Any, Any], db: NamedDependency[Database], number: Wanted = None
) -> Template:
    """What is no number is told at the field; blanks and hyphens between its groups do not matter."""
    asked = re.sub(r"[\s-]", "", number or "").upper()
    form = Form({"number": number or ""})
    found = None
    if asked and not _TICKET.fullmatch(asked):
        form.refuse(WORDING.text(language_of(request), "ticket-wrong"), "number")
    elif asked:
        try:
            async with db.connection() as conn:
                found = await showing.look_up_ticket(conn, asked)
        except UnknownError:
            found = None
    values = {"form": form, "asked": asked if not form.errors else "", "found": found}
    status = 422 if form.errors else 200
    return page(request, "raffle/fairness/ticket.html", values, wording=WORDING, status=status)


async def _draw_of(db: Database, code: str) -> PublishedDraw:
    async with db.connection() as conn:
        return await publishing.draw_of(conn, code.upper())


@get("/fairness/{code:str}/manifest", opt=_OPEN, include_in_schema=False)
async def manifest_route(db: NamedDependency[Database], code: Code) -> Response[bytes]:
    """The bytes that are signed. Raises UnknownError."""
    found = await _draw_of(db, code)
    return download(found.manifest, f"draw-{found.draw_number}-manifest.json")


@get("/fairness/{code:str}/bundle", opt=_LARGE, include_in_schema=False)
async def bundle_route(db: NamedDependency[Database], keyring: NamedDependency[Keyring], code: Code) -> Stream:
    """Raises UnknownError, ConflictError `draw.not_drawn`, UnavailableError `draw.key_missing`."""
    found = await _draw_of(db, code)
    if found.status is not DrawStatus.DRAWN:
        raise publishing.not_drawn(found)
    key = publishing.sealing_key(found, keyring.all_of("raffle"))
    return _stream(publishing.bundle_of(db, found, key), f"draw-{found.draw_number}-bundle.json", "application/json")


@get("/fairness/{code:str}/list", opt=_LARGE, include_in_schema=False)
async def entries_route(db: NamedDependency[Database], code: Code) -> Stream:
    """The whole list, 54 bytes an entry; nobody is named in it. Raises UnknownError."""
    found = await _draw_of(db, code)
    return _stream(publishing.list_of(db, found), f"draw-{found.draw_number}-list.bin", "application/octet-stream")


@get("/fairness/{code:str}/excluded", opt=_LARGE, include_in_schema=False)
async def excluded_route(db: NamedDependency[Database], code: Code) -> Stream:
    """Raises UnknownError."""
    found = await _draw_of(db, code)
    return _stream(publishing.excluded_of(db, found), f"draw-{found.draw_number}-excluded.txt", "text/plain")


def _stream(pieces: Any, name: str, media_type: str) -> Stream:
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": _FOR_MINUTES}
    return Stream(pieces, media_type=media_type, headers=headers)


HANDLERS: Final = (
    list_route,
    csv_route,
    fairness_route,
    state_route,
    terms_route,
    ticket_route,
    manifest_route,
    bundle_route,
    entries_route,
    excluded_route,
)
