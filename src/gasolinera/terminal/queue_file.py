"""The queue of a terminal: a file to which signed entries are added, one a line, each with the hash of the one before.

Nothing is told to the customer before its line is on the disk. A crash while a line is written leaves a part without
an end of line, which the next opening cuts off: that discount was never told.
"""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from nacl.signing import SigningKey

from gasolinera.errors import ConflictError
from gasolinera.keyring import from_base64url, to_base64url
from gasolinera.redemption.models_offline import SignedEntry
from gasolinera.redemption.offline_entries import (
    BEGINNING,
    OfflineEntry,
    hash_entry,
    is_signed,
    read_entry,
    write_entry,
)

_ENTRY = msgspec.json.Decoder(SignedEntry)


class QueuedEntry(msgspec.Struct, frozen=True):
    """A line, checked."""

    signed: SignedEntry
    entry: OfflineEntry
    sha256: bytes


class Queue:
    """The file, locked against other processes until `open_queue` ends."""

    def __init__(self, descriptor: int, key: SigningKey, entries: list[QueuedEntry]) -> None:
        self._descriptor = descriptor
        self._key = key
        self.entries = entries

    @property
    def head(self) -> tuple[int, bytes]:
        """Number and hash of the last entry."""
        return (self.entries[-1].entry.sequence, self.entries[-1].sha256) if self.entries else (0, BEGINNING)

    def append(self, entry: OfflineEntry) -> QueuedEntry:
        """Signed and on the disk when it returns."""
        text = write_entry(entry)
        signature = self._key.sign(text.encode()).signature
        signed = SignedEntry(text, to_base64url(signature))
        line = msgspec.json.encode(signed) + b"\n"
        while line:
            line = line[os.write(self._descriptor, line) :]
        os.fsync(self._descriptor)
        queued = QueuedEntry(signed, entry, hash_entry(text, signature))
        self.entries.append(queued)
        return queued


@contextmanager
def open_queue(path: Path, key: SigningKey, terminal_code: str) -> Generator[Queue]:
    """Waits for whoever has it open. Raises ConflictError `offline.queue_altered` for a line that does not fit."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        content = path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            os.ftruncate(descriptor, whole)
            os.fsync(descriptor)
        yield Queue(descriptor, key, _checked(content[:whole], bytes(key.verify_key), terminal_code))
    finally:
        os.close(descriptor)


def _checked(content: bytes, public_key: bytes, terminal_code: str) -> list[QueuedEntry]:
    entries: list[QueuedEntry] = []
    sequence, previous = 0, BEGINNING
    for line in content.splitlines():
        try:
            signed = _ENTRY.decode(line)
            entry, signature = read_entry(signed.entry), from_base64url(signed.signature)
        except (ValueError, msgspec.MsgspecError):
            raise _altered(sequence + 1) from None
        fits = (entry.terminal_code, entry.sequence, entry.previous_sha256) == (terminal_code, sequence + 1, previous)
        if not fits or not is_signed(signed.entry, signature, public_key):
            raise _altered(sequence + 1)
        sequence, previous = entry.sequence, hash_entry(signed.entry, signature)
        entries.append(QueuedEntry(signed, entry, previous))
    return entries


def _altered(sequence: int) -> ConflictError:
    hint = "keep the file for the station's administrator, and enrol the device anew"
    return ConflictError("offline.queue_altered", f"entry {sequence} of the queue was altered", hint)
