"""What the service holds about one person, for an export."""

from uuid import UUID

from gasolinera.coupon import queries_personal as queries
from gasolinera.database import Connection
from gasolinera.personal_data import MAX_ROWS, PersonalData, holding


async def export_person(conn: Connection, user_id: UUID) -> PersonalData:
    """Of each kind MAX_ROWS at most, the newest."""
    limit = MAX_ROWS + 1
    return PersonalData(
        (
            holding("coupons", await queries.export_coupons(conn, user_id, limit)),
            holding("uses", await queries.export_uses(conn, user_id, limit)),
            holding("attempts", await queries.export_attempts(conn, user_id, limit)),
            holding("scans", await queries.export_scans(conn, user_id, limit)),
            holding("campaign_uses", await queries.export_campaign_uses(conn, user_id, limit)),
            holding("grants", await queries.export_grants(conn, user_id, limit)),
        )
    )
