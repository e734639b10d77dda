"""One person's data: what the service holds, for an export, and what goes when the account is erased."""

from uuid import UUID

import msgspec

from gasolinera.ads import queries_personal as queries
from gasolinera.database import Connection
from gasolinera.events import Consumer, Event
from gasolinera.personal_data import MAX_ROWS, PersonalData, holding


class _User(msgspec.Struct, frozen=True):
    public_id: UUID


async def export_person(conn: Connection, user_id: UUID) -> PersonalData:
    """Of each kind MAX_ROWS at most, the newest."""
    limit = MAX_ROWS + 1
    return PersonalData(
        (
            holding("account_state", await queries.export_account_states(conn, user_id, limit)),
            holding("views", await queries.export_views(conn, user_id, limit)),
            holding("servings", await queries.export_servings(conn, user_id, limit)),
            holding("multipliable", await queries.export_multipliable(conn, user_id, limit)),
            holding("frequencies", await queries.export_frequencies(conn, user_id, limit)),
            holding("changes", await queries.export_changes(conn, user_id, limit)),
            holding("decisions", await queries.export_decisions(conn, user_id, limit)),
            holding("uploads", await queries.export_uploads(conn, user_id, limit)),
        )
    )


async def forget_erased_user(conn: Connection, event: Event) -> None:
    """Addresses, devices, stations and words about the views go, and what could still be multiplied; sums stay.

    A second time changes nothing. Raises msgspec.ValidationError for an event that is not what the catalogue says.
    Locks what it changes.
    """
    user_id = msgspec.convert(event.data, _User).public_id
    await queries.note_erasure(conn, user_id, event.time)
    await queries.forget_person(conn, user_id)


ERASURE_CONSUMERS = (Consumer("ads", frozenset({"user.erased"}), forget_erased_user),)
