"""One person's data: what the service holds, for an export."""

from uuid import UUID

from gasolinera.database import Connection
from gasolinera.personal_data import MAX_ROWS, PersonalData, holding
from gasolinera.raffle import queries_personal as queries
from gasolinera.raffle.queries_winners import export_prizes


async def export_person(conn: Connection, user_id: UUID) -> PersonalData:
    """Of each kind MAX_ROWS at most, the newest."""
    limit = MAX_ROWS + 1
    return PersonalData(
        (
            holding("account_state", await queries.export_account_states(conn, user_id, limit)),
            holding("prizes", await export_prizes(conn, user_id, limit)),
            holding("raffle_entries", await queries.export_entries(conn, user_id, limit)),
            holding("refused_tickets", await queries.export_refused(conn, user_id, limit)),
            holding("confirmed_ages", await queries.export_ages(conn, user_id, limit)),
            holding("exclusions", await queries.export_exclusions(conn, user_id, limit)),
            holding("employments", await queries.export_employments(conn, user_id, limit)),
        )
    )
