"""Terminals: let in by a code, known by what they sign, shut out at once."""

import hmac
import re
import secrets
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import msgspec
from nacl.exceptions import CryptoError
from nacl.signing import VerifyKey

from gasolinera.counted_limits import CountedLimit, CountedLimits
from gasolinera.database import Connection, Database
from gasolinera.errors import ConflictError, GasolineraError, GoneError, UnauthenticatedError
from gasolinera.jobs import Job
from gasolinera.keyring import Keyring, UnknownKeyError, from_base64url, to_base64url
from gasolinera.limits import network_of
from gasolinera.paging import Page, Position, decode_cursor, page_of
from gasolinera.permissions import Caller, Permission
from gasolinera.station import queries_terminals as queries
from gasolinera.station.errors import unknown_station
from gasolinera.station.errors_employees import unknown_terminal
from gasolinera.station.models_terminals import (
    ALPHABET,
    MAX_SKEW_S,
    REFERENCE_LENGTH,
    SECRET_LENGTH,
    Enrolment,
    EnrolmentCode,
    ProvenTerminal,
    SignedRequest,
    Terminal,
    enrolment_bytes,
    invalid_signature,
    normalized_code,
    read_signature,
    signed_bytes,
    written_code,
)
from gasolinera.station.roster import sight_at, sight_of

_MANAGE = Permission.TERMINALS_MANAGE
_LIMITS = CountedLimits("station_schema")
_TERMINAL_CODE = re.compile(r"TRM[0-9]{6,15}")


class TerminalPosition(Position, frozen=True):
    code: str


class EnrolmentRefusal(StrEnum):
    """Why a device was not let in. Returned, so that the try stays counted."""

    WRONG = "wrong"
    OVER = "over"


async def make_code(conn: Connection, caller: Caller, keyring: Keyring, station_code: str, name: str) -> EnrolmentCode:
    """A code for one device, good for 15 minutes and three tries. Kept as a keyed hash alone.

    Raises ForbiddenError, UnknownError, ConflictError `terminal.too_many_codes`. Locks the station.
    """
    sight_at(caller, _MANAGE, station_code)
    reference, secret = _random(REFERENCE_LENGTH), _random(SECRET_LENGTH)
    key_id, code_hash = keyring.mac("otp", _hashed(reference, secret))
    expires_at = await queries.make_enrolment(
        conn, station_code, reference=reference, name=name, code_key_id=key_id, code_hash=code_hash
    )
    if expires_at is None:
        if not await queries.station_exists(conn, station_code):
            raise unknown_station()
        hint = "use one of them, or wait until they end"
        raise ConflictError("terminal.too_many_codes", "ten codes of this station are open already", hint)
    return EnrolmentCode(written_code(reference, secret), station_code, name, expires_at)


async def enrol(
    conn: Connection, keyring: Keyring, sent: Enrolment, *, ip_address: str | None
) -> Terminal | EnrolmentRefusal:
    """A device becomes a terminal: it knows the code, and signs with the key that it sends.

    Raises TooManyError per address, UnauthenticatedError for a signature that is not the key's; the constraint refuses
    a key that any terminal has or had. Whatever is raised takes the counted try back, and the code was not told wrong.
    """
    await _LIMITS.take(conn, [CountedLimit("terminal.enrol", network_of(ip_address), 60, 3600)])
    code = normalized_code(sent.code)
    if code is None:
        return EnrolmentRefusal.WRONG
    reference, secret = code
    tried = await queries.try_enrolment(conn, reference)
    if tried is None:
        return EnrolmentRefusal.OVER
    try:
        expected = keyring.mac_with("otp", tried.code_key_id, _hashed(reference, secret))
    except UnknownKeyError:
        return EnrolmentRefusal.OVER
    if not hmac.compare_digest(expected, tried.code_hash):
        return EnrolmentRefusal.WRONG if tried.tries_left else EnrolmentRefusal.OVER
    public_key = _bytes(sent.public_key, 32)
    _check(public_key, enrolment_bytes(reference, secret, public_key), _bytes(sent.signature, 64))
    return await queries.enrol_terminal(conn, tried.id, public_key)


