"""54 bytes, as the page of the format lays them out."""

from hashlib import sha256
from uuid import UUID

import pytest

from gasolinera.raffle.leaves import Leaf, entry_hash, owner_tag, read_leaf

_ISSUANCE = UUID("6f1c1d0e-4b9e-8a54-9d2c-6d1d9a4c2f10")


def test_a_leaf_is_read_as_it_is_laid_out() -> None:
    packed = b"\x05" + b"h" * 28 + b"o" * 16 + bytes.fromhex("0102030405") + bytes.fromhex("0a0b0c0d")
    assert len(packed) == 54
    assert read_leaf(packed) == Leaf(5, b"h" * 28, b"o" * 16, 0x0102030405, 0x0A0B0C0D)


@pytest.mark.parametrize("data", [b"", bytes(53), bytes(55), bytes(54), b"\x06" + bytes(53)])
def test_other_bytes_are_no_leaf(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"leaf|source"):
        read_leaf(data)


def test_an_entry_is_known_by_its_numbers_in_ascending_order() -> None:
    numbers = ["TKT9999999999999999", "TKT1111111111111111"]
    expected = sha256(
        b"gasolinera-entry-1\x00\x07RAFFLE1" + _ISSUANCE.bytes + b"\x00\x00\x00\x02"
        b"TKT1111111111111111TKT9999999999999999"
    ).digest()[:28]
    assert entry_hash("RAFFLE1", _ISSUANCE, numbers) == expected


def test_owners_differ_by_raffle_key_and_person() -> None:
    tags = {
        owner_tag(key, code, user)
        for key in (bytes(32), b"\1" * 32)
        for code in ("A-1", "B-1")
        for user in (_ISSUANCE, UUID(int=1))
    }
    assert len(tags) == 8
    assert {len(tag) for tag in tags} == {16}
