"""The only reader of `queries_evidence.sql`: one typed function a query."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from gasolinera.database import Connection, fetch_all, fetch_optional, load_sql
from gasolinera.raffle.bundles import Timestamp, WitnessSignature
from gasolinera.raffle.manifest import WitnessKey
from gasolinera.raffle.models_evidence import ListedWitness, ShownDraw, TakenTimestamp, Witness

_SQL = load_sql("gasolinera.raffle", "queries_evidence.sql")
_LOAD_WITNESSES = _SQL["load_witnesses"]
_LOAD_TIMESTAMPS = _SQL["load_timestamps"]
_LOAD_SIGNATURES = _SQL["load_signatures"]
_ENROL_WITNESS = _SQL["enrol_witness"]
_RETIRE_WITNESS = _SQL["retire_witness"]
_LIST_WITNESSES = _SQL["list_witnesses"]
_SHOW_DRAWS = _SQL["show_draws"]
_FIND_FROZEN = _SQL["find_frozen"]
_ADD_SIGNATURE = _SQL["add_signature"]
_HAS_SIGNATURE = _SQL["has_signature"]
_UNSTAMPED_DRAWS = _SQL["unstamped_draws"]
_ADD_TIMESTAMP = _SQL["add_timestamp"]
_FIND_REPORT = _SQL["find_report"]
_REPORT_TIMESTAMPS = _SQL["report_timestamps"]
_REPORT_SIGNATURES = _SQL["report_signatures"]


class FrozenManifest(msgspec.Struct, frozen=True):
    id: int
    manifest: bytes


class Unstamped(msgspec.Struct, frozen=True):
    id: int
    draw_number: int
    manifest: bytes
    authority: str


class ReportedDraw(msgspec.Struct, frozen=True):
    id: int
    draw_number: int
    status: str
    manifest: bytes
    frozen_at: datetime
    evidence_until: datetime | None


async def load_witnesses(conn: Connection, limit: int) -> list[WitnessKey]:
    return await fetch_all(conn, WitnessKey, _LOAD_WITNESSES, limit)


async def load_timestamps(conn: Connection, draw_id: int) -> list[Timestamp]:
    return await fetch_all(conn, Timestamp, _LOAD_TIMESTAMPS, draw_id)


async def load_signatures(conn: Connection, draw_id: int) -> list[WitnessSignature]:
    return await fetch_all(conn, WitnessSignature, _LOAD_SIGNATURES, draw_id)


async def enrol_witness(conn: Connection, terminal_code: str, station_code: str, public_key: bytes) -> Witness | None:
    return await fetch_optional(conn, Witness, _ENROL_WITNESS, terminal_code, station_code, public_key)


async def retire_witness(conn: Connection, terminal_code: str, reason: str) -> Witness | None:
    return await fetch_optional(conn, Witness, _RETIRE_WITNESS, terminal_code, reason)


async def list_witnesses(conn: Connection, station_code: str | None, *, after: str, limit: int) -> list[Witness]:
    return await fetch_all(conn, Witness, _LIST_WITNESSES, station_code, after, limit)


async def show_draws(
    conn: Connection, after: int, terminal_code: str, public_key: bytes, *, limit: int
) -> list[ShownDraw]:
    return await fetch_all(conn, ShownDraw, _SHOW_DRAWS, after, terminal_code, public_key, limit)


async def find_frozen(conn: Connection, draw_number: int) -> FrozenManifest | None:
    return await fetch_optional(conn, FrozenManifest, _FIND_FROZEN, draw_number)


async def add_signature(
    conn: Connection, draw_id: int, terminal_code: str, public_key: bytes, *, signed_at: int, signature: bytes
) -> bool:
    """Whether it is new. The constraints refuse one that is late or of no witness of the manifest."""
    found = await conn.fetchval(_ADD_SIGNATURE, draw_id, terminal_code, public_key, signed_at, signature)
    return found is not None


async def has_signature(conn: Connection, draw_id: int, terminal_code: str, signature: bytes) -> bool:
    return bool(await conn.fetchval(_HAS_SIGNATURE, draw_id, terminal_code, signature))


async def unstamped_draws(conn: Connection, authorities: Sequence[str]) -> list[Unstamped]:
    return await fetch_all(conn, Unstamped, _UNSTAMPED_DRAWS, list(authorities))


async def add_timestamp(
    conn: Connection, draw_id: int, authority: str, *, token: bytes, generated_at: datetime
) -> None:
    """The constraints refuse one that is late."""
    await conn.execute(_ADD_TIMESTAMP, draw_id, authority, token, generated_at)


async def find_report(conn: Connection, raffle_code: str) -> ReportedDraw | None:
    return await fetch_optional(conn, ReportedDraw, _FIND_REPORT, raffle_code)


async def report_timestamps(conn: Connection, draw_id: int) -> list[TakenTimestamp]:
    return await fetch_all(conn, TakenTimestamp, _REPORT_TIMESTAMPS, draw_id)


async def report_signatures(conn: Connection, draw_id: int) -> list[ListedWitness]:
    return await fetch_all(conn, ListedWitness, _REPORT_SIGNATURES, draw_id)
