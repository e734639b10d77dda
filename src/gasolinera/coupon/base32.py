"""Base32 (RFC 4648) without padding, for links: base45 has characters that an address cannot hold."""

import base64
import re
from typing import Final

_SPELLING: Final = re.compile(r"[A-Za-z2-7]*", re.ASCII)


def encode(data: bytes) -> str:
    return base64.b32encode(data).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """Either case, since phones and people change it. Raises ValueError for anything but the one spelling."""
    if _SPELLING.fullmatch(text) is None:
        raise ValueError("not base32")
    upper = text.upper()
    data = base64.b32decode(upper + "=" * (-len(upper) % 8))
    if encode(data) != upper:
        raise ValueError("not base32")
    return data
