"""What a terminal is, and what it signs. No SQL, no HTTP.

A terminal has an Ed25519 key that never leaves it. It proves each request with the header

    Terminal-Signature: terminal=TRM000001, time=1763812800123, nonce=<16 bytes>, signature=<64 bytes>

where bytes are base64url without padding, `time` is in milliseconds since 1970, and what is signed are the lines of
`signed_bytes`.
"""

import hashlib
import re
from datetime import datetime
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from gasolinera.errors import UnauthenticatedError
from gasolinera.keyring import from_base64url
from gasolinera.station.models_employees import Reason
from gasolinera.texts import text

HEADER: Final = "Terminal-Signature"
MAX_SKEW_S: Final = 60
REFERENCE_LENGTH: Final = 6
SECRET_LENGTH: Final = 8
# Crockford's: no I, L, O or U, which people read as something else.
ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LOOKS_LIKE: Final = str.maketrans("ILO", "110", " -")
_CODE: Final = re.compile(f"[{ALPHABET}]{{{REFERENCE_LENGTH + SECRET_LENGTH}}}")
_HEADER: Final = re.compile(
    r"terminal=(TRM[0-9]{6,15}), ?time=([0-9]{1,15}), ?nonce=([A-Za-z0-9_-]{22}), ?signature=([A-Za-z0-9_-]{86})"
)

TerminalName = Annotated[str, text(80), Meta(examples=["Caja 2"])]
_Key = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{43}$(?!\n)", description="32 bytes, base64url.")]
_Signature = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{86}$(?!\n)", description="64 bytes, base64url.")]


class Terminal(msgspec.Struct, frozen=True, kw_only=True):
    """`last_seen_at` is true to the minute; None: it has signed nothing yet."""

    terminal_code: str
    station_code: str
    name: str
    last_seen_at: datetime | None
    revoked_at: datetime | None
    revocation_reason: str | None
    enrolled_at: datetime
    updated_at: datetime


class EnrolmentWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: TerminalName


class EnrolmentCode(msgspec.Struct, frozen=True):
    """To be typed into the device, once. Nobody can read it again."""

    code: str
    station_code: str
    name: str
    expires_at: datetime


class Enrolment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the device sends: the code, its public key, and its signature over `enrolment_bytes`."""

    code: Annotated[str, Meta(min_length=14, max_length=20, pattern=r"^[0-9A-Za-z -]+$(?!\n)")]
    public_key: _Key
    signature: _Signature


class Rename(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: TerminalName


class Revocation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: Reason


class TerminalSignature(msgspec.Struct, frozen=True):
    """The header, read."""

    terminal_code: str
    time_ms: int
    nonce: bytes
    signature: bytes


class SignedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request as another service saw it. `target` is path and query as they were sent."""

    signature: str
    method: str
    target: str
    body_sha256: bytes


class VerifiedTerminal(msgspec.Struct, frozen=True):
    """Whose signature it was."""

    terminal_code: str
    station_code: str
    name: str


class ProvenTerminal(VerifiedTerminal, frozen=True):
    """With its public key, base64url: for services that keep what it signs."""

    public_key: str


def normalized_code(typed: str) -> tuple[str, str] | None:
    """Reference and secret of a code as people type it; None for what is none."""
    code = typed.upper().translate(_LOOKS_LIKE)
    return (code[:REFERENCE_LENGTH], code[REFERENCE_LENGTH:]) if _CODE.fullmatch(code) else None


def written_code(reference: str, secret: str) -> str:
    """In groups that can be read out."""
    return f"{reference}-{secret[:4]}-{secret[4:]}"


def enrolment_bytes(reference: str, secret: str, public_key: bytes) -> bytes:
    """What the device signs to prove that the key is its own: for this code and no other."""
    return b"\n".join((b"gasolinera-terminal-enrolment-v1", f"{reference}{secret}".encode(), public_key.hex().encode()))


def signed_bytes(parts: TerminalSignature, method: str, target: str, body_sha256: bytes) -> bytes:
    """What a terminal signs of a request."""
    lines = (
        "gasolinera-terminal-request-v1",
        parts.terminal_code,
        method.upper(),
        target,
        str(parts.time_ms),
        parts.nonce.hex(),
        body_sha256.hex(),
    )
    return "\n".join(lines).encode()


def hash_body(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()


def read_signature(header: str) -> TerminalSignature:
    """Raises UnauthenticatedError `terminal.signature_invalid`."""
    found = _HEADER.fullmatch(header.strip())
    if found is None:
        raise invalid_signature()
    try:
        return TerminalSignature(found[1], int(found[2]), from_base64url(found[3]), from_base64url(found[4]))
    except ValueError:
        raise invalid_signature() from None


def invalid_signature() -> UnauthenticatedError:
    """The same for a wrong signature, an unknown terminal and a revoked one: a stranger learns nothing."""
    return UnauthenticatedError("terminal.signature_invalid", "this is not signed by a terminal that is enrolled")
