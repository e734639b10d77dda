"""The own account: reading it, changing it, accepting terms, and moving to another phone."""

from uuid import UUID, uuid4

from gasolinera.auth import queries
from gasolinera.auth.codes import read_answer, refusal_of
from gasolinera.auth.errors import inactive, terms_not_current
from gasolinera.auth.models import (
    CURRENT_TERMS,
    EndReason,
    Language,
    Message,
    PhoneChanged,
    Profile,
    ProfileChange,
    Refusal,
)
from gasolinera.auth.sessions import end_other_sessions
from gasolinera.auth.texts import phone_changed_text
from gasolinera.database import Connection
from gasolinera.keyring import Keyring


async def get_profile(conn: Connection, user_id: UUID) -> Profile:
    """Raises ForbiddenError `account.inactive`: the token is good, and the account is not."""
    found = await queries.get_profile(conn, user_id)
    if found is None:
        raise inactive()
    return found


async def change_profile(conn: Connection, user_id: UUID, change: ProfileChange) -> Profile:
    """Raises ForbiddenError `account.inactive`."""
    changed = await queries.change_profile(conn, user_id, change)
    if changed is None:
        raise inactive()
    return changed


async def accept_terms(conn: Connection, user_id: UUID, version: str, *, confirms_age: bool) -> Profile:
    """Raises ConflictError `terms.not_current` and ForbiddenError `account.inactive`."""
    if version != CURRENT_TERMS:
        raise terms_not_current(CURRENT_TERMS)
    await queries.accept_terms(conn, user_id, version, confirms_age=confirms_age)
    return await get_profile(conn, user_id)


async def change_phone(
    conn: Connection, keyring: Keyring, user_id: UUID, session_id: UUID | None, *, session_token: str, code: str
) -> PhoneChanged | Refusal:
    """The new number becomes the login, every other session ends, and the old number is told after the commit.

    A number that is another account's by now breaks `users_phone_number_key`.
    """
    answer = read_answer(keyring, session_token, code)
    made = await queries.change_phone(
        conn, answer.session_hash, answer.code_hash, user_id=user_id, session_id=session_id
    )
    refusal = refusal_of(made.outcome, made.retry_after_s, made.tries_left)
    if refusal is not None:
        return refusal
    assert made.old_phone is not None, "whoever changes a number had one"
    ended = await end_other_sessions(conn, user_id, session_id, EndReason.PHONE_CHANGED)
    text = phone_changed_text(made.language or Language.ES)
    return PhoneChanged(ended, Message(uuid4(), made.old_phone, text))
