"""That we saw a code live, and when: a wallet's code lasts a minute, and pumping and paying take longer.

Whoever looked at it keeps the proof beside the code. It holds for the employee who looked, for half an hour, and for
the one redemption whose key it was given: a customer who has left is served once.
"""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Final

from gasolinera.errors import InputError, UnauthenticatedError
from gasolinera.keyring import Keyring
from gasolinera.redemption.queries import Employee

GOOD_FOR: Final = timedelta(minutes=30)
MAX_PROOF: Final = 120
_LEEWAY: Final = timedelta(seconds=5)  # between the clocks of two hosts
_DOMAIN: Final = b"gasolinera-code-seen-v2"
_NEXT: Final = b"gasolinera-next-attempt-v1\0"


def prove_seen(keyring: Keyring, employee: Employee, text: str, key: str, seen_at: datetime) -> str:
    """Only for a code that was found good just now, or for the key that follows one whose attempt failed."""
    moment = int(seen_at.timestamp())
    key_id, mac = keyring.mac("cursor", _bound(employee, text, key, moment))
    return f"{moment}.{key_id}.{mac.hex()}"


def seen_when(keyring: Keyring, employee: Employee, text: str, key: str, proof: str) -> datetime:
    """Raises InputError `redemption.look_again`: no proof of ours for this code, employee and key, or an old one."""
    moment, _, rest = proof.partition(".")
    key_id, _, mac = rest.partition(".")
    if len(proof) > MAX_PROOF or not (proof.isascii() and moment.isdigit() and key_id.isdigit()):
        raise _look_again()
    try:
        expected = keyring.mac_with("cursor", int(key_id), _bound(employee, text, key, int(moment)))
    except UnauthenticatedError:
        raise _look_again() from None
    if not hmac.compare_digest(mac.encode(), expected.hex().encode()):
        raise _look_again()
    seen_at = datetime.fromtimestamp(int(moment), UTC)
    if not -_LEEWAY <= keyring.clock() - seen_at <= GOOD_FOR:
        raise _look_again()
    return seen_at


def next_key(key: str) -> str:
    """Of the attempt after one that failed. Always the same: a failure that is asked for again opens no more."""
    return hashlib.sha256(_NEXT + key.encode()).hexdigest()[: len(key)]


def _bound(employee: Employee, text: str, key: str, moment: int) -> bytes:
    digest = hashlib.sha256(text.encode()).digest()
    return b"\0".join((_DOMAIN, str(moment).encode(), employee.employee_number.encode(), key.encode(), digest))


def _look_again() -> InputError:
    return InputError("redemption.look_again", "it is too long since this code was looked at", "scan it again")
