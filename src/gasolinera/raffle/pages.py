"""Raffles for who takes part: what is open, what one raffle gives and asks, and what the own chances are."""

from typing import Annotated, Any, Final, TypeAlias
from uuid import UUID

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, PathParameter, QueryParameter
from litestar.response import Redirect, Template

from gasolinera.authentication import requires
from gasolinera.database import Database, RequestContext
from gasolinera.errors import GasolineraError
from gasolinera.keyring import Keyring
from gasolinera.limits import Limit
from gasolinera.paging import MAX_CURSOR
from gasolinera.permissions import Caller, Permission
from gasolinera.raffle import eligibility, proofs, raffles, receipts, showing
from gasolinera.raffle.documents import canonical
from gasolinera.raffle.models import AgeConfirmation, Entry, Prize, Standing
from gasolinera.web.forms import read_form
from gasolinera.web.pages import page
from gasolinera.wording import load_wording

WORDING: Final = load_wording("gasolinera.raffle", "raffles")
# What the verifier imports by name, from packages that set-up has installed.
VERIFIER_IMPORTS: Final = ("@noble/curves/bls12-381.js", "@noble/curves/ed25519.js", "@noble/hashes/sha2.js")
_OPEN: Final[dict[str, Any]] = {"open": True, "limits": (Limit("ip", 120, 60),)}
_OWN: Final = [requires(Permission.RAFFLE_ENTRIES)]
_CONFIRM: Final = [requires(Permission.RAFFLE_ENTRIES, fresh=True)]
_AT_ONCE: Final = 12
_ENTRIES_AT_ONCE: Final = 10

