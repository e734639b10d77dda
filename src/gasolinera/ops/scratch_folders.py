"""A folder for a server that is thrown away afterwards, where the account that it runs as can reach it."""

import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from gasolinera.ops.recovery_server import require_reachable
from vuelo.installation import server_account


@contextmanager
def scratch_folder(parent: Path | None = None) -> Generator[Path]:
    """Below `parent`, or where temporary folders are. Raises ConfigError `ops.folder_closed`."""
    if parent is not None:
        parent.mkdir(parents=True, exist_ok=True)
        require_reachable(parent, server_account())
    folder = Path(tempfile.mkdtemp(prefix="gasolinera-scratch-", dir=parent))
    folder.chmod(0o711)  # the server's account must pass through; what is inside is closed to others
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
