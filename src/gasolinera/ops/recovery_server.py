"""A server on a restored copy that recovers to a target, reachable by nobody else, and watched until it is there.

`pg_ctl` says "started" before an unreachable target ends the server. So no connection is let in before recovery is
over (hot_standby off), and what counts is that the server answers, or that its process has ended.
"""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Final

import msgspec
import pyrage
from psycopg.conninfo import make_conninfo
from psycopg.pq import PGconn, Ping

from gasolinera.errors import ConfigError, GasolineraError
from gasolinera.ops import wal_copying
from gasolinera.ops.recovery_planning import Target
from gasolinera.ops.wal_archive import is_sealed
from vuelo.installation import Account, server_account

_PORT: Final = "5432"  # of the socket's name; nothing listens on the network
_STOP_WITHIN_S: Final = 300
_LOG_SHOWN: Final = 12
_FATAL: Final = re.compile("FATAL|PANIC")
_PYTHONS: Final = (Path("/usr/bin/python3"), Path("/usr/local/bin/python3"))

# Nothing of the old server's life: no archive, no standby, no subscription, no files of a log or a certificate.
_QUIET: Final = {
    "listen_addresses": "",
    "hot_standby": "off",
    "archive_mode": "off",
    "ssl": "off",
    "logging_collector": "off",
    "log_destination": "stderr",
    "lc_messages": "C",
    "primary_conninfo": "",
    "primary_slot_name": "",
    "synchronous_standby_names": "",
    "max_logical_replication_workers": "0",
    "recovery_target_action": "promote",
    **dict.fromkeys(("recovery_target", "recovery_target_time", "recovery_target_lsn", "recovery_target_xid"), ""),
    **dict.fromkeys(("recovery_target_name", "recovery_end_command", "archive_cleanup_command"), ""),
}
_SCRATCH: Final = {"fsync": "off", "shared_buffers": "64MB", "huge_pages": "off", "autovacuum": "off"}


class RecoveryFailedError(GasolineraError):
    """The restored server did not get where it should."""


class Startable(msgspec.Struct, frozen=True):
    """What of the old server counts for starting on its files. `keeps_configuration`: postgresql.conf is among them."""

    superuser: str
    settings: dict[str, str]
    keeps_configuration: bool


class Recovery(msgspec.Struct, frozen=True):
    """Where to, and where the log comes from: folders, or a command of another tool's. `keys`: of age, for a log that
    is encrypted; they are secret.
    """

    target: Target
    timeline: str
    wal_folders: tuple[str, ...] = ()
    restore_command: str | None = None
    keys: tuple[str, ...] = ()


class RecoveredServer(msgspec.Struct, frozen=True):
    """Running, promoted, writable; `recovery_s` is how long it took from its start."""

    data: Path
    sockets: Path
    superuser: str
    recovery_s: float

    def url(self, database: str = "postgres") -> str:
        return make_conninfo(host=str(self.sockets), port=_PORT, dbname=database, user=self.superuser)


Progress = Callable[[str], None]
"""Called with the name of each file of the log that was brought from the archive."""


@contextmanager
def recovered_server(
    data: Path,
    about: Startable,
    bin_dir: Path,
    *,
    recovery: Recovery | None,
    is_scratch: bool = False,
    within_s: float | None = None,
    progress: Progress = lambda _: None,
) -> Generator[RecoveredServer]:
    """Start on `data`, recover to the target along the timeline, be writable, stop at the end.

    `recovery` None: the data were recovered before. `is_scratch`: the data need not survive a crash of the machine.
    Raises RecoveryFailedError `ops.target_unreachable`, `ops.recovery_failed`, `ops.recovery_slow`.
    """
    account = server_account()
    require_reachable(data.parent, account)
    own_tree(data, account)
    with tempfile.TemporaryDirectory(prefix="gas-") as folder:
        place = Path(folder)
        log = place / "server.log"
        settings = {**_QUIET, **about.settings, **_files(place), **(_SCRATCH if is_scratch else {})}
        if not about.keeps_configuration:
            settings["config_file"] = str(place / "postgresql.conf")
        if recovery is not None:
            (data / "recovery.signal").touch()
            wanted = _recovery_settings(recovery, place, account)
            # The target last: one that is emptied after it counts as a second.
            settings = {key: value for key, value in settings.items() if key not in wanted} | wanted
        own_tree(data / "recovery.signal", account)
        own_tree(place, account)
        process = _start(bin_dir, data, settings, log, account, () if recovery is None else recovery.keys)
        try:
            began = time.monotonic()
            _wait(process, place, log, within_s, progress)
            yield RecoveredServer(data, place, about.superuser, time.monotonic() - began)
        finally:
            _stop(process)


