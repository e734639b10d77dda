"""Switching on the archive of a server's log, where the server lets us and lives on this machine."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import psycopg
from psycopg import sql

from gasolinera.errors import ConfigError, ConflictError
from gasolinera.ops.base_backups import make_root, wal_folder_of
from gasolinera.ops.base_servers import PhysicalServer
from gasolinera.ops.encryption import Encryption
from gasolinera.ops.recovery_server import copying_command, require_reachable
from vuelo.installation import Account

Connection = psycopg.Connection[Any]

_FIRST_WITH_SUMMARIES: Final = 170000
_SPARE: Final = ".program"
_OURS: Final = ("wal_copying.py", " archive-wal ")


class ArchiveSetup(msgspec.Struct, frozen=True):
    """`lines`: as postgresql.conf would have them. `waits_for_restart`: those that count only then."""

    folder: str
    lines: tuple[str, ...]
    waits_for_restart: tuple[str, ...]


def set_up_archive(
    server: PhysicalServer, root: Path, *, every_s: int = 60, encryption: Encryption | None = None
) -> ArchiveSetup:
    """A segment leaves at least each `every_s` seconds while anything is written: so much may be lost with the machine.

    `encryption`: for whom segments are sealed from now on; what is in the archive stays as it is.

    Raises ConfigError `ops.not_superuser`, `ops.server_elsewhere`, `ops.foreign_server`, `ops.folder_closed`;
    ConflictError `ops.archive_taken` where another tool has the log.
    """
    if not server.is_superuser:
        hint = "have somebody who may set what `gasolinera ops backup setup --print` prints"
        raise ConfigError("ops.not_superuser", f"the role {server.role} may not change settings of the server", hint)
    with psycopg.connect(server.url, autocommit=True, application_name="gasolinera-ops") as conn:
        _refuse_other_archive(conn)
    account = account_of(server)
    folder = made_archive(server, root, account)
    wanted = _own_settings(server, folder, account, every_s, encryption)
    with psycopg.connect(server.url, autocommit=True, application_name="gasolinera-ops") as conn:
        for name, value in wanted.items():
            conn.execute(sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), sql.Literal(value)))
        conn.execute("SELECT pg_reload_conf()")
        waiting = _waiting(conn, wanted)
    return ArchiveSetup(str(folder), _lines(wanted), waiting)


def _refuse_other_archive(conn: Connection) -> None:
    """Whoever archives the log now has backups that are worth nothing without it."""
    row = conn.execute(
        """SELECT current_setting('archive_mode') <> 'off', current_setting('archive_command'),
                  coalesce(current_setting('archive_library', true), '')"""
    ).fetchone()
    assert row is not None
    is_on, command, library = row
    if not is_on or (not library and (not command.strip() or any(word in command for word in _OURS))):
        return
    # No more of it than its first word: there may be secrets in it.
    tool = library or Path(command.split()[0]).name
    hint = "keep it and leave this alone; or end that tool's backups for good, and ALTER SYSTEM RESET archive_command"
    raise ConflictError("ops.archive_taken", f"the server's log is archived by another tool already: {tool}", hint)


def account_of(server: PhysicalServer) -> Account:
    """Who owns the server's data. Its commands run on its machine.

    Raises ConfigError `ops.server_elsewhere`, `ops.foreign_server`.
    """
    try:
        owner = None if server.data_directory is None else (Path(server.data_directory) / "postmaster.pid").stat()
    except OSError:
        owner = None
    if owner is None:
        raise ConfigError(
            "ops.server_elsewhere",
            "the server runs on another machine, or its data cannot be seen from here",
            "set there what `gasolinera ops backup setup --print` prints, with the folder as it is called there",
        )
    is_other = owner.st_uid != os.geteuid()
    if is_other and os.geteuid() != 0:
        hint = "run this as that account, or as root"
        raise ConfigError("ops.foreign_server", f"the server runs as the account {owner.st_uid}, not as ours", hint)
    return Account(owner.st_uid, owner.st_gid, is_other=is_other)


def made_archive(server: PhysicalServer, root: Path, account: Account) -> Path:
    """The archive's folder, which is the server's own; what is made on the way to it lets others pass, not look."""
    folder = wal_folder_of(root, server.system_identifier)
    make_root(root.absolute())
    make_root(folder.parent)
    require_reachable(folder.parent, account)
    if not folder.exists():  # rights that were given to others since stay
        folder.mkdir(mode=0o700)
    account.own(folder)
    return folder


def archive_lines(
    server: PhysicalServer, root: Path, *, every_s: int, encryption: Encryption | None = None
) -> tuple[str, ...]:
    """For a server on another machine, where the folder must be one that both reach. Changes nothing."""
    command = f"gasolinera ops archive-wal %p {shlex.quote(str(wal_folder_of(root, server.system_identifier)))}"
    recipients = () if encryption is None else encryption.recipients
    command = " ".join([command, *sealing_words(recipients)])
    return _lines(_settings(server, command, every_s))


def _own_settings(
    server: PhysicalServer, folder: Path, account: Account, every_s: int, encryption: Encryption | None
) -> dict[str, str]:
    spare = folder.parent / _SPARE
    spare.mkdir(exist_ok=True)
    spare.chmod(0o755)
    arguments = ["put", "%p", str(folder), *sealing_words(() if encryption is None else encryption.recipients)]
    command = copying_command(arguments, spare, account, seals=encryption is not None)
    if not any(spare.iterdir()):
        spare.rmdir()
    return _settings(server, command, every_s)


def seals(command: str) -> bool:
    """Whether an archive_command is one of ours that has recipients."""
    return any(word in command for word in _OURS) and " --for age1" in command


def sealing_words(recipients: Sequence[str]) -> list[str]:
    """They are public, so they may stand in a setting."""
    return [word for one in recipients for word in ("--for", one)]


def _settings(server: PhysicalServer, command: str, every_s: int) -> dict[str, str]:
    settings = {"archive_mode": "on", "archive_command": command, "archive_timeout": f"{every_s}s"}
    if server.wal_level == "minimal":
        settings["wal_level"] = "replica"
    if server.version >= _FIRST_WITH_SUMMARIES:
        settings["summarize_wal"] = "on"
    return settings


def _lines(settings: dict[str, str]) -> tuple[str, ...]:
    return tuple("{} = '{}'".format(name, value.replace("'", "''")) for name, value in settings.items())


def _waiting(conn: Connection, wanted: dict[str, str]) -> tuple[str, ...]:
    """Asked of a session of its own age: the reload may not have come to it yet, but these never do by a reload."""
    rows = conn.execute(
        """SELECT name FROM pg_settings
            WHERE name = ANY (%s) AND context = 'postmaster'
              AND setting <> (%s::jsonb ->> name) ORDER BY name""",
        (list(wanted), msgspec.json.encode(wanted).decode()),
    ).fetchall()
    return tuple(str(row[0]) for row in rows)
