"""Receipts of tickets: what was issued, when and for which raffle, signed, so that anybody can check it offline.

A receipt is a JWS in compact form (RFC 7515) with Ed25519 (RFC 8037): header, payload, signature, each in base64url.
The payload is JSON in one canonical spelling: keys in order, no spaces, times in UTC. It says nothing that ever
changes, so the same issuance and the same key always give the same receipt, and none has to be kept. The format is
described in docs/how-to/raffle-tickets.md. Pure, but for the keys that are handed in.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec
from nacl.exceptions import CryptoError
from nacl.signing import VerifyKey

from gasolinera.errors import InputError
from gasolinera.key_file import Key
from gasolinera.keyring import Keyring, from_base64url, public_key, signing_key, thumbprint, to_base64url
from gasolinera.redemption.models_tickets import Issuance, TicketSource, normalized_number

ISSUER: Final = "urn:gasolinera:redemption"
TYPE: Final = "ticket-receipt"
_ALGORITHM: Final = "EdDSA"
_HOLDER_BYTES: Final = 16
MAX_RECEIPT_CHARACTERS: Final = 400_000  # ten thousand tickets take 300,000
Keys = Mapping[str, VerifyKey]


class ReceiptError(InputError):
    """A receipt that is not good; `code` says in which way."""


class Receipt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`holder` is a digest that who knows the issuance and the holder's reference can make, and nobody else."""

    count: Annotated[int, msgspec.Meta(ge=1, le=10_000)]
    expires_at: Annotated[datetime, msgspec.Meta(tz=True)]
    holder: str
    issuance: UUID
    issued_at: Annotated[datetime, msgspec.Meta(tz=True)]
    issuer: str
    numbers: tuple[str, ...]
    raffle: str | None
    reference: str
    source: TicketSource


class PublishedKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key as JWK (RFC 8037)."""

    kid: str
    x: str
    kty: str = "OKP"
    crv: str = "Ed25519"
    alg: str = _ALGORITHM
    use: str = "sig"


class KeySet(msgspec.Struct, frozen=True):
    keys: tuple[PublishedKey, ...]


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    alg: str
    kid: Annotated[str, msgspec.Meta(max_length=64)]
    typ: str


def receipt_of(issuance: Issuance) -> Receipt:
    return Receipt(
        count=len(issuance.numbers),
        expires_at=issuance.expires_at.astimezone(UTC),
        holder=holder_digest(issuance.issuance_id, issuance.user_id),
        issuance=issuance.issuance_id,
        issued_at=issuance.issued_at.astimezone(UTC),
        issuer=ISSUER,
        numbers=issuance.numbers,
        raffle=issuance.raffle_code,
        reference=issuance.reference,
        source=issuance.source,
    )


def holder_digest(issuance_id: UUID, user_id: UUID) -> str:
    """Tells whose receipt it is to who knows the reference; two receipts of one holder look unrelated."""
    digest = hashlib.sha256(b"gasolinera/receipt/holder" + issuance_id.bytes + user_id.bytes).digest()
    return to_base64url(digest[:_HOLDER_BYTES])


def sign(receipt: Receipt, key: Key) -> str:
    head = _encoded(_Header(_ALGORITHM, public_key(key).kid, TYPE))
    signed = f"{head}.{_encoded(receipt)}"
    signature = signing_key(key).sign(signed.encode("ascii")).signature
    return f"{signed}.{to_base64url(signature)}"


def issue_receipt(issuance: Issuance, keyring: Keyring) -> str:
    """Raises ConfigError `keys.purpose_missing`."""
    return sign(receipt_of(issuance), keyring.current("receipt"))


def verify(text: str, keys: Keys) -> Receipt:
    """What a good receipt says. Raises ReceiptError `receipt.malformed`, `receipt.unknown_key`, `receipt.forged`,
    `receipt.inconsistent`: signed by us, and yet wrong.
    """
    if len(text) > MAX_RECEIPT_CHARACTERS or not text.isascii():
        raise _malformed()
    parts = text.strip().split(".")
    try:
        head, payload, signature = parts
        header = msgspec.json.decode(from_base64url(head), type=_Header)
        raw, made = from_base64url(payload), from_base64url(signature)
    except (ValueError, msgspec.MsgspecError, RecursionError):
        raise _malformed() from None
    if header.alg != _ALGORITHM or header.typ != TYPE or _encoded(header) != head:
        raise _malformed()
    key = keys.get(header.kid)
    if key is None:
        raise ReceiptError("receipt.unknown_key", "nobody published the key that this receipt names")
    try:
        key.verify(f"{head}.{payload}".encode("ascii"), made)
    except (CryptoError, ValueError):
        raise ReceiptError("receipt.forged", "the signature is not one of this receipt") from None
    return _consistent(raw)


def _consistent(raw: bytes) -> Receipt:
    try:
        receipt = msgspec.json.decode(raw, type=Receipt)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise _malformed() from None
    numbers = set(receipt.numbers)
    if (
        _canonical(receipt) != raw
        or any(at.utcoffset() for at in (receipt.issued_at, receipt.expires_at))
        or receipt.issuer != ISSUER
        or not receipt.count == len(receipt.numbers) == len(numbers)
        or any(normalized_number(number) != number for number in numbers)
    ):
        raise ReceiptError("receipt.inconsistent", "the receipt is signed, and yet its parts do not fit together")
    return receipt


def belongs_to(receipt: Receipt, user_id: UUID) -> bool:
    return hmac.compare_digest(receipt.holder, holder_digest(receipt.issuance, user_id))


def published_keys(keyring: Keyring) -> KeySet:
    """All that sign and signed receipts, the newest first."""
    found = [public_key(key) for key in keyring.verifying("receipt")]
    return KeySet(tuple(PublishedKey(kid=key.kid, x=key.x) for key in found))


def keys_of(keys: Iterable[PublishedKey]) -> Keys:
    """Keys by the name that follows from them. Raises ReceiptError `receipt.keys_malformed`."""
    found: dict[str, VerifyKey] = {}
    for key in keys:
        try:
            raw = VerifyKey(from_base64url(key.x))
        except (ValueError, TypeError, CryptoError):
            raise _bad_keys() from None
        if key.kty != "OKP" or key.crv != "Ed25519" or key.kid != thumbprint(key.x):
            raise _bad_keys()
        found[key.kid] = raw
    return found


def read_key_set(data: bytes) -> Keys:
    """What `/api/tickets/receipt-keys` gave. Raises ReceiptError `receipt.keys_malformed`."""
    try:
        return keys_of(msgspec.json.decode(data, type=KeySet).keys)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise _bad_keys() from None


def _encoded(value: msgspec.Struct) -> str:
    return to_base64url(_canonical(value))


def _canonical(value: msgspec.Struct) -> bytes:
    return msgspec.json.encode(value, order="sorted")


def _malformed() -> ReceiptError:
    return ReceiptError("receipt.malformed", "this is no receipt of tickets")


def _bad_keys() -> ReceiptError:
    return ReceiptError("receipt.keys_malformed", "this is no set of keys for receipts")
