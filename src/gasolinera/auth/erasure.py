"""One person's data: all of it on request, of all services, and forgetting who it was.

There is no period of grace: a fresh code, or an administrator with a second factor, has said so, and what was erased
does not come back. The row stays, so that its reference never names somebody else.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from gasolinera.auth import codes
from gasolinera.auth import queries_administration as queries
from gasolinera.auth.administration import unknown_user
from gasolinera.auth.codes import CodeWay, read_answer, refusal_of
from gasolinera.auth.errors import inactive
from gasolinera.auth.models import AskedCode, Refusal
from gasolinera.auth.models_administration import Erasure, ExportedPerson
from gasolinera.auth.preferences import get_preferences
from gasolinera.auth.user_events import OUTBOX
from gasolinera.database import Connection
from gasolinera.errors import ConflictError, ForbiddenError
from gasolinera.keyring import Keyring
from gasolinera.personal_data import MAX_ROWS, ServiceData

Row = TypeVar("Row")


async def export(
    conn: Connection, keyring: Keyring, user_id: UUID, services: tuple[ServiceData, ...]
) -> ExportedPerson:
    """With what the other `services` hold. Raises UnknownError `user.unknown`. That it was given is in the log."""
    await queries.record_export(conn, user_id)
    account = await queries.export_account(conn, user_id)
    if account is None:
        raise unknown_user()
    hashes = _hashes(keyring, account.phone_number)
    limit = MAX_ROWS + 1  # one more than is given tells that there are more
    cut: list[str] = []

    def newest(name: str, found: Sequence[Row]) -> tuple[Row, ...]:
        if len(found) > MAX_ROWS:
            cut.append(name)
        return tuple(found[:MAX_ROWS])

    return ExportedPerson(
        account=account,
        sessions=newest("sessions", await queries.export_sessions(conn, user_id, limit)),
        codes=newest("codes", await queries.export_codes(conn, user_id, limit)),
        employments=newest("employments", await queries.export_employments(conn, user_id, limit)),
        log=newest("log", await queries.export_log(conn, user_id, hashes, limit)),
        acts=newest("acts", await queries.export_acts(conn, user_id, limit)),
        notifications=newest("notifications", await queries.export_notifications(conn, user_id, limit)),
        preferences=await get_preferences(conn, user_id),
        incomplete=tuple(cut),  # last: the lists above fill it
        services=services,
    )


async def request_own(conn: Connection, keyring: Keyring, user_id: UUID, way: CodeWay) -> AskedCode | Refusal:
    """A code to the own phone. Raises ForbiddenError `account.inactive`."""
    phone = await queries.get_own_phone(conn, user_id)
    if phone is None:
        raise inactive()
    return await codes.request_verification(conn, keyring, user_id, phone, way)


async def erase_own(
    conn: Connection, keyring: Keyring, user_id: UUID, *, session_token: str, code: str
) -> Refusal | None:
    """A refusal is returned: the try that it counted must be kept.

    Raises ConflictError `erasure.employed` or `user.last_administrator`, which take the try back.
    """
    answer = read_answer(keyring, session_token, code)
    tried = await queries.try_own_code(conn, user_id, session_hash=answer.session_hash, code_hash=answer.code_hash)
    refusal = refusal_of(tried.outcome, tried.retry_after_s, tried.tries_left)
    if refusal is None:
        await erase(conn, keyring, user_id, "OWN_REQUEST")
    return refusal


async def erase_for(conn: Connection, keyring: Keyring, actor: UUID | None, user_id: UUID) -> None:
    """By an administrator. Raises ForbiddenError `user.self` and what `erase` raises."""
    if actor == user_id:
        raise ForbiddenError("user.self", "nobody erases the own account here", "use the own account's erasure")
    await erase(conn, keyring, user_id, "ADMINISTRATOR")


async def erase(conn: Connection, keyring: Keyring, user_id: UUID, reason: str) -> bool:
    """False: it was done before. Everybody who keeps something about the person hears `user.erased`, when it
    is REPLAYED even then: another service's database may be the one that came back from a backup.

    Raises UnknownError `user.unknown`, ConflictError `erasure.employed` or `user.last_administrator`.
    """
    hashes = _hashes(keyring, await queries.lock_phone(conn, user_id))
    made = await queries.erase_user(conn, user_id, reason, hashes)
    if made.outcome == "UNKNOWN":
        raise unknown_user()
    if made.outcome == "EMPLOYED":
        hint = "end the employment at the station first"
        raise ConflictError("erasure.employed", "this person works at a station", hint)
    if made.outcome == "AGAIN" and reason != "REPLAYED":
        return False
    assert made.role is not None, "a user has a role"
    await OUTBOX.publish(
        conn,
        "user.erased",
        aggregate="user",
        subject=str(user_id),
        data={"public_id": str(user_id), "role": made.role.value, "active": False},
    )
    return made.outcome != "AGAIN"


def _hashes(keyring: Keyring, phone_number: str | None) -> list[bytes]:
    """By what the log knows the phone where it knew no account: one hash for each key that is still accepted."""
    return [mac for _, mac in keyring.macs("phone", phone_number.encode())] if phone_number else []


async def list_erasures(conn: Connection, since: datetime) -> Sequence[Erasure]:
    """The ledger, to be kept outside of the database."""
    return await queries.list_erasures(conn, since)
