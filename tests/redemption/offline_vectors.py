"""An independent maker of a terminal's queue, from docs/reference/offline-format.md: by nothing of the platform's.

The standard library and cryptography alone. Run it to print the vectors of that page:
`python tests/redemption/offline_vectors.py`.
"""

import base64
import hashlib
import json
import sys

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SEED = bytes(range(32))  # of the page's examples and of nothing else
_COUPON = (
    "GC1:W50000000000000000000W:B-IE000FX01.6+7D48SU756*JM.4+CNIS2GA6S$DUJ3Y8FDRR/:UGMO5TPX1TPNQBJDS0C S6GX1%EUU8L4WQ2/"
    "H:.28.F%S099QK5GGEI2*KTLOMES"
)
_LEASE = "5b1f0c9e-4a55-4f7e-9d1c-0d5d0c1f8f0a"
_CUSTOMER = "0b8f2f7e-6f0e-4f0c-9a55-1d9f5b0f4a11"
EXAMPLES = (
    ("1763924400000", "EMP000022", _COUPON, _CUSTOMER, "REGULAR", "500.00", "75.00", "MXN", "-", "-", "D03"),
    ("1763924460250", "EMP000022", _COUPON, "-", "DIESEL", "478.00", "71.70", "MXN", "20.000", "23.900", "-"),
)


def chain() -> dict[str, object]:
    key = Ed25519PrivateKey.from_private_bytes(SEED)
    previous, entries = bytes(32), list[dict[str, str]]()
    for sequence, fields in enumerate(EXAMPLES, start=1):
        head = ("gasolinera-offline-entry-v1", "TRM000001", str(sequence), previous.hex(), _LEASE)
        text = "\n".join((*head, *fields))
        signature = key.sign(text.encode())
        previous = hashlib.sha256(text.encode() + signature).digest()
        shown = base64.urlsafe_b64encode(signature).decode().rstrip("=")
        entries.append({"entry": text, "signature": shown, "sha256": previous.hex()})
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return {"public_key": public.hex(), "entries": entries}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(chain(), indent=2) + "\n")
