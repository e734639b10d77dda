"""What the platform publishes about its codes: the key set and the revocation list, each a signed document.

Both are JSON Web Signatures in compact form (RFC 7515, Ed25519 by RFC 8037), so that any library reads them. They are
signed by the key that signs codes: a code's signature begins with a domain that no such document begins with. Above
these keys stands a root, which is on no host that serves and signs nothing but which keys are the platform's.
"""

import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Final, Literal, TypeVar

import msgspec
from nacl.bindings import crypto_sign_open
from nacl.exceptions import CryptoError

from gasolinera.coupon.qr import EPOCH, QrError, QrKey
from gasolinera.key_file import Key
from gasolinera.keyring import from_base64url, signing_key, to_base64url
from gasolinera.security import sign_compact

ISSUER: Final = "urn:gasolinera:coupon"
KEY_SET_TYPE: Final = "gasolinera-coupon-keys+jwt"
LIST_TYPE: Final = "statuslist+jwt"
KEY_SET_LIFE_S: Final = 7 * 86_400
LIST_LIFE_S: Final = 86_400
LIST_TTL_S: Final = 60  # when a terminal with a connection should ask again
MAX_DOCUMENT: Final = 50_000_000
_SIGNATURE_BYTES: Final = 64
_ROOT_DOMAIN: Final = b"gasolinera-coupon-key-v1\0"

Status = Literal["waiting", "current", "accepted", "revoked"]


class Endorsement(msgspec.Struct, frozen=True):
    """A root's word, in base64url: its public half, and its signature over number and public half of a key."""

    root: Annotated[str, msgspec.Meta(min_length=43, max_length=43)]
    signature: Annotated[str, msgspec.Meta(min_length=86, max_length=86)]


