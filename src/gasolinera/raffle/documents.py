"""Documents that a draw publishes: one spelling, and a signature that says what kind of document it is over.

The spelling is RFC 8785 for what these documents hold: text, whole numbers, lists and objects. A document is read by
writing it again: what differs in a single byte is not the document that was signed.
"""

from datetime import UTC, datetime
from typing import Annotated, Final, TypeAlias, TypeVar

import msgspec
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from gasolinera.errors import InputError

MAX_INTEGER: Final = 2**53 - 1

Hash: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
PublicKey: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Signature: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{128}\Z")]
Hex: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"\A(?:[0-9a-f]{2})+\Z")]
Time: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z\Z")]
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=MAX_INTEGER)]

_encoder = msgspec.json.Encoder(order="sorted")
_Document = TypeVar("_Document")


def canonical(document: msgspec.Struct) -> bytes:
    """The bytes that are hashed and signed. The names of fields are ASCII, so every order of them is the same."""
    return _encoder.encode(document)


def read_document(kind: type[_Document], data: bytes) -> _Document:
    """Raises InputError `draw.document`: not this kind, a field too many or too few, or not in the canonical form."""
    try:
        document = msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError("draw.document", f"this is not such a document: {error}") from None
    if _encoder.encode(document) != data:
        raise InputError("draw.document", "the document is not in its canonical form")
    return document


def _message(domain: str, data: bytes | bytearray) -> bytes:
    return domain.encode("ascii") + b"\0" + data


def sign(key: SigningKey, domain: str, data: bytes | bytearray) -> bytes:
    """64 bytes of Ed25519; the same document and key always give the same ones."""
    return key.sign(_message(domain, data)).signature


def is_signed(public_key: bytes, domain: str, data: bytes, signature: bytes) -> bool:
    try:
        VerifyKey(public_key).verify(_message(domain, data), signature)
    except (BadSignatureError, ValueError, TypeError):
        return False
    return True


def time_text(moment: datetime) -> str:
    """Whole seconds: what is below a second is left out."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_time(text: str) -> datetime:
    """Raises InputError `draw.document` for what no calendar has."""
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise InputError("draw.document", f"{text} is no time") from None
