"""Who loses access before the access token ends, and what this service tells the gates of all processes."""

from collections.abc import Mapping
from uuid import UUID

from gasolinera.auth import queries_partners as queries
from gasolinera.auth.page_sessions import find_page_caller
from gasolinera.authority import Authority, KeyHolder, Revocation, Revocations
from gasolinera.database import Connection, Database
from gasolinera.jobs import Job
from gasolinera.permissions import Caller


async def revoke_access(conn: Connection, *, user_id: UUID | None = None, session_id: UUID | None = None) -> None:
    """End the access tokens of a session, or those that a user has by now.

    The tables do this by themselves when an account is deactivated or changes its role and when a session is ended.
    For what they cannot see, such as an employment's end: call it while the user's row is locked, so that no token of
    the time before is issued after.
    """
    assert (user_id is None) != (session_id is None), "a session or a user"
    if session_id is not None:
        await queries.revoke_session(conn, session_id)
    if user_id is not None:
        await queries.revoke_user(conn, user_id)


async def list_revocations(conn: Connection, cursor: str | None) -> Revocations:
    rows = await queries.list_revocations(conn, cursor)
    items = tuple(Revocation(row.revoked_at, row.user_id, row.session_id) for row in rows if row.revoked_at is not None)
    return Revocations(items, rows[0].cursor)


def local_authority(db: Database) -> Authority:
    """For the gate of a process that runs this service. The key ring at hand is the truth about public keys."""

    async def revocations(cursor: str | None) -> Revocations:
        async with db.connection() as conn:
            return await list_revocations(conn, cursor)

    async def find_api_key(key_hash: bytes) -> KeyHolder | None:
        async with db.connection() as conn:
            return await queries.find_api_key(conn, key_hash)

    async def find_session(token_hash: bytes) -> Caller | None:
        async with db.connection() as conn:
            return await find_page_caller(conn, token_hash)

    return Authority(revocations=revocations, find_api_key=find_api_key, find_session=find_session)


async def _forget(db: Database, _arguments: Mapping[str, str]) -> str:
    async with db.transaction() as conn:
        deleted = await queries.forget_revocations(conn)
    return f"forgot {deleted.rpartition(' ')[2]} revocations whose tokens have ended"


FORGET_REVOCATIONS = Job(
    name="auth.forget_revocations",
    service="auth",
    summary="Forget who lost access when the tokens of that time have ended.",
    run=_forget,
    schedule="17 * * * *",
)
