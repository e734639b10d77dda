"""The second factor: time-based codes (RFC 6238) of an authenticator app, and recovery codes for when it is lost.

The secret is encrypted for its owner alone. Which step a typed code belongs to is found here; whether that step is
still good, the statement decides that uses it up, counts wrong ones and marks the session.
"""

import hashlib
import hmac
import re
import secrets
from base64 import b32encode
from datetime import datetime
from typing import Final
from uuid import UUID

from pyotp.totp import TOTP

from gasolinera.auth import queries_administration as queries
from gasolinera.auth.errors import inactive
from gasolinera.auth.models_administration import RECOVERY_CODES, Confirmed, Enrolment, FactorUse, Proved
from gasolinera.auth.queries_administration import FactorOutcome, StoredFactor
from gasolinera.database import Connection
from gasolinera.errors import ConflictError, GasolineraError, LockedError, UnauthenticatedError
from gasolinera.keyring import Keyring
from gasolinera.permissions import Caller
from gasolinera.security import AccessToken, issue_access_token

ISSUER: Final = "Gasolinera JSM"
STEP_S: Final = 30
_SECRET_BYTES: Final = 20  # RFC 4226: as long as the hash
_RECOVERY_BYTES: Final = 10
_DRIFT: Final = (-1, 0, 1)  # clocks differ, and people type slowly
_TOTP = re.compile(r"[0-9]{6}")
_RECOVERY = re.compile(r"[A-Z2-7]{16}")


async def enrol(conn: Connection, keyring: Keyring, user_id: UUID) -> Enrolment:
    """A new secret, shown once; it counts when `confirm` has seen a code of it. Doing it again replaces the secret.

    Raises ConflictError `second_factor.enabled`.
    """
    raw = secrets.token_bytes(_SECRET_BYTES)
    key_id, encrypted = keyring.encrypt("second_factor", raw, context=user_id.bytes)
    label = await queries.put_second_factor(conn, user_id, encrypted, key_id)
    if label is None:
        raise _enabled()
    return enrolment_of(b32encode(raw).decode(), label)


def enrolment_of(secret: str, label: str) -> Enrolment:
    return Enrolment(secret, TOTP(secret, name=label, issuer=ISSUER).provisioning_uri())


async def prove(
    conn: Connection, keyring: Keyring, caller: Caller, typed: str, use: FactorUse, now: datetime
) -> FactorOutcome:
    """Two statements: the code is compared outside of the database, which never sees the secret.

    Gives the outcome, whatever it is: what it counted must be kept. `proved` raises what belongs to a refusal.
    """
    assert caller.user_id is not None, "only people have a second factor"
    stored = await queries.get_second_factor(conn, caller.user_id)
    code = re.sub(r"[\s-]", "", typed).upper()
    return await queries.prove_second_factor(
        conn,
        caller.user_id,
        caller.session_id,
        secret=stored.secret if stored else None,
        step=_matching_step(keyring, caller.user_id, stored, code, now),
        recovery_hash=_recovery_hash(caller.user_id, code) if _RECOVERY.fullmatch(code) else None,
        use=use,
    )


def _matching_step(
    keyring: Keyring, user_id: UUID, stored: StoredFactor | None, code: str, now: datetime
) -> int | None:
    """The newest step whose code this is."""
    if stored is None or stored.secret is None or stored.key_id is None or not _TOTP.fullmatch(code):
        return None
    raw = keyring.decrypt("second_factor", stored.key_id, stored.secret, context=user_id.bytes)
    totp = TOTP(b32encode(raw).decode())
    current = int(now.timestamp()) // STEP_S
    fitting = [current + drift for drift in _DRIFT if hmac.compare_digest(totp.generate_otp(current + drift), code)]
    return max(fitting, default=None)


def step_up(keyring: Keyring, caller: Caller, outcome: FactorOutcome) -> Proved:
    """After the commit. Raises what a refusal means."""
    token = _token(keyring, caller, proved(outcome))
    return Proved(
        access_token=token.token, expires_in_s=token.expires_in_s, recovery_codes_left=outcome.recovery_codes_left
    )


def confirmed(keyring: Keyring, caller: Caller, outcome: FactorOutcome, recovery_codes: tuple[str, ...]) -> Confirmed:
    """After the commit. Raises what a refusal means."""
    token = _token(keyring, caller, proved(outcome))
    return Confirmed(access_token=token.token, expires_in_s=token.expires_in_s, recovery_codes=recovery_codes)


def _token(keyring: Keyring, caller: Caller, outcome: FactorOutcome) -> AccessToken:
    """What the database says now, never what the token of before said."""
    assert outcome.role is not None, "a user has a role"
    stronger = Caller(
        role=outcome.role,
        user_id=caller.user_id,
        session_id=caller.session_id,
        station_code=outcome.station_code,
        employee_number=outcome.employee_number,
        has_second_factor=True,
    )
    return issue_access_token(keyring, stronger, now=outcome.issued_at)


async def make_recovery_codes(conn: Connection, user_id: UUID) -> tuple[str, ...]:
    """Ten new ones, shown once; those before are worth nothing."""
    codes = tuple(b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode() for _ in range(RECOVERY_CODES))
    await queries.replace_recovery_codes(conn, user_id, [_recovery_hash(user_id, code) for code in codes])
    return tuple("-".join(code[at : at + 4] for at in range(0, len(code), 4)) for code in codes)


async def remove(conn: Connection, user_id: UUID) -> None:
    """The own one, after a code of it. Access tokens end; where administrators need one, the constraint refuses."""
    await queries.remove_second_factor(conn, user_id, keeps_login=True)


def _recovery_hash(user_id: UUID, code: str) -> bytes:
    return hashlib.sha256(user_id.bytes + code.encode()).digest()


def proved(outcome: FactorOutcome) -> FactorOutcome:
    """The outcome if it is good. Raises UnauthenticatedError, LockedError, ConflictError or ForbiddenError."""
    if outcome.outcome == "GOOD":
        return outcome
    raise _refused(outcome)


def _refused(outcome: FactorOutcome) -> GasolineraError:
    match outcome.outcome:
        case "WRONG":
            hint = "each code is good once: wait for the next one"
            return UnauthenticatedError("second_factor.wrong", "the code is not right", hint)
        case "LOCKED":
            hint = f"try again in {outcome.retry_after_s} s"
            message = "too many wrong codes: nobody can log in with this account for a while"
            return LockedError("account.locked", message, hint, retry_after_s=outcome.retry_after_s)
        case "ENDED":
            return UnauthenticatedError("auth.access_ended", "this access has ended", "log in again")
        case "ENABLED":
            return _enabled()
        case "NONE":
            return ConflictError("second_factor.none", "this account has no second factor", "enrol one")
        case _:
            return inactive()


def _enabled() -> ConflictError:
    return ConflictError("second_factor.enabled", "this account has a second factor already", "disable it first")
