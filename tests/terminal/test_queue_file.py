"""The queue outlives a crash, tells one that was altered, and is written as the reference says."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey

from gasolinera.errors import ConflictError, InputError
from gasolinera.keyring import from_base64url
from gasolinera.redemption.offline_entries import OfflineEntry, hash_entry, is_signed, read_entry, write_entry
from gasolinera.terminal.queue_file import open_queue
from tests.redemption.offline_vectors import SEED, chain

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "offline-format.md"
KEY = SigningKey(SEED)
ENTRY = OfflineEntry(
    terminal_code="TRM000001",
    sequence=1,
    previous_sha256=bytes(32),
    lease_id=UUID("5b1f0c9e-4a55-4f7e-9d1c-0d5d0c1f8f0a"),
    used_at=datetime(2026, 11, 23, 19, 0, tzinfo=UTC),
    employee_number="EMP000022",
    coupon="GC1: A$",
    customer=None,
    fuel_type="REGULAR",
    amount=Decimal("500.00"),
    discount_amount=Decimal("50.00"),
    currency="MXN",
)


def add(path: Path, count: int = 1) -> None:
    with open_queue(path, KEY, "TRM000001") as queue:
        for _ in range(count):
            sequence, head = queue.head
            queue.append(msgspec.structs.replace(ENTRY, sequence=sequence + 1, previous_sha256=head))


def test_the_vectors_of_the_page_are_those_of_an_independent_maker_and_are_read() -> None:
    shown: dict[str, Any] = json.loads(PAGE.read_text().split("```json\n")[1].split("```")[0])
    assert shown == chain()
    previous = bytes(32)
    for number, one in enumerate(shown["entries"], start=1):
        entry, signature = read_entry(one["entry"]), from_base64url(one["signature"])
        assert (entry.sequence, entry.previous_sha256) == (number, previous)
        assert write_entry(entry) == one["entry"]
        assert is_signed(one["entry"], signature, bytes.fromhex(shown["public_key"]))
        previous = hash_entry(one["entry"], signature)
        assert previous.hex() == one["sha256"]


@given(st.data())
def test_an_entry_has_one_spelling(data: st.DataObject) -> None:
    text = write_entry(ENTRY)
    at = data.draw(st.integers(0, len(text) - 1))
    changed = text[:at] + data.draw(st.characters(max_codepoint=0x17F)) + text[at + 1 :]
    with suppress(InputError):
        assert write_entry(read_entry(changed)) == changed


def test_a_line_that_a_crash_left_unfinished_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "queue.jsonl"
    add(path, 3)
    whole = path.read_bytes()
    for cut in (1, 2, 200):
        path.write_bytes(whole[:-cut])
        with open_queue(path, KEY, "TRM000001") as queue:
            assert [one.entry.sequence for one in queue.entries] == [1, 2]
        add(path)
        assert path.read_bytes() == whole, "Ed25519 signs the same text the same way"


def test_what_was_altered_left_out_or_is_of_another_device_is_told(tmp_path: Path) -> None:
    path = tmp_path / "queue.jsonl"
    add(path, 3)
    first, second, third = path.read_bytes().splitlines(keepends=True)
    for altered in (first + third, second + third, first + second.replace(b"500.00", b"400.00") + third, b"{}\n"):
        path.write_bytes(altered)
        with pytest.raises(ConflictError, match="altered"), open_queue(path, KEY, "TRM000001"):
            pass
    path.write_bytes(first + second + third)
    with pytest.raises(ConflictError, match="altered"), open_queue(path, SigningKey.generate(), "TRM000001"):
        pass