def _files(place: Path) -> dict[str, str]:
    (place / "pg_hba.conf").write_text("local all all trust\n")  # the folder lets in nobody else
    (place / "pg_ident.conf").write_text("")
    (place / "postgresql.conf").write_text("")
    return {
        "hba_file": str(place / "pg_hba.conf"),
        "ident_file": str(place / "pg_ident.conf"),
        "external_pid_file": str(place / "postmaster.pid"),
        "unix_socket_directories": str(place),
        "unix_socket_permissions": "0700",
        "port": _PORT,
    }


def _recovery_settings(recovery: Recovery, place: Path, account: Account) -> dict[str, str]:
    target, command, is_sealed_log = recovery.target, recovery.restore_command, False
    if command is None:
        there = [folder for folder in recovery.wal_folders if Path(folder).is_dir()]
        for folder in there:
            _require_readable(Path(folder), account)
        is_sealed_log = bool(recovery.keys) and any(is_sealed(path) for one in there for path in Path(one).iterdir())
        command = (
            copying_command(["get", "%f", "%p", *there], place, account, seals=is_sealed_log) if there else "false"
        )
    settings = {"recovery_target_timeline": recovery.timeline, "restore_command": command}
    if is_sealed_log:
        # Looking ahead asks for the segment behind the target's: one that cannot be decrypted must not stop it.
        settings["recovery_prefetch"] = "off"
    if target.kind != "latest":
        settings[f"recovery_target_{target.kind}"] = target.value
        settings["recovery_target_inclusive"] = "on" if target.inclusive else "off"
    return settings


def copying_command(arguments: Sequence[str], spare: Path, account: Account, *, seals: bool = False) -> str:
    """A shell command for the server's settings that copies one file of the log, by our own program.

    What the server's account cannot reach is copied to `spare`. `seals`: it encrypts or decrypts, too.

    Raises ConfigError `ops.no_python` when there is no
    interpreter that it may run.
    """
    script = Path(wal_copying.__file__)
    if not account.can_reach(script.parent):
        script = Path(shutil.copy(script, spare))
        script.chmod(0o644)
    choices = (Path(sys.executable), Path(sys.executable).resolve(), *_PYTHONS)
    python = next((one for one in choices if one.exists() and _may_run(one, account)), None)
    if python is None:
        hint = f"install python3 in {_PYTHONS[0].parent}"
        raise ConfigError("ops.no_python", "the account that the server runs as can run no Python", hint)
    library = ["--library", str(_library(spare, account))] if seals else []
    words = [str(python), "-I", "-S", str(script), *library, *arguments]
    return " ".join(word if word in ("%p", "%f") else shlex.quote(word.replace("%", "%%")) for word in words)


def _library(spare: Path, account: Account) -> Path:
    """Where that program finds pyrage, which works with every Python 3: here, or in a copy that never changes."""
    package = Path(pyrage.__file__).parent
    if account.can_reach(package):
        return package.parent
    copy = spare / f"pyrage-{version('pyrage')}"
    if not copy.exists():
        making = Path(tempfile.mkdtemp(dir=spare))
        shutil.copytree(package, making / package.name, ignore=shutil.ignore_patterns("__pycache__"))
        for one in (making, *making.rglob("*")):
            one.chmod(0o755 if one.is_dir() else 0o644)
        try:
            making.rename(copy)
        except OSError:
            if not copy.exists():  # else another process finished the same copy first
                raise
            shutil.rmtree(making)
    return copy


