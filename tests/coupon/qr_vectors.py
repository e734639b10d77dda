"""An independent maker of coupon QR codes, from docs/reference/qr-format.md: the standard library and cryptography.

Imports nothing of the platform: what it makes is what a third party would. Run it to print the vectors of that page:
`python tests/coupon/qr_vectors.py`.
"""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
KINDS = {"PERCENTAGE": 1, "FIXED_AMOUNT": 2}
CURRENCIES = {"MXN": 1, "CRC": 2, "USD": 3}
SEED = bytes(range(32))  # of the page's examples and of nothing else

EXAMPLES: tuple[dict[str, Any], ...] = (
    {
        "key_id": 1,
        "dense_index": 0,
        "coupon": 0,
        "campaign_code": "WELCOME2026",
        "kind": "PERCENTAGE",
        "hundredths": 1500,
        "currency": "MXN",
        "valid_from": "2026-11-01T06:00:00Z",
        "valid_until": "2027-02-01T06:00:00Z",
        "flags": 0,
    },
    {
        "key_id": 7,
        "dense_index": 4_999_999,
        "coupon": 1_152_921_504_606_846_975,
        "campaign_code": "PREMIUM2026",
        "kind": "FIXED_AMOUNT",
        "hundredths": 500_000,
        "currency": "CRC",
        "valid_from": "2026-01-01T00:00:00Z",
        "valid_until": "2026-12-31T23:59:00Z",
        "flags": 5,
    },
    {
        "key_id": 255,
        "dense_index": 4_294_967_295,
        "coupon": 123_456_789_012_345_678,
        "campaign_code": "A_1",
        "kind": "FIXED_AMOUNT",
        "hundredths": 4_294_967_295,
        "currency": "USD",
        "valid_from": "2020-01-01T00:00:00Z",
        "valid_until": "2051-11-24T20:15:00Z",
        "flags": 15,
    },
)


def minutes(moment: str) -> int:
    seconds = datetime.fromisoformat(moment).timestamp() - datetime(2020, 1, 1, tzinfo=UTC).timestamp()
    return int(seconds) // 60


def body_of(example: dict[str, Any]) -> bytes:
    bits = (
        (1, 8),
        (example["key_id"], 8),
        (example["dense_index"], 32),
        (example["flags"], 4),
        (example["coupon"], 60),
        (int.from_bytes(hashlib.sha256(example["campaign_code"].encode()).digest()[:3], "big"), 24),
        (KINDS[example["kind"]], 4),
        (CURRENCIES[example["currency"]], 4),
        (example["hundredths"], 32),
        (minutes(example["valid_from"]), 24),
        (minutes(example["valid_until"]), 24),
    )
    return int("".join(f"{value:0{width}b}" for value, width in bits), 2).to_bytes(28, "big")


def base45(data: bytes) -> str:
    text = ""
    for at in range(0, len(data), 2):
        chunk = data[at : at + 2]
        number = int.from_bytes(chunk, "big")
        for _ in range(len(chunk) + 1):
            number, digit = divmod(number, 45)
            text += ALPHABET[digit]
    return text


def vector(example: dict[str, Any]) -> dict[str, Any]:
    key = Ed25519PrivateKey.from_private_bytes(SEED)
    body = body_of(example)
    signature = key.sign(b"gasolinera-coupon-qr-v1\x00" + body)
    moment = (1_795_000_000).to_bytes(4, "big")
    display_key = hmac.digest(SEED, b"gasolinera/display/mac", "sha256")
    mac = hmac.digest(display_key, b"gasolinera-coupon-display-v1\x00" + body + moment, "sha256")[:4]
    link = base64.b32encode(body + signature).decode().rstrip("=")
    return {
        "fields": example,
        "body": body.hex(),
        "public_key": key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex(),
        "signature": signature.hex(),
        "text": "GC1:" + base45(body + signature),
        "link": f"HTTPS://Q.EXAMPLE.COM/C/{link}",
        "display_key": display_key.hex(),
        "display_text": "GC1:" + base45(body + signature + moment + mac),
    }


if __name__ == "__main__":
    print(json.dumps([vector(example) for example in EXAMPLES], indent=2))  # noqa: T201  what it is for
