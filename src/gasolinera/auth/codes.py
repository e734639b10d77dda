"""One-time codes: asking for one, asking again, and what the MAC of one is made of.

A code is never stored. Its MAC is made here with a pepper that the database does not hold, over the session's hash and
the code, so it is worth nothing for another session. The statement in the database compares, counts and consumes.
"""

import hashlib
import re
import secrets
from ipaddress import ip_network
from uuid import UUID, uuid4

import msgspec

from gasolinera.auth import queries
from gasolinera.auth.errors import phone_unchanged, terms_not_current
from gasolinera.auth.models import (
    CODE_LIFE_S,
    CURRENT_TERMS,
    RESEND_AFTER_S,
    AskedCode,
    CodeSession,
    Language,
    Message,
    Purpose,
    Refusal,
    RefusalKind,
    Registration,
)
from gasolinera.auth.phones import country_prefix
from gasolinera.auth.queries import CodeLimit, NewCode
from gasolinera.auth.texts import code_text
from gasolinera.database import Connection
from gasolinera.errors import GoneError
from gasolinera.keyring import Keyring, UnknownKeyError
from gasolinera.limits import network_of

# How many codes may be asked for. The database also measures the minute and the hour of a phone, border or not.
PHONE_PER_MINUTE = 1
PHONE_PER_HOUR = 10
ADDRESS_PER_MINUTE = 10
ADDRESS_PER_HOUR = 60  # a station's customers may share one address
SITE_PER_HOUR = 300  # one customer of a provider may hold all 65,536 networks of an IPv6 /48
COUNTRY_PER_HOUR = 10_000  # what is sent beyond that, somebody is paid for

_SESSION_TOKEN = re.compile(r"([1-9][0-9]{0,4})\.[A-Za-z0-9_-]{43}")


class CodeWay(msgspec.Struct, frozen=True):
    """Where a request comes from and how its code leaves: `domain` may fill the code in, `channel` is the table's."""

    ip_address: str | None
    domain: str
    channel: str


class Answer(msgspec.Struct, frozen=True):
    """A code that was typed, as the database compares it."""

    session_hash: bytes
    code_hash: bytes


async def register(
    conn: Connection, keyring: Keyring, phone_number: str, registration: Registration, way: CodeWay
) -> AskedCode | Refusal:
    """A code for a new account, which is made when the code proves the phone; where there is one, it logs in.

    Raises ConflictError `terms.not_current`. Nothing in the answer says whether the phone has an account.
    """
    if registration.terms_version != CURRENT_TERMS:
        raise terms_not_current(CURRENT_TERMS)
    return await _request(conn, keyring, phone_number, Purpose.REGISTRATION, way, registration=registration)


async def request_login(conn: Connection, keyring: Keyring, phone_number: str, way: CodeWay) -> AskedCode | Refusal:
    """A code to log in with. A phone without account gets the same answer, nothing is sent, and no code is right."""
    return await _request(conn, keyring, phone_number, Purpose.LOGIN, way)


async def request_phone_change(
    conn: Connection, keyring: Keyring, user_id: UUID, phone_number: str, way: CodeWay
) -> AskedCode | Refusal:
    """A code to the new number, for the session of the user alone. Raises ConflictError `phone.unchanged`."""
    return await _request(conn, keyring, phone_number, Purpose.PHONE_CHANGE, way, user_id=user_id)


async def request_verification(
    conn: Connection, keyring: Keyring, user_id: UUID, phone_number: str, way: CodeWay
) -> AskedCode | Refusal:
    """A code to the user's own phone, before something that cannot be taken back."""
    return await _request(conn, keyring, phone_number, Purpose.PHONE_VERIFICATION, way, user_id=user_id)


