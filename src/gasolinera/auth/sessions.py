"""Sessions: a right code opens one, its refresh token carries it on, and whoever owns it ends it.

A session is a family of refresh tokens; each is used once and replaced. Access tokens are made from what the
database says at that moment: role, station and employee number are never older than the last refresh. Whoever revokes
a refresh token ends the access tokens of its session: a trigger of the table sees to that.
"""

import hashlib
import secrets
from uuid import UUID

from gasolinera.auth import queries
from gasolinera.auth.codes import read_answer, refusal_of
from gasolinera.auth.models import (
    CURRENT_TERMS,
    REFRESH_LIFE_S,
    Device,
    EndReason,
    OpenSession,
    Refusal,
    RefusalKind,
    Session,
    SessionUser,
    Tokens,
)
from gasolinera.auth.queries import LoginOutcome, RotationOutcome
from gasolinera.database import Connection
from gasolinera.errors import UnknownError
from gasolinera.permissions import Caller
from gasolinera.security import Keyring, issue_access_token


async def log_in(
    conn: Connection, keyring: Keyring, session_token: str, code: str, device: Device, *, is_page: bool = False
) -> OpenSession | Refusal:
    """One statement decides. A refusal is returned: the try that it counted must be kept.

    `is_page`: the session is for a browser's cookie. Its token opens pages, and is no refresh token of an app.
    """
    answer = read_answer(keyring, session_token, code)
    refresh_token = _new_refresh_token()
    made = await queries.log_in(
        conn, answer.session_hash, answer.code_hash, _hash(refresh_token), device, is_page=is_page
    )
    refusal = refusal_of(made.outcome, made.retry_after_s, made.tries_left)
    if refusal is not None:
        return refusal
    return _opened(made, refresh_token, REFRESH_LIFE_S)


async def refresh(conn: Connection, refresh_token: str) -> OpenSession | Refusal:
    """One statement decides. A token that comes back ends its family, and with it the access tokens of the session."""
    successor = _new_refresh_token()
    made = await queries.rotate_refresh_token(conn, _hash(refresh_token), _hash(successor))
    if made.outcome == "GOOD":
        assert made.expires_in_s is not None, "a good rotation says how long it is good"
        return _opened(made, successor, made.expires_in_s)
    if made.outcome == "INACTIVE":
        return Refusal(RefusalKind.INACTIVE)
    return Refusal(RefusalKind(f"TOKEN_{made.outcome}"))


def issue_tokens(keyring: Keyring, opened: OpenSession) -> Tokens:
    caller = Caller(
        role=opened.user.role,
        user_id=opened.user.public_id,
        session_id=opened.session_id,
        station_code=opened.station_code,
        employee_number=opened.employee_number,
        has_second_factor=opened.is_second_factor_proved,
    )
    access = issue_access_token(keyring, caller, now=opened.issued_at)
    return Tokens(
        access_token=access.token,
        expires_in_s=access.expires_in_s,
        refresh_token=opened.refresh_token,
        refresh_expires_in_s=opened.refresh_expires_in_s,
        second_factor_required=opened.has_second_factor and not opened.is_second_factor_proved,
        is_new_user=opened.is_new_user,
        user=opened.user,
    )


async def log_out(conn: Connection, user_id: UUID, session_id: UUID) -> None:
    """Ends one session of the user's own, its access tokens included. Doing it again is no error."""
    await queries.end_sessions(conn, user_id, EndReason.LOGOUT, only=session_id)


async def log_out_everywhere(conn: Connection, user_id: UUID) -> int:
    return await end_all_sessions(conn, user_id, EndReason.LOGOUT)


async def end_session(conn: Connection, user_id: UUID, session_id: UUID) -> None:
    """Raises UnknownError `session.unknown` for what is not a live session of this user."""
    ended = await queries.end_sessions(conn, user_id, EndReason.LOGOUT, only=session_id)
    if not ended:
        raise UnknownError("session.unknown", "there is no such session")


async def end_all_sessions(conn: Connection, user_id: UUID, reason: EndReason) -> int:
    """Ends every session of a user and says how many were live.

    Keeps the user's row locked until the transaction ends, so that no refresh slips through beside it.
    """
    ended = await queries.end_sessions(conn, user_id, reason)
    return len(ended)


async def end_other_sessions(conn: Connection, user_id: UUID, kept: UUID | None, reason: EndReason) -> int:
    ended = await queries.end_sessions(conn, user_id, reason, kept=kept)
    return len(ended)


async def list_sessions(conn: Connection, user_id: UUID, current: UUID | None) -> tuple[Session, ...]:
    return tuple(await queries.list_sessions(conn, user_id, current))


def _opened(made: LoginOutcome | RotationOutcome, refresh_token: str, refresh_expires_in_s: int) -> OpenSession:
    assert made.user_id is not None, "a good outcome names the user"
    assert made.role is not None, "a user has a role"
    assert made.family_id is not None, "a session has a family"
    assert made.preferred_language is not None, "a user has a language"
    is_login = isinstance(made, LoginOutcome)
    return OpenSession(
        user=SessionUser(
            public_id=made.user_id,
            role=made.role,
            first_name=made.first_name or "",
            last_name=made.last_name or "",
            preferred_language=made.preferred_language,
            terms_are_current=made.terms_version == CURRENT_TERMS,
        ),
        session_id=made.family_id,
        is_new_user=is_login and made.is_new,
        has_second_factor=made.has_second_factor,
        is_second_factor_proved=not is_login and made.is_second_factor_proved,
        station_code=made.station_code,
        employee_number=made.employee_number,
        issued_at=made.issued_at,
        refresh_token=refresh_token,
        refresh_expires_in_s=refresh_expires_in_s,
    )


def _new_refresh_token() -> str:
    return secrets.token_urlsafe(32)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
