"""One person's data: what the service holds, for an export, and what goes when the account is erased."""

from uuid import UUID

import msgspec

from gasolinera.database import Connection
from gasolinera.events import Event
from gasolinera.personal_data import MAX_ROWS, PersonalData, holding
from gasolinera.redemption import queries_personal as queries


class _User(msgspec.Struct, frozen=True):
    public_id: UUID


async def export_person(conn: Connection, user_id: UUID) -> PersonalData:
    """Of each kind MAX_ROWS at most, the newest."""
    limit = MAX_ROWS + 1
    return PersonalData(
        (
            holding("account_state", await queries.export_account_states(conn, user_id, limit)),
            holding("redemptions", await queries.export_redemptions(conn, user_id, limit)),
            holding("served", await queries.export_served(conn, user_id, limit)),
            holding("tickets", await queries.export_tickets(conn, user_id, limit)),
            holding("ad_bonuses", await queries.export_ad_bonuses(conn, user_id, limit)),
            holding("free_entries", await queries.export_free_entries(conn, user_id, limit)),
            holding("points", await queries.export_points(conn, user_id, limit)),
            holding("assessments", await queries.export_assessments(conn, user_id, limit)),
            holding("offline_redemptions", await queries.export_offline_redemptions(conn, user_id, limit)),
            holding("employments", await queries.export_employments(conn, user_id, limit)),
        )
    )


async def forget_erased_user(conn: Connection, event: Event) -> None:
    """Tickets that wait are taken back; devices, addresses and texts go. A second time changes nothing.

    Raises msgspec.ValidationError for an event that is not what the catalogue says. Locks what it changes.
    """
    user_id = msgspec.convert(event.data, _User).public_id
    await queries.note_erasure(conn, user_id, event.time)
    await queries.forget_person(conn, user_id)
