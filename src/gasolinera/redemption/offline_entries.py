"""What a terminal signs of each redemption that it takes without a connection. Pure: no clock, no network, no database.

An entry is sixteen lines of text, signed by the device's key, with its number and the hash of the entry before it: none
can be altered, left out or put between others. The format is in docs/reference/offline-format.md, with vectors.
"""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Final
from uuid import UUID

import msgspec
from nacl.bindings import crypto_sign_open
from nacl.exceptions import CryptoError

from gasolinera.errors import InputError
from gasolinera.redemption.models import MAX_AMOUNT, rounding_unit

DOMAIN: Final = "gasolinera-offline-entry-v1"
BEGINNING: Final = bytes(32)  # what the first entry of a device follows
MAX_ENTRY: Final = 2000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NOTHING: Final = "-"
_MONEY: Final = r"(?:0|[1-9][0-9]{0,6})\.[0-9]{2}"
_THOUSANDTHS: Final = r"(?:0|[1-9][0-9]{0,4})\.[0-9]{3}"
_UUID: Final = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_ENTRY: Final = re.compile(
    "\n".join(
        (
            re.escape(DOMAIN),
            r"(TRM[0-9]{6,15})",
            r"([1-9][0-9]{0,14})",
            r"([0-9a-f]{64})",
            f"({_UUID})",
            r"([1-9][0-9]{0,13})",
            r"(EMP[0-9]{6,15})",
            r"([\x20-\x7e]{1,400})",
            f"({_UUID}|-)",
            r"(REGULAR|PREMIUM|DIESEL)",
            f"({_MONEY})",
            f"({_MONEY})",
            r"(MXN|CRC|USD)",
            f"({_THOUSANDTHS}|-)",
            f"({_THOUSANDTHS}|-)",
            r"([A-Z0-9-]{2,20}|[A-Z0-9]|-)",
        )
    )
)


class OfflineEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One redemption that a terminal took. `coupon` is the code as it was read, `used_at` whole milliseconds.

    Money has two decimals, litres and price three. `customer` is named where the coupon is nobody's.
    """

    terminal_code: str
    sequence: int
    previous_sha256: bytes
    lease_id: UUID
    used_at: datetime
    employee_number: str
    coupon: str
    customer: UUID | None
    fuel_type: str
    amount: Decimal
    discount_amount: Decimal
    currency: str
    fuel_litres: Decimal | None = None
    price_per_litre: Decimal | None = None
    dispenser_code: str | None = None


def write_entry(entry: OfflineEntry) -> str:
    """The lines that are signed. Raises InputError `offline.malformed` for what they cannot say."""
    lines = (
        DOMAIN,
        entry.terminal_code,
        str(entry.sequence),
        entry.previous_sha256.hex(),
        str(entry.lease_id),
        str((entry.used_at - _EPOCH) // timedelta(milliseconds=1)),
        entry.employee_number,
        entry.coupon,
        _NOTHING if entry.customer is None else str(entry.customer),
        entry.fuel_type,
        f"{entry.amount:.2f}",
        f"{entry.discount_amount:.2f}",
        entry.currency,
        _thousandths(entry.fuel_litres),
        _thousandths(entry.price_per_litre),
        entry.dispenser_code or _NOTHING,
    )
    text = "\n".join(lines)
    if read_entry(text) != entry:
        raise malformed()
    return text


def read_entry(text: str) -> OfflineEntry:
    """Raises InputError `offline.malformed`: there is one way to write an entry."""
    found = _ENTRY.fullmatch(text)
    if found is None:
        raise malformed()
    litres, price, dispenser = (None if part == _NOTHING else part for part in found.group(13, 14, 15))
    entry = OfflineEntry(
        terminal_code=found[1],
        sequence=int(found[2]),
        previous_sha256=bytes.fromhex(found[3]),
        lease_id=UUID(found[4]),
        used_at=_EPOCH + timedelta(milliseconds=int(found[5])),
        employee_number=found[6],
        coupon=found[7],
        customer=None if found[8] == _NOTHING else UUID(found[8]),
        fuel_type=found[9],
        amount=Decimal(found[10]),
        discount_amount=Decimal(found[11]),
        currency=found[12],
        fuel_litres=None if litres is None else Decimal(litres),
        price_per_litre=None if price is None else Decimal(price),
        dispenser_code=dispenser,
    )
    if not _is_plausible(entry):
        raise malformed()
    return entry


def hash_entry(text: str, signature: bytes) -> bytes:
    """What the next entry names as the one before it: SHA-256 of the lines and the signature."""
    return sha256(text.encode() + signature).digest()


def is_signed(text: str, signature: bytes, public_key: bytes) -> bool:
    try:
        crypto_sign_open(signature + text.encode(), public_key)
    except (CryptoError, ValueError):
        return False
    return True


def _is_plausible(entry: OfflineEntry) -> bool:
    money = (entry.amount, entry.discount_amount)
    return (
        0 < entry.amount <= MAX_AMOUNT
        and entry.discount_amount <= entry.amount
        and all(part % rounding_unit(entry.currency) == 0 for part in money)
        and (entry.fuel_litres is None) == (entry.price_per_litre is None)
        and entry.fuel_litres != 0
        and entry.price_per_litre != 0
    )


def malformed() -> InputError:
    return InputError(
        "offline.malformed", "this is no entry of a terminal", "the offline format says how it is written"
    )


def _thousandths(value: Decimal | None) -> str:
    return _NOTHING if value is None else f"{value:.3f}"
