"""Base45 (RFC 9285): two bytes are three characters, each of which a QR code holds in five and a half bits."""

from typing import Final

_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_VALUES: Final = {ord(character): value for value, character in enumerate(_ALPHABET)}
_PAIRS: Final = tuple(low + high for high in _ALPHABET for low in _ALPHABET)  # by value, least significant first


def encode(data: bytes) -> str:
    parts: list[str] = []
    for at in range(0, len(data) - 1, 2):
        high, low = divmod(data[at] << 8 | data[at + 1], 2025)
        parts.append(_PAIRS[low] + _ALPHABET[high])
    if len(data) % 2:
        parts.append(_PAIRS[data[-1]])
    return "".join(parts)


def decode(text: str) -> bytes:
    """Every text has one reading and every data one spelling. Raises ValueError for anything else."""
    try:
        values = [_VALUES[character] for character in text.encode("ascii")]
    except (KeyError, UnicodeEncodeError):
        raise ValueError("not base45") from None
    whole = len(values) - len(values) % 3
    data = bytearray()
    for at in range(0, whole, 3):
        number = values[at] + 45 * values[at + 1] + 2025 * values[at + 2]
        if number > 0xFFFF:
            raise ValueError("not base45")
        data += number.to_bytes(2, "big")
    rest = values[whole:]
    if len(rest) == 1:
        raise ValueError("not base45")
    if rest:
        number = rest[0] + 45 * rest[1]
        if number > 0xFF:
            raise ValueError("not base45")
        data.append(number)
    return bytes(data)
