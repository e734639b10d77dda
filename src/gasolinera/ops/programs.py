"""PostgreSQL's own client programs: where they are, which one fits a server, and running them without showing secrets.

A client must be at least as new as the server that it dumps; and an archive is read by no client older than the one
that wrote it. Sought in `GASOLINERA_POSTGRES_BIN`, in Debian's places, on the PATH, and in the embedded server's wheel.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import IO, Final

import msgspec
import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from gasolinera.config import PREFIX
from gasolinera.errors import ConfigError, GasolineraError
from vuelo import VueloError
from vuelo.installation import Account, find_binaries

SETTING: Final = f"{PREFIX}POSTGRES_BIN"
_DEBIAN: Final = Path("/usr/lib/postgresql")
_WHEEL_VERSIONS: Final = (16, 18)
_VERSION: Final = re.compile(r"\(PostgreSQL\) (\d+)\S*")
_MOST_SAID: Final = 1000
_PIPE_BYTES: Final = 1 << 18  # four times the usual: less waiting for each other between two programs and us
_WITH_SERVER: Final = frozenset(
    ("pg_verifybackup", "pg_combinebackup", "pg_controldata", "pg_ctl", "postgres", "initdb")
)
_SECRETS: Final = frozenset(("sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key"))
Started = Callable[["subprocess.Popen[bytes]"], None]


class Program(msgspec.Struct, frozen=True):
    path: Path
    major: int

    @property
    def name(self) -> str:
        return self.path.name


class ProgramError(GasolineraError):
    """A program ended badly; the message has what it said."""


class EndedEarlyError(Exception):
    """A program that was written to has ended; `running_program` makes a ProgramError of it."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        super().__init__("it ended before it had read everything")
        self.process = process


def find_program(name: str, at_least: int, *, exactly: bool = False) -> Program:
    """The oldest that is new enough for a server of major version `at_least`; of that version alone if `exactly`.

    Raises ConfigError `ops.no_program`.
    """
    found = [
        Program(path, major)
        for path in _candidates(name, os.environ.get(SETTING))
        if (major := _major_of(path)) is not None and (major == at_least if exactly else major >= at_least)
    ]
    if not found:
        package = f"postgresql-{at_least}" if name in _WITH_SERVER else f"postgresql-client-{at_least}"
        wanted = f"PostgreSQL {at_least}" if exactly else f"PostgreSQL {at_least} or newer"
        raise ConfigError(
            "ops.no_program",
            f"there is no {name} of {wanted}",
            f"install {package}, or set {SETTING} to the folder that has it",
        )
    return min(found, key=lambda program: program.major)  # of one version the first place counts


def major_of_server(conn: "psycopg.Connection[tuple[object, ...]]") -> int:
    return conn.info.server_version // 10_000


def _candidates(name: str, named: str | None) -> list[Path]:
    folders = [Path(named)] if named else []
    if _DEBIAN.is_dir():
        folders += [version / "bin" for version in sorted(_DEBIAN.iterdir())]
    on_path = shutil.which(name)
    if on_path:
        folders.append(Path(on_path).resolve().parent)
    # Last: those of a distribution know more ways to compress.
    folders += [folder for version in _WHEEL_VERSIONS if (folder := _wheel_folder(version)) is not None]
    return [folder / name for folder in folders if (folder / name).is_file()]


def _wheel_folder(version: int) -> Path | None:
    # Clients run as ourselves, unlike the server: the wheel's own folder will do.
    with suppress(VueloError):
        return find_binaries(version, None, Account(os.geteuid(), os.getegid(), is_other=False))
    return None


@cache
def _major_of(path: Path) -> int | None:
    """None for what does not even say its version: a script of a distribution whose server is not there, say."""
    with suppress(OSError):
        said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False, timeout=30)
        found = _VERSION.search(said.stdout)
        if said.returncode == 0 and found:
            return int(found[1])
    return None


@cache
def has_zstd(program: Program) -> bool:
    """Whether it was built with zstd: pg_dump says so before it looks for a server."""
    said = subprocess.run(
        [program.path, "--format=custom", "--compress=zstd:1", "--host=/nonexistent", "--file=/dev/null"],
        capture_output=True, text=True, check=False, timeout=30, env=_our_environment(),
    )  # fmt: skip
    return program.major >= 16 and "compression specification" not in said.stderr


