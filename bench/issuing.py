"""How long issuing takes: signed coupons into the table with its indexes, beside what nobody can do without.

`python -m bench.issuing [--coupons 1000000] [--rounds 3]` starts a server of its own. In each round, in turn: one
process of ours; the floor, which signs the bodies that it made once more with libsodium, and then COPYs its rows from a
file into the same table with the same indexes; two processes of ours. Each begins with a database of its own. Times are
of the wall, medians of the rounds; CPU is of the client, which says more where others work on the machine.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import asyncpg
import psycopg
from nacl.bindings import crypto_sign, crypto_sign_seed_keypair
from psycopg import sql

import vuelo
from gasolinera.config import load_settings
from gasolinera.coupon.issuing import Issuer, open_batch
from gasolinera.coupon.models_coupons import CHUNK, NewBatch
from gasolinera.coupon.qr import DOMAIN
from gasolinera.database import open_database
from gasolinera.keyring import load_keyring
from gasolinera.ops import roles
from vuelo import embedded
from vuelo.embedded import Server

_CONFIG = Path(__file__).parents[1] / "vuelo.toml"
_CAMPAIGN = """
INSERT INTO coupon_schema.campaigns (
    campaign_code, name, status, discount_type, discount_value, maximum_discount, minimum_purchase, valid_from,
    valid_until, total_usage_limit, created_by, approved_by, approved_at)
VALUES ('BENCH', 'Bench', 'ACTIVE', 'PERCENTAGE', 12.5, 50, 100, '2026-01-01', '2030-01-01', 1000000000,
        gen_random_uuid(), gen_random_uuid(), now())"""
_COLUMNS = (
    "coupon_code", "campaign_id", "discount_type", "discount_value", "maximum_discount", "minimum_purchase",
    "currency", "raffle_tickets", "valid_from", "valid_until", "max_usage", "dense_index", "qr_key_id", "qr_payload",
    "qr_signature",
)  # fmt: skip


class Run(NamedTuple):
    took_s: float
    cpu_s: float
    memory_kb: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--coupons", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.work:
        asyncio.run(_work())
        return
    with embedded.temporary() as server, tempfile.TemporaryDirectory() as folder:
        _compare(server, Path(folder), chosen.coupons, chosen.rounds)


def _compare(server: Server, folder: Path, coupons: int, rounds: int) -> None:
    environment = _prepare(server, folder)
    found: dict[str, list[float]] = {"one process": [], "two processes": [], "sign": [], "COPY": [], "sign + COPY": []}
    cpu: dict[str, list[float]] = {"one process": [], "two processes": [], "sign": [], "sign + COPY": []}
    memory_kb = 0
    for number in range(1, rounds + 1):
        one = _issue(server, environment, "one", coupons, processes=1)
        signed_s, signed_cpu_s, copied_s, copied_cpu_s = asyncio.run(_floor(server, folder / "rows", coupons))
        _drop(server, "one")
        two = _issue(server, environment, "two", coupons, processes=2)
        _drop(server, "two")
        memory_kb = max(memory_kb, one.memory_kb, two.memory_kb)
        for name, seconds in zip(found, (one.took_s, two.took_s, signed_s, copied_s, signed_s + copied_s), strict=True):
            found[name].append(seconds)
        for name, seconds in zip(cpu, (one.cpu_s, two.cpu_s, signed_cpu_s, signed_cpu_s + copied_cpu_s), strict=True):
            cpu[name].append(seconds)
        told = ", ".join(f"{name} {all_s[-1]:.1f} s" for name, all_s in found.items())
        sys.stderr.write(f"round {number}: {told}\n")
    medians = {name: statistics.median(all_s) for name, all_s in found.items()}
    sys.stdout.write(f"{coupons:,} coupons in chunks of {CHUNK:,}, medians of {rounds}\n")
    for name, median_s in medians.items():
        rate, ratio = coupons / median_s, median_s / medians["sign + COPY"]
        sys.stdout.write(f"{name:14}{median_s:9.2f} s{rate:12,.0f} coupons/s{ratio:7.2f} x\n")
    for name, all_s in cpu.items():
        ratio = statistics.median(all_s) / statistics.median(cpu["sign + COPY"])
        sys.stdout.write(f"CPU of {name:14}{statistics.median(all_s):9.2f} s{ratio:7.2f} x\n")
    sys.stdout.write(f"largest resident memory of a process of ours: {memory_kb / 1024:,.0f} MB\n")


def _prepare(server: Server, folder: Path) -> dict[str, str]:
    """A database to copy, and the environment of the processes that issue, all with one key."""
    with psycopg.connect(server.url(), autocommit=True) as conn:
        conn.execute("CREATE DATABASE made")
    project = _project(server, "made")
    roles.initialise(project)
    vuelo.migrate(project)
    with psycopg.connect(server.url("made"), autocommit=True) as conn:
        conn.execute(_CAMPAIGN)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GASOLINERA_")},
        "GASOLINERA_ENVIRONMENT": "test",
        "GASOLINERA_KEYS_FILE": str(folder / "keys.json"),
    }
    program = str(Path(sys.executable).with_name("gasolinera"))
    subprocess.run([program, "keys", "generate"], env=environment, check=True, capture_output=True)
    return environment


def _project(server: Server, name: str) -> vuelo.Project:
    return vuelo.Project.load(_CONFIG, environment="test", variables={"GASOLINERA_DATABASE_URL": server.url(name)})


def _clone(server: Server, name: str) -> None:
    with psycopg.connect(server.url(), autocommit=True) as conn:
        conn.execute(sql.SQL("CREATE DATABASE {} TEMPLATE made").format(sql.Identifier(name)))
        conn.execute("CHECKPOINT")  # nobody pays for what was written before
    roles.initialise(_project(server, name))


def _drop(server: Server, name: str) -> None:
    with psycopg.connect(server.url(), autocommit=True) as conn:
        conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _issue(server: Server, environment: dict[str, str], name: str, coupons: int, *, processes: int) -> Run:
    """From the moment that all processes are ready until the last has ended."""
    _clone(server, name)
    environment = environment | {"GASOLINERA_COUPON_DATABASE_URL": server.dsn(name, "coupon_app")}
    command = [sys.executable, "-m", "bench.issuing", "--work"]
    ready = [
        subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(processes)
    ]
    pipes = [(process.stdin, process.stdout) for process in ready]
    for _, said in pipes:
        assert said is not None
        said.readline()
    asyncio.run(_ask(server.dsn(name, "coupon_app"), coupons))
    started = time.perf_counter()
    for told, _ in pipes:
        assert told is not None
        told.write(b"go\n")
        told.close()
    used = [said.readline().split() for _, said in pipes if said is not None]
    took_s = time.perf_counter() - started
    for process in ready:
        process.wait()
    with psycopg.connect(server.url(name)) as conn:
        made = conn.execute("SELECT count(*) FROM coupon_schema.coupons WHERE qr_signature IS NOT NULL").fetchone()
    assert made == (coupons,), made
    return Run(took_s, sum(float(cpu_s) for _, cpu_s in used), max(int(memory_kb) for memory_kb, _ in used))


async def _ask(dsn: str, coupons: int) -> None:
    conn = await asyncpg.connect(dsn)
    async with conn.transaction():
        await open_batch(conn, NewBatch(campaign_code="BENCH", count=coupons))
    await conn.close()


async def _work() -> None:
    """A process of ours: says that it is ready, waits, issues what there is, says how much memory it took."""
    settings = load_settings(os.environ)
    async with open_database(settings, "coupon") as db:
        issuer = Issuer(db, load_keyring(settings))
        await issuer.step()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()
        began_s = time.process_time()
        while await issuer.issue_chunk():
            pass
        cpu_s = time.process_time() - began_s
    sys.stdout.write(f"{_most_memory_kb()} {cpu_s}\n")
    sys.stdout.flush()


def _most_memory_kb() -> int:
    """Not getrusage's: that counts what the process was a copy of before it became this program."""
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])


