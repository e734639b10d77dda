"""The code as a wallet shows it: with the moment and a MAC, so that a picture of it is over in a minute.

Only the platform holds the MAC's key: a terminal without a connection ignores these eight bytes. It stops pictures
that are passed on, not somebody who passes on the whole wallet.
"""

import hmac
import struct
from datetime import datetime
from typing import Final

from gasolinera.coupon.qr import LIVE_ONLY, QrError, SignedBody, as_text
from gasolinera.keyring import Keyring

DOMAIN: Final = b"gasolinera-coupon-display-v1\0"
REFRESH_S: Final = 20  # how often a wallet asks for the next one
GOOD_FOR_S: Final = 60  # scanning takes a while, and so does a bad connection
LEEWAY_S: Final = 5  # between the clocks of two hosts
_MAC_BYTES: Final = 4
_TIME: Final = struct.Struct(">I")


def live_text(body: bytes, signature: bytes, keyring: Keyring, *, now: datetime) -> str:
    """The code as it is right now. Raises ConfigError without a key for the purpose `display`."""
    moment = _TIME.pack(int(now.timestamp()))
    _, mac = keyring.mac("display", DOMAIN + body + moment)
    return as_text(body, signature, moment + mac[:_MAC_BYTES])


def require_live(signed: SignedBody, flags: int, keyring: Keyring, *, now: datetime) -> None:
    """A code that comes with its moment must be of now; one whose flags say LIVE_ONLY must come with it, since whoever
    has a picture of a code can leave its moment out.

    Raises QrError `qr.not_live`. The 32 bits of the MAC are enough because each guess is a request, and the signature
    below it is whole.
    """
    if signed.display is None:
        if flags & LIVE_ONLY:
            raise not_live()
        return
    moment, mac = signed.display[: _TIME.size], signed.display[_TIME.size :]
    age_s = now.timestamp() - _TIME.unpack(moment)[0]
    if not -LEEWAY_S <= age_s <= GOOD_FOR_S:
        raise not_live()
    macs = keyring.macs("display", DOMAIN + signed.body + moment)
    if not any(hmac.compare_digest(good[:_MAC_BYTES], mac) for _, good in macs):
        raise QrError("qr.forged", "the moment of the code is not the platform's word")


def not_live() -> QrError:
    return QrError("qr.not_live", "this is a picture of a code", "show it in the wallet, where it changes")