def environment_for(url: str, *, role: str | None = None, database: str | None = None) -> dict[str, str]:
    """What libpq reads instead of arguments, which any user of the machine can see.

    `role` is changed into when the session starts, where no pooler is in between.
    """
    said = {key: str(value) for key, value in conninfo_to_dict(url).items() if value is not None}
    if database is not None:
        said["dbname"] = database
    options = [word for word in (said.get("options"), f"-c role={_escaped(role)}" if role else None) if word]
    if options:
        said["options"] = " ".join(options)
    names = {one.keyword.decode(): one.envvar.decode() for one in pq.Conninfo.get_defaults() if one.envvar}
    return _our_environment() | {names[key]: value for key, value in said.items() if key in names}


def rest_of_address(url: str, *, database: str | None = None) -> str:
    """What of an address no variable can say, such as keepalives, and the database's name: for `--dbname`."""
    known = {one.keyword.decode() for one in pq.Conninfo.get_defaults() if one.envvar}
    known |= _SECRETS  # every user of the machine sees arguments
    rest = {key: value for key, value in conninfo_to_dict(url).items() if value is not None and key not in known}
    name = database or conninfo_to_dict(url).get("dbname")
    return make_conninfo("", **rest, **({"dbname": str(name)} if name else {}))


def _escaped(value: str) -> str:
    """As the server takes options apart: at spaces, unless behind a backslash."""
    return value.replace("\\", "\\\\").replace(" ", "\\ ")


def _our_environment() -> dict[str, str]:
    """Ours, libpq's variables too, as our own connections read them; without a language: what programs say is read."""
    return os.environ | {
        "LC_ALL": "C",
        "LANGUAGE": "C",
        "PGAPPNAME": "gasolinera-ops",
        "PGCONNECT_TIMEOUT": "10",
    }


def run_program(
    program: Program, arguments: Sequence[str | Path], environment: dict[str, str], *, started: Started = lambda _: None
) -> str:
    """Standard output. Raises ProgramError `ops.program_failed`."""
    with running_program(program, arguments, environment, started=started) as process:
        assert process.stdout is not None
        return process.stdout.read().decode(errors="replace")


@contextmanager
def running_program(
    program: Program,
    arguments: Sequence[str | Path],
    environment: dict[str, str],
    *,
    stdin: int | IO[bytes] | None = None,
    started: Started = lambda _: None,
) -> Generator["subprocess.Popen[bytes]"]:
    """The program with its output to be read; ended if the body raises. `started` is for who may end it from elsewhere.

    Raises ProgramError `ops.program_failed` after the body, when the program itself did not go well.
    """
    # A file and no pipe for what it says: nobody has to read it meanwhile.
    with _spoken() as spoken:
        process = subprocess.Popen(
            [program.path, *arguments],
            stdin=subprocess.DEVNULL if stdin is None else stdin,
            stdout=subprocess.PIPE,
            stderr=spoken,
            env=environment,
            start_new_session=True,  # Ctrl-C reaches us, and we end it
            pipesize=_PIPE_BYTES,
        )
        try:
            started(process)
            yield process
        except BaseException as error:
            if isinstance(error, EndedEarlyError) and error.process is process:
                process.wait()
                raise _failed(program, process.returncode, spoken) from error
            process.kill()
            process.wait()
            raise
        finally:
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with suppress(BrokenPipeError):
                        stream.close()
        if process.wait() != 0:
            raise _failed(program, process.returncode, spoken)


def send(process: "subprocess.Popen[bytes]", data: bytes) -> None:
    """To the program's standard input, all of it. Raises EndedEarlyError."""
    assert process.stdin is not None
    try:
        process.stdin.write(data)
        process.stdin.flush()
    except BrokenPipeError as error:
        raise EndedEarlyError(process) from error


@contextmanager
def _spoken() -> Generator[IO[bytes]]:
    descriptor = os.memfd_create("said")
    with os.fdopen(descriptor, "w+b") as file:
        yield file


def _failed(program: Program, status: int, spoken: IO[bytes]) -> ProgramError:
    spoken.seek(0)
    said = spoken.read().decode(errors="replace").strip()
    if len(said) > 2 * _MOST_SAID:  # the first words tell what went wrong, the last ones how it ended
        said = f"{said[:_MOST_SAID]} … {said[-_MOST_SAID:]}"
    how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
    return ProgramError("ops.program_failed", f"{program.name} {how}: {said or 'it said nothing'}")