def enrolment_error(refusal: EnrolmentRefusal) -> GasolineraError:
    if refusal is EnrolmentRefusal.WRONG:
        return UnauthenticatedError("terminal.code_wrong", "the code is not right", "look at it again")
    return GoneError("terminal.code_over", "this code is no longer good", "ask for another code")


async def list_terminals(
    conn: Connection, caller: Caller, station_code: str, *, cursor: str | None, limit: int
) -> Page[Terminal]:
    """Raises ForbiddenError, UnknownError, InputError `request.cursor`."""
    sight_at(caller, _MANAGE, station_code)
    position = decode_cursor(TerminalPosition, cursor)
    after = "" if position is None else position.code
    found = await queries.list_terminals(conn, station_code, after=after, limit=limit + 1)
    if not found and not await queries.station_exists(conn, station_code):
        raise unknown_station()
    return page_of(found, limit=limit, position=lambda terminal: TerminalPosition(terminal.terminal_code))


async def rename(conn: Connection, caller: Caller, code: str, name: str) -> Terminal:
    """Raises UnknownError, also for those of other stations; ConflictError `terminal.revoked`."""
    code, station_code = _known_code(code), sight_of(caller, _MANAGE).station_code
    renamed = await queries.rename_terminal(conn, station_code, code, name)
    if renamed is None:
        if await queries.terminal_exists(conn, station_code, code):
            raise ConflictError("terminal.revoked", "the terminal was revoked, and stays so")
        raise unknown_terminal()
    return renamed


async def revoke(conn: Connection, caller: Caller, code: str, reason: str) -> Terminal:
    """At once: the next thing it signs is refused. Raises UnknownError, also for those of other stations."""
    revoked = await queries.revoke_terminal(conn, sight_of(caller, _MANAGE).station_code, _known_code(code), reason)
    if revoked is None:
        raise unknown_terminal()
    return revoked


async def verify_terminal(conn: Connection, request: SignedRequest, *, now: datetime) -> ProvenTerminal:
    """Whose request it is: signed by a terminal that is enrolled, within a minute of now, and never before.

    Raises UnauthenticatedError `terminal.signature_invalid`, `terminal.clock` or `terminal.replayed`. Needs a
    transaction that commits: what is admitted must be remembered.
    """
    parts = read_signature(request.signature)
    if abs(parts.time_ms / 1000 - now.timestamp()) > MAX_SKEW_S:
        raise UnauthenticatedError("terminal.clock", "the signature is not of this minute", "set the device's clock")
    terminal = await queries.find_terminal(conn, parts.terminal_code)
    if terminal is None:
        raise invalid_signature()
    signed = signed_bytes(parts, request.method, request.target, request.body_sha256)
    _check(terminal.public_key, signed, parts.signature)
    if not await queries.admit_terminal(conn, terminal.id, parts.nonce):
        raise UnauthenticatedError("terminal.replayed", "this was signed for a request before", "sign each request")
    return ProvenTerminal(
        terminal.terminal_code, terminal.station_code, terminal.name, to_base64url(terminal.public_key)
    )


def _check(public_key: bytes, signed: bytes, signature: bytes) -> None:
    try:
        VerifyKey(public_key).verify(signed, signature)
    except (CryptoError, ValueError):
        raise invalid_signature() from None


def _bytes(text: str, length: int) -> bytes:
    try:
        found = from_base64url(text)
    except ValueError:
        raise invalid_signature() from None
    if len(found) != length:
        raise invalid_signature()
    return found


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def _hashed(reference: str, secret: str) -> bytes:
    return msgspec.json.encode(("terminal-enrolment", reference, secret))


def _known_code(code: str) -> str:
    normalized = code.strip().upper()
    if not _TERMINAL_CODE.fullmatch(normalized):
        raise unknown_terminal()
    return normalized


async def _forget(db: Database, _arguments: Mapping[str, str]) -> str:
    async with db.transaction() as conn:
        count = await queries.forget_terminal_traces(conn)
    return f"{count} traces of terminals forgotten"


FORGET_TERMINAL_TRACES = Job(
    name="station.forget_terminal_traces",
    service="station",
    summary="Delete what terminals signed more than five minutes ago, and codes older than a day.",
    run=_forget,
    schedule="*/10 * * * *",
)
