"""What `employee.changed` does here: who works where, the role that follows from it, and who loses access by it."""

from datetime import datetime

import msgspec

from gasolinera.auth import queries
from gasolinera.auth.models import Employment, EndReason
from gasolinera.auth.revocations import revoke_access
from gasolinera.auth.sessions import end_all_sessions
from gasolinera.auth.user_events import publish_user_changed
from gasolinera.database import Connection
from gasolinera.events import Event
from gasolinera.permissions import Role


async def take_employee_changed(conn: Connection, event: Event) -> None:
    """Raises msgspec.ValidationError for an event that is not what the catalogue says, and the foreign key's error
    for a user who does not exist: the event is then kept with the others that failed.
    """
    await apply_employment(conn, msgspec.convert(event.data, Employment), event.time)


async def apply_employment(conn: Connection, employment: Employment, as_of: datetime) -> None:
    """The newest word wins, whatever the order in which they come.

    Locks the user before the employment is written: two events about one user's two employments must not compute
    the role beside each other.
    """
    await queries.lock_user(conn, employment.user_id)
    for user_id in await queries.put_employment(conn, employment, as_of):
        changed = await queries.set_role_by_employment(conn, user_id)
        if changed is None:
            # Station or number may be others: what tokens say is asked for anew at the next refresh.
            await revoke_access(conn, user_id=user_id)
            continue
        reason = EndReason.TERMINATED if changed.role is Role.CUSTOMER else EndReason.ROLE_CHANGED
        await end_all_sessions(conn, user_id, reason)
        await publish_user_changed(conn, changed)
