"""Whether a copy of a whole server is as it was written, plain or encrypted."""

from collections.abc import Sequence
from pathlib import Path

from pyrage import x25519  # pyright: ignore[reportMissingModuleSource]  it is inside the extension

from gasolinera.ops.backup_files import problems_with
from gasolinera.ops.base_backups import DESCRIPTION, BaseBackup
from gasolinera.ops.manifests import Verified, verify_data
from gasolinera.ops.programs import find_program
from gasolinera.ops.sealed_copies import verify_sealed


def verify_copy(folder: Path, backup: BaseBackup, identities: Sequence[x25519.Identity]) -> Verified | None:
    """Every file of it. None: it is encrypted, its bytes are as they were written, and there is no key to say more.

    Raises DecryptionError `ops.wrong_key`, ConfigError `ops.no_program`.
    """
    if backup.encryption is None:
        return verify_data(folder / "data", _bin_dir(backup))
    problems = problems_with(folder, backup.files, list_name=DESCRIPTION)
    if problems:
        return Verified("gasolinera", tuple(problems))
    if not identities:
        return None
    return verify_sealed(folder, backup.manifest_sha256, identities, _bin_dir(backup))


def _bin_dir(backup: BaseBackup) -> Path:
    """Of the server's own version: an older or newer program may not know the format."""
    return find_program("pg_waldump", backup.version // 10_000, exactly=True).path.parent
