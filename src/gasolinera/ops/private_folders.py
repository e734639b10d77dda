"""Temporary folders for what is otherwise encrypted: closed to others, and never left behind for good."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_PREFIX: Final = "gasolinera-plain-"


@contextmanager
def private_folder(parent: Path | None = None) -> Generator[Path]:
    """Below `parent`, or where temporary folders are. What killed processes left there is removed first."""
    place = Path(tempfile.gettempdir()) if parent is None else parent
    _remove_abandoned(place)
    folder, held = _locked(place)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def _locked(place: Path) -> tuple[Path, int]:
    """Whoever holds the lock of a folder still needs it: the lock goes with the process, however that ends."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))  # its mode is 0700
        with suppress(FileNotFoundError):  # another took it for abandoned before it was ours
            held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(held, fcntl.LOCK_EX)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(held), folder.stat()):
                    return folder, held
            os.close(held)


def _remove_abandoned(place: Path) -> None:
    for folder in place.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # another account's, or another process removes it
            held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
            finally:
                os.close(held)
