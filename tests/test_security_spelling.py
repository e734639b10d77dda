"""A token is good in the one spelling that was issued: of its base64url, its JSON, its signature and its whole."""

import json
import string
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gasolinera.errors import UnauthenticatedError
from gasolinera.key_file import PURPOSES, new_keys
from gasolinera.keyring import Keyring, from_base64url
from gasolinera.permissions import Caller, Role
from gasolinera.security import issue_access_token, verify_access_token

BASE64URL = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"  # RFC 4648, table 2
ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493  # RFC 8032, section 5.1
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
Draw = Callable[[st.SearchStrategy[Any]], Any]
RING = Keyring(new_keys(PURPOSES, NOW), clock=lambda: NOW)
CALLERS = st.builds(
    Caller,
    role=st.sampled_from([Role.CUSTOMER, Role.EMPLOYEE, Role.STATION_ADMIN, Role.SYSTEM_ADMIN]),
    user_id=st.uuids(),
    session_id=st.none() | st.uuids(),
    station_code=st.none() | st.from_regex(r"[A-Z0-9]{3,20}", fullmatch=True),
    employee_number=st.none() | st.text(max_size=40),
    has_second_factor=st.booleans(),
)
ODD = st.sampled_from(["=", ".", " ", "\n", "\r\n", "\t", "\x00"]) | st.text(min_size=1, max_size=4)


@given(st.text(alphabet=BASE64URL + "+/=\n é", max_size=12) | st.text(alphabet=BASE64URL, max_size=12))
def test_of_base64url_only_the_one_spelling_of_some_bytes_is_read(text: str) -> None:
    sixes = [BASE64URL.find(character) for character in text]
    spare = len(text) * 6 % 8  # bits that belong to no byte
    if -1 in sixes or spare == 6 or (sixes and sixes[-1] % 2**spare != 0):
        with pytest.raises(ValueError):  # noqa: PT011  of several kinds
            from_base64url(text)
    else:
        bits = "".join(f"{six:06b}" for six in sixes)
        assert from_base64url(text) == bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits) - spare, 8))


# Each of these takes a good token and hypothesis's choices, and gives it in another spelling.


def in_a_part(token: str, draw: Draw, change: Callable[[str], str]) -> str:
    parts = token.split(".")
    at: int = draw(st.integers(0, 2))
    return ".".join([*parts[:at], change(parts[at]), *parts[at + 1 :]])


def flipped(token: str, draw: Draw) -> str:
    at = draw(st.integers(0, len(token) - 1))
    return token[:at] + draw(st.sampled_from(BASE64URL + ".=") | st.characters()) + token[at + 1 :]


def added_to(token: str, draw: Draw) -> str:
    at = draw(st.sampled_from([0, len(token)]) | st.integers(0, len(token)))
    return token[:at] + draw(ODD) + token[at:]


def cut(token: str, draw: Draw) -> str:
    begin, end = sorted((draw(st.integers(0, len(token))), draw(st.integers(0, len(token)))))
    return token[:begin] + token[end:]


def padded(token: str, draw: Draw) -> str:
    return in_a_part(token, draw, lambda part: part + "=" * draw(st.sampled_from([-len(part) % 4, 1, 2, 3, 4])))


def with_spare_bits(token: str, draw: Draw) -> str:
    """The same bytes to a reader that looks away from the bits that belong to none."""

    def change(part: str) -> str:
        last = BASE64URL.index(part[-1]) ^ draw(st.integers(0, 2 ** (len(part) * 6 % 8) - 1))
        changed = part[:-1] + BASE64URL[last]
        assert urlsafe_b64decode(changed + "==") == urlsafe_b64decode(part + "==")
        return changed

    return in_a_part(token, draw, change)


def in_another_alphabet(token: str, draw: Draw) -> str:
    plain = token.translate(str.maketrans("-_", "+/"))
    return draw(st.sampled_from([plain, token.swapcase(), quote(plain, safe=""), token.replace(".", "%2E")]))


def with_json_again(token: str, draw: Draw) -> str:
    """Members in another order, with blanks, or twice: the same to a reader of JSON, under the old signature."""
    parts = token.split(".")
    at: int = draw(st.integers(0, 1))
    members = list(json.loads(urlsafe_b64decode(parts[at] + "==")).items())
    shuffled = draw(st.permutations(members)) + draw(st.lists(st.sampled_from(members), max_size=1))
    comma, colon = draw(st.sampled_from([(",", ":"), (", ", ": "), (",\n", ":")]))
    written = comma.join(f"{json.dumps(name)}{colon}{json.dumps(value)}" for name, value in shuffled)
    parts[at] = urlsafe_b64encode(f"{{{written}}}".encode()).rstrip(b"=").decode()
    return ".".join(parts)


def with_parts_in_another_order(token: str, draw: Draw) -> str:
    return ".".join(draw(st.permutations(token.split("."))))


def with_a_part_of_another(token: str, draw: Draw) -> str:
    other = issue_access_token(RING, draw(CALLERS), now=NOW).token.split(".")
    return in_a_part(token, draw, lambda part: other[token.split(".").index(part)])


def with_the_signatures_twin(token: str, draw: Draw) -> str:
    """S and S + n·L satisfy one equation; RFC 8032 takes S below L alone."""
    signed, _, signature = token.rpartition(".")
    raw = urlsafe_b64decode(signature + "==")
    twin = int.from_bytes(raw[32:], "little") + draw(st.integers(1, 14)) * ED25519_ORDER
    return f"{signed}.{urlsafe_b64encode(raw[:32] + twin.to_bytes(32, 'little')).rstrip(b'=').decode()}"


def in_json(token: str, draw: Draw) -> str:
    first, second, third = token.split(".")
    general = {"payload": second, "signatures": [{"protected": first, "signature": third}]}
    flat = {"payload": second, "protected": first, "signature": third}
    return json.dumps(draw(st.sampled_from([general, flat, token, [token], token.split(".")])))


SPELLINGS = [
    flipped, added_to, cut, padded, with_spare_bits, in_another_alphabet, with_json_again, with_parts_in_another_order,
    with_a_part_of_another, with_the_signatures_twin, in_json,
]  # fmt: skip


@pytest.mark.parametrize("spelled", SPELLINGS)
@given(caller=CALLERS, data=st.data())
def test_a_token_is_good_in_the_spelling_that_was_issued_alone(
    spelled: Callable[[str, Draw], str], caller: Caller, data: st.DataObject
) -> None:
    token = issue_access_token(RING, caller, now=NOW).token
    other = spelled(token, data.draw)
    assume(other != token)
    for _ in range(2):  # neither is taken for the other once it has been seen
        with pytest.raises(UnauthenticatedError):
            verify_access_token(RING, other, NOW)
        assert verify_access_token(RING, token, NOW) == caller