async def _floor(server: Server, rows: Path, coupons: int) -> tuple[float, float, float, float]:
    """Seconds, and those of CPU, to sign the bodies of the database `one`, and to COPY its rows into an empty one."""
    made = await asyncpg.connect(server.dsn("one"))
    issued = f"SELECT {', '.join(_COLUMNS)} FROM coupon_schema.coupons WHERE qr_signature IS NOT NULL"  # noqa: S608
    await made.copy_from_query(issued, output=rows, format="binary")
    found = await made.fetch("SELECT qr_payload FROM coupon_schema.coupons WHERE qr_signature IS NOT NULL")
    key = await made.fetchrow("SELECT * FROM coupon_schema.qr_signing_keys")
    await made.close()
    assert key is not None, "the coupons of the database are signed"
    bodies = [DOMAIN + record["qr_payload"] for record in found]
    _, secret = crypto_sign_seed_keypair(bytes(32))
    started, began_s = time.perf_counter(), time.process_time()
    for body in bodies:
        crypto_sign(body, secret)
    signed_s, signed_cpu_s = time.perf_counter() - started, time.process_time() - began_s

    _clone(server, "floor")
    with psycopg.connect(server.url("floor"), autocommit=True) as conn:
        conn.execute(
            "INSERT INTO coupon_schema.qr_signing_keys (key_id, public_key) VALUES (%s, %s)",
            (key["key_id"], key["public_key"]),
        )
    # The role's own limit is for statements of requests.
    empty = await asyncpg.connect(server.dsn("floor", "coupon_app"), server_settings={"statement_timeout": "0"})
    started, began_s = time.perf_counter(), time.process_time()
    done = await empty.copy_to_table(
        "coupons", schema_name="coupon_schema", columns=_COLUMNS, source=rows, format="binary"
    )
    copied_s, copied_cpu_s = time.perf_counter() - started, time.process_time() - began_s
    await empty.close()
    assert done == f"COPY {coupons}", done
    _drop(server, "floor")
    return signed_s, signed_cpu_s, copied_s, copied_cpu_s


if __name__ == "__main__":
    main()
