"""The platform as processes that can be killed: two that answer requests, one that works, and their PostgreSQL.

Nothing is told to stop in good order while it runs; whatever dies is started again at the same place.
"""

import asyncio
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec
import psycopg
from psycopg import sql

import vuelo
from gasolinera.config import Environment
from gasolinera.key_file import PURPOSES, KeyFile, new_keys, write_key_file
from gasolinera.ops import jobs_schema, roles
from tests.conftest import project_at
from tests.test_two_processes import COMMAND, free_port
from vuelo import embedded
from vuelo.embedded import Server
from vuelo.errors import VueloError

# What a client was told must survive a crash of the server; only the machine itself does not crash here.
_SERVER: Final = {"synchronous_commit": "on", "fsync": "off", "full_page_writes": "off", "max_connections": "100"}
_SERVES: Final = ("auth", "coupon", "redemption")
_START_WITHIN_S: Final = 120.0  # of a machine that is busy otherwise
Conn = psycopg.Connection[Any]


class Cluster:
    """A PostgreSQL of our own; `crash` it as you like."""

    def __init__(self, root: Path, stack: ExitStack) -> None:
        self._root = root
        self._stack = stack
        self.server = self._start()

    def _start(self) -> Server:
        """Again until what the last one left behind has gone: its children notice in their own time."""
        until = time.monotonic() + _START_WITHIN_S
        while True:
            try:
                return self._stack.enter_context(embedded.running(self._root, settings=_SERVER))
            except VueloError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)

    def crash(self, number: signal.Signals) -> None:
        """SIGQUIT: an immediate shutdown. SIGKILL: not even that. Then it starts again, and recovers."""
        process = int((self.server.home / "data" / "postmaster.pid").read_text().split("\n", 1)[0])
        os.kill(process, number)
        with suppress(ChildProcessError):
            os.waitpid(process, 0)
        self._start()

    def connect(self, database: str = "postgres") -> Conn:
        return psycopg.connect(self.server.url(database), autocommit=True)

    def migrate(self, database: str) -> None:
        with self.connect() as conn:
            conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
        project = project_at(self.server.url(database), "test")
        roles.initialise(project)
        vuelo.migrate(project)
        jobs_schema.install(self.server.url(database))


@contextmanager
def open_cluster() -> Generator[Cluster]:
    root = Path(tempfile.mkdtemp(prefix="chaos-"))
    root.chmod(0o711)  # the server's account must pass through
    try:
        with ExitStack() as stack:
            yield Cluster(root, stack)
    finally:
        embedded.destroy(root)
        shutil.rmtree(root)


class _Role(msgspec.Struct):
    """One process of the platform: how it is started, and the one that runs now."""

    name: str
    arguments: tuple[str, ...]
    process: "subprocess.Popen[bytes] | None" = None