class PublishedKey(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """A JSON Web Key (RFC 8037). `kid` is the number that codes name it by, `nbf` when it begins to sign."""

    kid: Annotated[str, msgspec.Meta(pattern=r"^(0|[1-9][0-9]{0,2})$(?!\n)")]
    x: Annotated[str, msgspec.Meta(min_length=43, max_length=43)]
    status: Status
    nbf: int
    kty: Literal["OKP"] = "OKP"
    crv: Literal["Ed25519"] = "Ed25519"
    alg: Literal["EdDSA"] = "EdDSA"
    use: Literal["sig"] = "sig"
    endorsements: Annotated[tuple[Endorsement, ...], msgspec.Meta(max_length=8)] = ()


class KeySet(msgspec.Struct, frozen=True, kw_only=True):
    """A JSON Web Key Set with its own time. `version` never goes back; whoever has seen one refuses an older one."""

    iss: str
    iat: int
    exp: int
    version: int
    keys: Annotated[tuple[PublishedKey, ...], msgspec.Meta(max_length=256)]


class StatusList(msgspec.Struct, frozen=True):
    """As in IETF's Token Status List: `lst` is base64url of zlib of the bits, the lowest bit of a byte first."""

    bits: Literal[1]
    lst: str


class RevocationClaims(msgspec.Struct, frozen=True, kw_only=True):
    """`covered`: coupons with a smaller dense index existed when the list was made."""

    iss: str
    sub: str
    iat: int
    exp: int
    ttl: int
    version: int
    covered: Annotated[int, msgspec.Meta(ge=0, le=2**32)]
    status_list: StatusList


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    alg: Literal["EdDSA"]
    kid: str
    typ: str


Claims = TypeVar("Claims", KeySet, RevocationClaims)


def make_key_set(key: Key, keys: Sequence[PublishedKey], *, version: int, now: datetime) -> str:
    issued = int(now.timestamp())
    claims = KeySet(iss=ISSUER, iat=issued, exp=issued + KEY_SET_LIFE_S, version=version, keys=tuple(keys))
    return _signed(key, KEY_SET_TYPE, claims)


def make_list(key: Key, compressed: bytes, *, version: int, covered: int, now: datetime) -> str:
    issued = int(now.timestamp())
    claims = RevocationClaims(
        iss=ISSUER,
        sub=f"{ISSUER}:revocations",
        iat=issued,
        exp=issued + LIST_LIFE_S,
        ttl=LIST_TTL_S,
        version=version,
        covered=covered,
        status_list=StatusList(1, to_base64url(compressed)),
    )
    return _signed(key, LIST_TYPE, claims)


def _signed(key: Key, typ: str, claims: KeySet | RevocationClaims) -> str:
    header = msgspec.json.encode(_Header("EdDSA", str(key.id), typ))
    return sign_compact(key.secret, header, msgspec.json.encode(claims))


def endorse(root: Key, key_id: int, public_key: bytes) -> bytes:
    """64 bytes: the root's word that this key is the platform's."""
    return signing_key(root).sign(_endorsed_bytes(key_id, public_key)).signature


def _endorsed_bytes(key_id: int, public_key: bytes) -> bytes:
    return _ROOT_DOMAIN + bytes([key_id]) + public_key


def _is_endorsed(key: PublishedKey, root: bytes) -> bool:
    for endorsement in key.endorsements:
        if endorsement.root != to_base64url(root) or not 0 <= int(key.kid) <= 255:
            continue
        try:
            signature = from_base64url(endorsement.signature)
            crypto_sign_open(signature + _endorsed_bytes(int(key.kid), _raw(key.x)), root)
        except (CryptoError, ValueError):
            continue
        return True
    return False


def _endorsed(claims: KeySet, root: bytes) -> KeySet:
    return msgspec.structs.replace(claims, keys=tuple(key for key in claims.keys if _is_endorsed(key, root)))


def read_key_set(
    text: str, *, trusted: Mapping[int, QrKey] | None, now: datetime, after: int = 0, root: bytes | None = None
) -> KeySet:
    """The set, when a key of `trusted` has signed it; None: a key of the set itself, for who got it from a safe place.
    With the public half of a `root`, a key that it has not endorsed is none, whoever gave the set.

    Raises QrError `qr.document_malformed`, `qr.document_forged`, `qr.document_expired`, and `qr.document_old` for a
    version before `after`.
    """
    if trusted is None:
        said = _unverified(text, KEY_SET_TYPE, KeySet)[1]
        trusted = keys_of(said if root is None else _endorsed(said, root))
    claims = _read(text, KEY_SET_TYPE, KeySet, trusted, now)
    if root is not None:
        claims = _endorsed(claims, root)
    if claims.version < after:
        raise QrError("qr.document_old", f"the key set is of version {claims.version}, and {after} is known already")
    return claims


def keys_of(claims: KeySet) -> dict[int, QrKey]:
    """What verifies codes. Raises QrError `qr.document_malformed` for a number out of range or given twice."""
    # The set says whether a key was revoked, and not when.
    keys = {
        int(key.kid): QrKey(int(key.kid), _raw(key.x), EPOCH if key.status == "revoked" else None)
        for key in claims.keys
    }
    if len(keys) != len(claims.keys) or any(number > 255 for number in keys):
        raise _malformed()
    return keys


def read_list(text: str, *, keys: Mapping[int, QrKey], now: datetime) -> tuple[RevocationClaims, bytes]:
    """What it says and its bits. Raises QrError `qr.document_*`."""
    claims = _read(text, LIST_TYPE, RevocationClaims, keys, now)
    most = claims.covered // 8 + 1
    unpacker = zlib.decompressobj()
    try:
        bits = unpacker.decompress(from_base64url(claims.status_list.lst), most + 1)
    except (zlib.error, ValueError):
        raise _malformed() from None
    if not unpacker.eof or len(bits) > most:
        raise _malformed()
    return claims, bits


def is_revoked(bits: bytes, dense_index: int) -> bool:
    """A coupon beyond the end of the list was not revoked when it was made."""
    at = dense_index >> 3
    return at < len(bits) and bool(bits[at] >> (dense_index & 7) & 1)


def _read(text: str, typ: str, kind: type[Claims], keys: Mapping[int, QrKey], now: datetime) -> Claims:
    header, claims = _unverified(text, typ, kind)
    key = keys.get(int(header.kid)) if header.kid.isascii() and header.kid.isdigit() else None
    signed, _, signature = text.rpartition(".")
    if key is None or key.revoked_at is not None:
        raise QrError("qr.document_forged", "no key that is trusted has signed the document")
    try:
        raw = from_base64url(signature)
        if len(raw) != _SIGNATURE_BYTES:
            raise _malformed()
        crypto_sign_open(raw + signed.encode("ascii"), key.public_key)
    except (CryptoError, ValueError):
        raise QrError("qr.document_forged", "the signature does not belong to the document") from None
    if now.timestamp() >= claims.exp:
        raise QrError("qr.document_expired", f"the document ended at {datetime.fromtimestamp(claims.exp, now.tzinfo)}")
    return claims


def _unverified(text: str, typ: str, kind: type[Claims]) -> tuple[_Header, Claims]:
    if len(text) > MAX_DOCUMENT:
        raise _malformed()
    try:
        first, second, _ = text.split(".")
        header = msgspec.json.decode(from_base64url(first), type=_Header)
        claims = msgspec.json.decode(from_base64url(second), type=kind)
    except (ValueError, msgspec.MsgspecError):
        raise _malformed() from None
    if header.typ != typ or claims.iss != ISSUER:
        raise _malformed()
    return header, claims


def _raw(x: str) -> bytes:
    try:
        raw = from_base64url(x)
    except ValueError:
        raise _malformed() from None
    if len(raw) != 32:
        raise _malformed()
    return raw


def _malformed() -> QrError:
    return QrError("qr.document_malformed", "this is no such document of the platform")
