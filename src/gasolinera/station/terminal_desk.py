"""What the station service answers the others of its process about terminals."""

from datetime import datetime

from gasolinera.database import Database, RequestContext
from gasolinera.keyring import from_base64url
from gasolinera.station.models_terminals import SignedRequest
from gasolinera.station.terminals import verify_terminal
from gasolinera.terminal_calls import KnownTerminal, SignedByTerminal


async def verify_for_others(
    db: Database, context: RequestContext, signed: SignedByTerminal, now: datetime
) -> KnownTerminal:
    """Raises as `verify_terminal` does. A transaction of its own: what is admitted is remembered, whatever follows."""
    request = SignedRequest(
        signature=signed.signature,
        method=signed.method,
        target=signed.target,
        body_sha256=from_base64url(signed.body_sha256),
    )
    async with db.transaction(context) as conn:
        found = await verify_terminal(conn, request, now=now)
    return KnownTerminal(found.terminal_code, found.station_code, found.public_key)