async def resend(conn: Connection, keyring: Keyring, session_token: str, way: CodeWay) -> AskedCode | Refusal:
    """Another code for the same, with another session: the one before is void. Counts against the same limits.

    Raises GoneError `code.over` where there is nothing to send again.
    """
    old_hash = _hash(session_token)
    found = await queries.find_resendable(conn, old_hash)
    if found is None:
        raise GoneError("code.over", "this session is over", "begin again")
    return await _request(
        conn, keyring, found.phone_number, found.purpose, way, user_id=found.user_id, resend_of=old_hash
    )


async def _request(
    conn: Connection,
    keyring: Keyring,
    phone_number: str,
    purpose: Purpose,
    way: CodeWay,
    *,
    user_id: UUID | None = None,
    registration: Registration | None = None,
    resend_of: bytes | None = None,
) -> AskedCode | Refusal:
    """Everything is made whether it will be sent or not, so that the time taken says nothing either."""
    code = f"{secrets.randbelow(1_000_000):06}"
    pepper_id = keyring.current("otp").id
    # The token names the pepper, so that a code in flight survives the pepper's rotation.
    session_token = f"{pepper_id}.{secrets.token_urlsafe(32)}"
    session_hash = _hash(session_token)
    new = NewCode(
        session_hash=session_hash,
        phone_number=phone_number,
        phone_hash=keyring.mac("phone", phone_number.encode())[1],
        purpose=purpose,
        channel=way.channel,
        user_id=user_id,
        code_hash=_mac(keyring, pepper_id, session_hash, code),
        decoy=secrets.token_bytes(32),
        pepper_id=pepper_id,
        limits=_limits(phone_number, way.ip_address),
        registration=registration,
        resend_of=resend_of,
    )
    made = await queries.request_code(conn, new)
    if made.outcome == "UNCHANGED":
        raise phone_unchanged()
    if made.outcome == "LIMITED":
        return Refusal(RefusalKind.LIMITED, retry_after_s=made.retry_after_s)
    text = code_text(made.language or Language.ES, code, way.domain)
    message = Message(uuid4(), phone_number, text, session_hash)
    return AskedCode(CodeSession(session_token, CODE_LIFE_S, RESEND_AFTER_S), message if made.is_to_be_sent else None)


def _limits(phone_number: str, ip_address: str | None) -> tuple[CodeLimit, ...]:
    limits = (
        CodeLimit("PHONE", phone_number, 60, PHONE_PER_MINUTE),
        CodeLimit("PHONE", phone_number, 3600, PHONE_PER_HOUR),
        CodeLimit("COUNTRY_PREFIX", country_prefix(phone_number), 3600, COUNTRY_PER_HOUR),
    )
    if ip_address is None:
        return limits
    network = network_of(ip_address)
    limits += (
        CodeLimit("IP", network, 60, ADDRESS_PER_MINUTE),
        CodeLimit("IP", network, 3600, ADDRESS_PER_HOUR),
    )
    if ":" not in ip_address:
        return limits
    return (*limits, CodeLimit("IP", str(ip_network(f"{ip_address}/48", strict=False)), 3600, SITE_PER_HOUR))


def read_answer(keyring: Keyring, session_token: str, code: str) -> Answer:
    """A token that nobody gave out has a hash that nobody stored, and a MAC that fits nothing."""
    session_hash = _hash(session_token)
    found = _SESSION_TOKEN.fullmatch(session_token)
    try:
        code_hash = _mac(keyring, int(found[1]) if found else 0, session_hash, code)
    except UnknownKeyError:
        code_hash = secrets.token_bytes(32)
    return Answer(session_hash, code_hash)


def refusal_of(outcome: str, retry_after_s: int, tries_left: int) -> Refusal | None:
    """None for the right code."""
    return None if outcome == "GOOD" else Refusal(RefusalKind(outcome), retry_after_s, tries_left)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _mac(keyring: Keyring, pepper_id: int, session_hash: bytes, code: str) -> bytes:
    # The hash has a fixed length, so no two pairs run together into the same bytes.
    return keyring.mac_with("otp", pepper_id, session_hash + code.encode())