def _may_run(program: Path, account: Account) -> bool:
    return account.can_reach(program.parent) and account.can_reach(program.resolve().parent)


def require_reachable(folder: Path, account: Account) -> None:
    """Raises ConfigError `ops.folder_closed`."""
    whole = folder.absolute()
    if not account.can_reach(whole):
        closed = next(one for one in reversed((whole, *whole.parents)) if not one.stat().st_mode & 0o001)
        raise ConfigError(
            "ops.folder_closed",
            f"the account that the server runs as cannot reach {folder}",
            f"choose another folder, or let others pass through, which shows them nothing: chmod o+x {closed}",
        )


def _require_readable(folder: Path, account: Account) -> None:
    """Raises ConfigError `ops.folder_closed`: a log that cannot be read would pass for one that has ended."""
    require_reachable(folder.parent, account)
    about = folder.stat()
    if account.is_other and about.st_uid != account.uid and about.st_mode & 0o005 != 0o005:
        message = f"the account that the server runs as cannot read {folder}"
        raise ConfigError("ops.folder_closed", message, f"chmod o+rx {folder}, and its files o+r, until it is restored")


def own_tree(path: Path, account: Account) -> None:
    """Gives files to the server's account, where that is not ours."""
    if account.is_other and path.exists():
        account.own(path)
        for each in path.rglob("*"):
            if not each.is_symlink():
                account.own(each)


def _start(
    bin_dir: Path, data: Path, settings: Mapping[str, str], log: Path, account: Account, keys: Sequence[str]
) -> "subprocess.Popen[bytes]":
    data.chmod(0o700)
    arguments = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    user, group, extra_groups = account.change
    with log.open("ab") as output:
        return subprocess.Popen(
            [bin_dir / "postgres", "-D", data, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=data,
            env={**os.environ, wal_copying.KEYS: "\n".join(keys)} if keys else None,
            start_new_session=True,  # Ctrl-C in our terminal must not reach the server before we are done with it
            user=user,
            group=group,
            extra_groups=extra_groups,
        )


def _wait(
    process: "subprocess.Popen[bytes]", place: Path, log: Path, within_s: float | None, progress: Progress
) -> None:
    deadline = None if within_s is None else time.monotonic() + within_s
    address = make_conninfo(host=str(place), port=_PORT, connect_timeout=5).encode()
    with log.open(errors="replace") as said:
        while Ping(PGconn.ping(address)) != Ping.OK:
            for line in said:
                if "restored log file" in line:
                    progress(line.split('"')[1])
            if process.poll() is not None:
                raise _failure(log.read_text(errors="replace"))
            if deadline is not None and time.monotonic() > deadline:
                message = f"recovery is not over after {within_s:.0f} seconds"
                raise RecoveryFailedError("ops.recovery_slow", message, "give it more time, or take backups more often")
            time.sleep(0.05)


def _failure(log: str) -> RecoveryFailedError:
    lines = log.strip().splitlines()
    # Those who ask too early are told so as if it were fatal.
    fatal = next((line for line in lines if _FATAL.search(line) and "the database system is" not in line), "")
    if "before configured recovery target was reached" in fatal:
        last = next((line.split("LOG:")[-1].strip() for line in lines if "last completed transaction was" in line), "")
        message = f"recovery ended before the target was reached{f'; {last}' if last else ''}"
        return RecoveryFailedError("ops.target_unreachable", message, "a dry run says what can be reached")
    copying = [line for line in lines if line.startswith("wal get:")]
    said = "\n".join([*copying[-1:], fatal] if fatal else lines[-_LOG_SHOWN:])
    return RecoveryFailedError("ops.recovery_failed", f"the restored server ended:\n{said}", None)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """Fast shutdown, so that what it leaves is whole; after a long wait without regard."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(_STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGQUIT)
        process.wait()