class Platform:
    """Made by `open_platform`. `urls`: where requests are answered."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster = cluster
        self.database = "chaos"
        cluster.migrate(self.database)
        self.folder = folder
        self.keys_file = folder / "keys.json"
        ports = [free_port(), free_port()]
        self.urls = [f"http://127.0.0.1:{port}" for port in ports]
        self._roles = [
            *(_Role(f"api-{port}", ("serve", *_SERVES, "--port", str(port))) for port in ports),
            _Role("worker", ("worker",)),
        ]
        ring = KeyFile(environment=Environment.TEST, keys=new_keys(PURPOSES, datetime.now(UTC)))
        write_key_file(self.keys_file, ring, is_new=True)

    def start(self, role: _Role) -> None:
        environ = {name: value for name, value in os.environ.items() if not name.startswith("GASOLINERA_")}
        environ |= {
            "GASOLINERA_ENVIRONMENT": "test",
            "GASOLINERA_DATABASE_URL": self.cluster.server.dsn(self.database),
            "GASOLINERA_KEYS_FILE": str(self.keys_file),
        }
        with (self.folder / f"{role.name}.log").open("ab") as log:
            role.process = subprocess.Popen([*COMMAND, *role.arguments], env=environ, cwd=self.folder, stderr=log)

    def start_all(self) -> None:
        for role in self._roles:
            if role.process is None or role.process.poll() is not None:
                self.start(role)

    def kill_all(self) -> None:
        for role in self._roles:
            self._kill(role)

    @staticmethod
    def _kill(role: _Role) -> None:
        if role.process is not None:
            role.process.send_signal(signal.SIGCONT)
            role.process.kill()
            role.process.wait()

    def logs(self, pattern: str = "*.log") -> str:
        return "\n".join(path.read_text(errors="replace") for path in sorted(self.folder.glob(pattern)))

    # What may happen ----------------------------------------------------------------------------------------------

    async def kill_api(self, chance: random.Random) -> str:
        role = chance.choice(self._roles[:2])
        self._kill(role)
        await asyncio.sleep(chance.uniform(0, 0.3))
        self.start(role)
        return f"kill -9 {role.name}"

    async def kill_worker(self, chance: random.Random) -> str:
        self._kill(self._roles[2])
        await asyncio.sleep(chance.uniform(0, 0.3))
        self.start(self._roles[2])
        return "kill -9 worker"

    async def freeze(self, chance: random.Random) -> str:
        """As a machine does that swaps, or a network that comes back: what it goes on with is long decided."""
        role = chance.choice(self._roles)
        if role.process is not None and role.process.poll() is None:
            role.process.send_signal(signal.SIGSTOP)
            await asyncio.sleep(chance.uniform(0.3, 1.2))
            role.process.send_signal(signal.SIGCONT)
        return f"freeze {role.name}"

    async def kill_backend(self, chance: random.Random) -> str:
        """Which makes the whole server drop everybody, and recover."""
        pids = await asyncio.to_thread(self._backends)
        if pids:
            with suppress(ProcessLookupError):
                os.kill(chance.choice(pids), signal.SIGKILL)
        return "kill -9 of a server process"

    async def end_connections(self, chance: random.Random) -> str:
        pids = await asyncio.to_thread(self._backends)
        for pid in chance.sample(pids, min(3, len(pids))):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        return "connections ended"

    async def restart_server(self, _chance: random.Random) -> str:
        await asyncio.to_thread(self.cluster.crash, signal.SIGQUIT)
        return "immediate restart of PostgreSQL"

    async def kill_server(self, _chance: random.Random) -> str:
        await asyncio.to_thread(self.cluster.crash, signal.SIGKILL)
        return "kill -9 of PostgreSQL"

    def _backends(self) -> list[int]:
        with suppress(psycopg.OperationalError), self.cluster.connect() as conn:
            query = "SELECT pid FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
            return [pid for (pid,) in conn.execute(query, (self.database,)).fetchall()]
        return []


@asynccontextmanager
async def open_platform() -> AsyncGenerator[Platform]:
    """With a PostgreSQL of its own, and everything that runs ready. Whatever still runs at the end is killed."""
    with open_cluster() as cluster, tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        platform = Platform(cluster, Path(folder))
        try:
            platform.start_all()
            await until_ready(platform)
            yield platform
        finally:
            platform.kill_all()


async def until_ready(platform: Platform) -> None:
    async with httpx.AsyncClient(timeout=5) as http:
        for url in platform.urls:

            async def is_ready(url: str = url) -> bool:
                with suppress(httpx.TransportError):
                    return (await http.get(f"{url}/health/ready")).status_code == 200
                return False

            await until(is_ready, f"{url} is not ready:\n{platform.logs()[-3000:]}")


async def until(look: Callable[[], Any], otherwise: str, within_s: float = _START_WITHIN_S) -> None:
    ends = time.monotonic() + within_s
    while not await look():
        assert time.monotonic() < ends, otherwise
        await asyncio.sleep(0.1)
