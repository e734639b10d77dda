"""The only reader of `queries_terminals.sql`: one typed function a query."""

from datetime import datetime

import msgspec

from gasolinera.database import Connection, fetch_all, fetch_one, fetch_optional, load_sql
from gasolinera.station.models_terminals import Terminal

_SQL = load_sql("gasolinera.station", "queries_terminals.sql")
_MAKE_ENROLMENT = _SQL["make_enrolment"]
_STATION_EXISTS = _SQL["station_exists"]
_TRY_ENROLMENT = _SQL["try_enrolment"]
_ENROL_TERMINAL = _SQL["enrol_terminal"]
_LIST_TERMINALS = _SQL["list_terminals"]
_RENAME_TERMINAL = _SQL["rename_terminal"]
_REVOKE_TERMINAL = _SQL["revoke_terminal"]
_TERMINAL_EXISTS = _SQL["terminal_exists"]
_FIND_TERMINAL = _SQL["find_terminal"]
_ADMIT_TERMINAL = _SQL["admit_terminal"]
_FORGET_TERMINAL_TRACES = _SQL["forget_terminal_traces"]


class TriedEnrolment(msgspec.Struct, frozen=True):
    """A code that may still be used; this try is counted."""

    id: int
    code_key_id: int
    code_hash: bytes
    tries_left: int


class KnownTerminal(msgspec.Struct, frozen=True):
    id: int
    terminal_code: str
    name: str
    public_key: bytes
    station_code: str


async def make_enrolment(
    conn: Connection, station_code: str, *, reference: str, name: str, code_key_id: int, code_hash: bytes
) -> datetime | None:
    return await conn.fetchval(_MAKE_ENROLMENT, station_code, reference, name, code_key_id, code_hash)


async def station_exists(conn: Connection, station_code: str) -> bool:
    return bool(await conn.fetchval(_STATION_EXISTS, station_code))


async def try_enrolment(conn: Connection, reference: str) -> TriedEnrolment | None:
    return await fetch_optional(conn, TriedEnrolment, _TRY_ENROLMENT, reference)


async def enrol_terminal(conn: Connection, enrolment_id: int, public_key: bytes) -> Terminal:
    return await fetch_one(conn, Terminal, _ENROL_TERMINAL, enrolment_id, public_key)


async def list_terminals(conn: Connection, station_code: str, *, after: str, limit: int) -> list[Terminal]:
    return await fetch_all(conn, Terminal, _LIST_TERMINALS, station_code, after, limit)


async def rename_terminal(conn: Connection, station_code: str | None, code: str, name: str) -> Terminal | None:
    return await fetch_optional(conn, Terminal, _RENAME_TERMINAL, station_code, code, name)


async def revoke_terminal(conn: Connection, station_code: str | None, code: str, reason: str) -> Terminal | None:
    return await fetch_optional(conn, Terminal, _REVOKE_TERMINAL, station_code, code, reason)


async def terminal_exists(conn: Connection, station_code: str | None, code: str) -> bool:
    return bool(await conn.fetchval(_TERMINAL_EXISTS, station_code, code))


async def find_terminal(conn: Connection, code: str) -> KnownTerminal | None:
    return await fetch_optional(conn, KnownTerminal, _FIND_TERMINAL, code)


async def admit_terminal(conn: Connection, terminal_id: int, nonce: bytes) -> bool:
    return bool(await conn.fetchval(_ADMIT_TERMINAL, terminal_id, nonce))


async def forget_terminal_traces(conn: Connection) -> int:
    count = await conn.fetchval(_FORGET_TERMINAL_TRACES)
    assert isinstance(count, int), "the function counts"
    return count
