"""Where temporary data are quickest: a file system in memory, where there is one with room."""

import os
import shutil
from pathlib import Path

_MEMORY = Path("/dev/shm")  # noqa: S108  a folder of our own is made in it
_ROOMY_BYTES = 3 * 1024**3


def roomy_memory() -> Path | None:
    """None: none that could take a few databases; or somebody has said where temporary data go."""
    if "TMPDIR" in os.environ or not os.access(_MEMORY, os.W_OK):
        return None
    return _MEMORY if shutil.disk_usage(_MEMORY).free >= _ROOMY_BYTES else None
