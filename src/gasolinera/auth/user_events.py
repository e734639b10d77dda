"""What this service tells others about a user: the reference, the role and whether the user is active, nothing more."""

from gasolinera.calls import UserSummary
from gasolinera.database import Connection
from gasolinera.events import Outbox

OUTBOX = Outbox("auth_schema")


async def publish_user_changed(conn: Connection, user: UserSummary) -> None:
    """In the transaction of the change, which holds the user's row. `user.registered` is written by `log_in` itself."""
    await OUTBOX.publish(
        conn,
        "user.changed",
        aggregate="user",
        subject=str(user.public_id),
        data={"public_id": str(user.public_id), "role": user.role.value, "active": user.active},
    )
