"""The page that verifies a draw in the reader's own browser: no bundle that he gives it goes anywhere."""

from typing import Any, Final

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.response import Template

from gasolinera.database import Database
from gasolinera.errors import UnknownError
from gasolinera.limits import Limit
from gasolinera.raffle import showing
from gasolinera.raffle.models_draws import DrawStatus
from gasolinera.raffle.pages import VERIFIER_IMPORTS, Wanted
from gasolinera.web.pages import page
from gasolinera.wording import load_wording

WORDING: Final = load_wording("gasolinera.raffle", "verify")
# The names that the module gives its checks, in the order in which it makes them.
CHECKS: Final = (
    "format",
    "signature",
    "seal",
    "operator-key",
    "manifest",
    "history",
    "chain",
    "schedule",
    "round",
    "leaves",
    "list",
    "openings",
    "selection",
    "timestamps",
    "witnesses",
    "kept-manifest",
    "evidence",
    "proof",
)


@get("/verify", opt={"open": True, "limits": (Limit("ip", 120, 60),)}, include_in_schema=False)
async def verify_route(
    request: Request[Any, Any, Any], db: NamedDependency[Database], raffle: Wanted = None
) -> Template:
    """With the bundle of a raffle at hand where one is named and drawn; it works without the database otherwise."""
    code = None
    if raffle:
        try:
            async with db.connection() as conn:
                state = await showing.draw_state(conn, raffle.upper())
        except UnknownError:
            state = None
        code = raffle.upper() if state is not None and state.draw_status is DrawStatus.DRAWN else None
    values = {"checks": CHECKS, "code": code}
    return page(request, "raffle/verify/verify.html", values, wording=WORDING, imports=VERIFIER_IMPORTS)


HANDLERS: Final = (verify_route,)
