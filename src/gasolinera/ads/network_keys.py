"""The public keys of a network, as its key server publishes them: `{"keys": [{"keyId": 1, "base64": "…"}, …]}`.

That is the form of Google AdMob's server-side verification; `base64` is the DER form of a P-256 public key.
"""

from base64 import b64decode
from typing import Annotated, Final

import httpx
import msgspec
import structlog
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key
from msgspec import Meta

_MAX_BYTES: Final = 256 * 1024
_MAX_KEYS: Final = 64
_TIMEOUT_S: Final = 5.0
_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class _Key(msgspec.Struct, frozen=True, rename="camel"):
    key_id: int | Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,64}$(?!\n)")]
    base64: str


class _Keys(msgspec.Struct, frozen=True):
    keys: Annotated[tuple[_Key, ...], Meta(min_length=1, max_length=_MAX_KEYS)]


async def fetch_keys(url: str) -> dict[str, bytes] | None:
    """Keys by their ids, P-256 all of them; None: the server gave nothing of the kind, which is logged."""
    try:
        body = await _fetch(url)
        published = msgspec.json.decode(body, type=_Keys)
        keys = {str(key.key_id): b64decode(key.base64, validate=True) for key in published.keys}
        for der in keys.values():
            read_key(der)
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, UnsupportedAlgorithm) as error:
        _log.warning("network_keys_not_fetched", reason=type(error).__name__)
        return None
    return keys


async def _fetch(url: str) -> bytes:
    """Raises httpx.HTTPError, ValueError for more than a key set can be."""
    body = b""
    async with (
        httpx.AsyncClient(timeout=_TIMEOUT_S, trust_env=False, follow_redirects=False) as client,
        client.stream("GET", url) as answer,
    ):
        answer.raise_for_status()
        async for chunk in answer.aiter_bytes():
            body += chunk
            if len(body) > _MAX_BYTES:
                raise ValueError("larger than a key set can be")
    return body


def read_key(der: bytes) -> ec.EllipticCurvePublicKey:
    """Raises ValueError for anything but a P-256 public key."""
    key = load_der_public_key(der)
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("no P-256 key")
    return key
