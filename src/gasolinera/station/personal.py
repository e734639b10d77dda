"""One person's data: what the service holds, for an export, and what goes when the account is erased."""

from uuid import UUID

import msgspec

from gasolinera.database import Connection
from gasolinera.events import Event
from gasolinera.personal_data import MAX_ROWS, PersonalData, holding
from gasolinera.station import queries_personal as queries
from gasolinera.station.roster import take_user_event


class _User(msgspec.Struct, frozen=True):
    public_id: UUID


async def export_person(conn: Connection, user_id: UUID) -> PersonalData:
    """Of each kind MAX_ROWS at most, the newest."""
    limit = MAX_ROWS + 1
    return PersonalData(
        (
            holding("account_state", await queries.export_account_states(conn, user_id, limit)),
            holding("employments", await queries.export_employments(conn, user_id, limit)),
            holding("shifts", await queries.export_shifts(conn, user_id, limit)),
            holding("certifications", await queries.export_certifications(conn, user_id, limit)),
            holding("terminals", await queries.export_terminals(conn, user_id, limit)),
            holding("history", await queries.export_history(conn, user_id, limit)),
            holding("acts", await queries.export_acts(conn, user_id, limit)),
        )
    )


async def take_account_event(conn: Connection, event: Event) -> None:
    """What the roster does, and after an erasure what tells who it was goes: the employment's end is logged before.

    Raises msgspec.ValidationError for an event that is not what the catalogue says. Locks as the roster does.
    """
    await take_user_event(conn, event)
    if event.type == "user.erased":
        await queries.forget_person(conn, msgspec.convert(event.data, _User).public_id)