Cursor: TypeAlias = Annotated[str | None, QueryParameter(max_length=MAX_CURSOR)]
Wanted: TypeAlias = Annotated[str | None, QueryParameter(max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)")]
Code: TypeAlias = Annotated[str, PathParameter(max_length=50, pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{2,49}$(?!\n)")]


class ShownEntry(msgspec.Struct, frozen=True, kw_only=True):
    """`left_out`: why the draw does not hold it; `has_proof`: the list is frozen, and holds it."""

    entry: Entry
    left_out: str | None
    has_proof: bool


class PrizePicture(msgspec.Struct, frozen=True):
    """`picture` is of our own address: pages show nothing from elsewhere, and link to it."""

    prize: Prize
    picture: str | None
    elsewhere: str | None


def download(data: bytes, name: str, media_type: str = "application/json") -> Response[bytes]:
    """A file that browsers keep instead of showing it. `name` is of letters, digits and hyphens."""
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
    return Response(data, media_type=media_type, headers=headers)


def holder_of(caller: Caller) -> UUID:
    assert caller.user_id is not None, "only people hold this permission"
    return caller.user_id


@get("/raffles", opt=_OPEN, include_in_schema=False)
async def list_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    q: Wanted = None,
    cursor: Cursor = None,
) -> Template:
    caller: Caller | None = request.user
    user_id = None if caller is None else caller.user_id
    async with db.connection() as conn:
        found = await showing.list_open(conn, user_id, q or None, cursor=cursor, limit=_AT_ONCE)
    values = {"found": found, "q": q or "", "has_account": user_id is not None}
    return page(request, "raffle/raffles/list.html", values, wording=WORDING)


@get("/raffles/{code:str}", opt=_OPEN, include_in_schema=False)
async def raffle_route(request: Request[Any, Any, Any], db: NamedDependency[Database], code: Code) -> Template:
    """Raises UnknownError."""
    caller: Caller | None = request.user
    async with db.connection() as conn:
        raffle = await raffles.published_raffle(conn, code.upper())
        standing = None
        if caller is not None and caller.user_id is not None:
            standing = await eligibility.get_standing(conn, raffle.raffle_code, caller.user_id)
    own = f"{request.app.state['settings'].public_url.rstrip('/')}/"
    values = {
        "raffle": raffle,
        "standing": standing,
        "odds": None if standing is None else _odds(standing),
        "stage": showing.STAGES[raffle.status],
        "prizes": [_with_picture(prize, own) for prize in raffle.prizes],
    }
    return page(request, "raffle/raffles/one.html", values, wording=WORDING)


def _odds(standing: Standing) -> int | None:
    """One in how many; None where nobody can say."""
    chance = float(standing.chance or 0)
    return max(1, round(1 / chance)) if chance else None


def _with_picture(prize: Prize, own: str) -> PrizePicture:
    address = prize.image_url
    if address is not None and address.startswith(own):
        return PrizePicture(prize, f"/{address.removeprefix(own)}", None)
    return PrizePicture(prize, None, address)


class _AgeForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    min_age: Annotated[int, msgspec.Meta(ge=12, le=99)]


@post("/raffles/{code:str}/age", guards=_CONFIRM, include_in_schema=False, status_code=303)
async def confirm_age_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    code: Code,
) -> Redirect:
    """What the page named is confirmed: of a raffle whose age is another one by now nothing is. Raises UnknownError."""
    form = await read_form(request)
    parsed = form.parsed(_AgeForm)
    said = "age-refused"
    if parsed is not None:
        try:
            async with db.transaction(context) as conn:
                await eligibility.confirm_age(conn, code.upper(), holder_of(caller), AgeConfirmation(parsed.min_age))
            said = "age-confirmed"
        except GasolineraError as error:
            said = "age-closed" if error.code == "raffle.not_open" else said
    return Redirect(f"/raffles/{code.upper()}?said={said}", status_code=303)


@get("/raffles/{code:str}/mine", guards=_OWN, include_in_schema=False)
async def mine_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    code: Code,
    cursor: Cursor = None,
) -> Template:
    """Raises UnknownError."""
    holder = holder_of(caller)
    async with db.connection() as conn:
        raffle = await raffles.published_raffle(conn, code.upper())
        standing = await eligibility.get_standing(conn, raffle.raffle_code, holder)
        state = await showing.draw_state(conn, raffle.raffle_code)
        entries = await receipts.list_entries(conn, holder, raffle.raffle_code, cursor=cursor, limit=_ENTRIES_AT_ONCE)
        gone = await showing.left_out(conn, raffle.raffle_code, holder)
        refused = await showing.refused_here(conn, raffle.raffle_code, holder)
    is_frozen = state.draw_status in ("FROZEN", "DRAWN")
    values = {
        "raffle": raffle,
        "standing": standing,
        "is_frozen": is_frozen,
        "entries": [
            ShownEntry(
                entry=entry,
                left_out=gone.get(entry.issuance_id),
                has_proof=is_frozen and entry.issuance_id not in gone,
            )
            for entry in entries.items
        ],
        "next_cursor": entries.next_cursor,
        "refused": refused,
    }
    imports = VERIFIER_IMPORTS if is_frozen else ()
    return page(request, "raffle/raffles/mine.html", values, wording=WORDING, imports=imports)


@get("/raffles/{code:str}/entries/{issuance_id:uuid}/receipt", guards=_OWN, include_in_schema=False)
async def receipt_route(
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    keyring: NamedDependency[Keyring],
    code: Code,
    issuance_id: FromPath[UUID],
) -> Response[bytes]:
    """Raises UnknownError, also for another's."""
    async with db.connection() as conn:
        found = await receipts.get_receipt(conn, keyring, code.upper(), issuance_id, holder_of(caller))
    return download(msgspec.json.encode(found), f"receipt-{code.upper()}-{str(issuance_id)[:8]}.json")


@get("/raffles/{code:str}/proofs/{ticket:str}", guards=_OWN, include_in_schema=False)
async def proof_route(
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    code: Code,
    ticket: Annotated[str, PathParameter(pattern=r"^TKT[0-9A-HJKMNP-TV-Z]{16}$(?!\n)")],
) -> Response[bytes]:
    """Raises UnknownError, ConflictError `ticket.excluded`."""
    async with db.connection() as conn:
        found = await proofs.prove(conn, ticket, holder=holder_of(caller), sees_all=False)
    return download(canonical(found), f"proof-{code.upper()}-{ticket}.json")


HANDLERS: Final = (list_route, raffle_route, confirm_age_route, mine_route, receipt_route, proof_route)
