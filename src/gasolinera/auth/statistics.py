"""The service in figures, as of the last refresh."""

from gasolinera.auth import queries_statistics as queries
from gasolinera.auth.models_administration import Statistics
from gasolinera.database import Connection


async def get_statistics(conn: Connection) -> Statistics:
    return Statistics(
        summary=await queries.get_summary(conn),
        users=tuple(await queries.list_user_statistics(conn)),
        logins=tuple(await queries.list_login_statistics(conn)),
    )
