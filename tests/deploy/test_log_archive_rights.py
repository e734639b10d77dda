"""The archive of the log is the server's; the units' account reads and expires it, and nobody else does."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from pyrage import x25519  # pyright: ignore[reportMissingModuleSource]  it is inside the extension

from gasolinera.ops import wal_copying
from gasolinera.ops.wal_archive import remove_before
from tests.deploy.metric_names import DEPLOY

SEGMENT = "000000010000000000000001"
SIZE = 1 << 16
SERVER, UNITS, STRANGER = 20_001, 20_002, 20_003  # accounts, and their groups


def is_done_by(account: int, work: Callable[[], object]) -> bool:
    """In a process of that account; a new program could not be started, for Python may lie where only root gets to."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.setgroups([])
            os.setgid(account)
            os.setuid(account)
            os.umask(0o077)
            work()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def opened_by_the_manual(archive: Path) -> None:
    """By the lines that deploy/README.md tells."""
    (block,) = re.findall(r"```sh\n(archive=.*?)```", (DEPLOY / "README.md").read_text(), re.DOTALL)
    lines = block.replace("/var/lib/gasolinera/backups/wal/*", str(archive)).replace("gasolinera-ops", str(UNITS))
    subprocess.run(["/bin/sh", "-euc", lines], check=True)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    if os.geteuid() != 0 or shutil.which("setfacl") is None:
        pytest.skip("it takes root and setfacl to be two accounts")
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(0o755)
    made = tmp_path / "wal"
    made.mkdir(mode=0o700)
    os.chown(made, SERVER, SERVER)
    written = tmp_path / "pg_wal"
    written.mkdir(mode=0o755)
    (written / SEGMENT).write_bytes(os.urandom(SIZE))
    (written / SEGMENT).chmod(0o644)
    return made


@pytest.mark.parametrize("recipients", [(), (str(x25519.Identity.generate().to_public()),)], ids=["plain", "sealed"])
def test_the_units_read_and_expire_what_the_server_archives_and_a_stranger_does_neither(
    archive: Path, recipients: tuple[str, ...]
) -> None:
    source = archive.parent / "pg_wal" / SEGMENT

    def kept() -> list[Path]:
        return list(archive.glob(f"{SEGMENT}*"))

    def archived() -> None:
        assert wal_copying.put(str(source), str(archive), recipients)

    def read() -> None:
        (segment,) = kept()
        assert len(segment.read_bytes()) >= SIZE

    def expired() -> None:
        assert len(remove_before(archive, 1 << 30, 1 << 24)) == 1

    assert is_done_by(SERVER, archived)
    assert not is_done_by(UNITS, read)
    opened_by_the_manual(archive)
    assert is_done_by(UNITS, read)  # also what was archived before
    kept()[0].unlink()
    assert is_done_by(SERVER, archived)
    assert is_done_by(UNITS, read)
    assert not is_done_by(STRANGER, read)
    assert not is_done_by(STRANGER, expired)
    assert kept()
    assert is_done_by(UNITS, expired)
    assert not kept()
