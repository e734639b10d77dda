"""The embedded server: one for all its users, in whatever place, whoever we are, and nothing of it left behind."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from vuelo import embedded
from vuelo.embedded import Server
from vuelo.errors import VueloError

Choice = dict[str, Any]
AS_ROOT = os.geteuid() == 0

# A user of the server in a process of its own: says where it is, then stays until its stdin ends.
_USER = """
import sys
from pathlib import Path
from vuelo import embedded
choice = {"version": int(sys.argv[2])} if sys.argv[2].isdigit() else {"bin_dir": Path(sys.argv[2])}
with embedded.running(Path(sys.argv[1]), **choice) as server:
    print(server.url(), flush=True)
    sys.stdin.read()
"""


_USERS: "list[subprocess.Popen[str]]" = []


@pytest.fixture
def root() -> Generator[Path]:
    """A folder that the server's account can reach, unlike pytest's own; no server is left in it."""
    folder = Path(tempfile.mkdtemp(prefix="vuelo-test-"))
    folder.chmod(0o755)
    yield folder
    while _USERS:
        process = _USERS.pop()
        process.kill()
        process.communicate()
    homes = {lock.parent for lock in folder.rglob("users.lock")}
    for place in {home.parent for home in homes} | {pointer.parent for pointer in folder.rglob("data-is-in")}:
        embedded.destroy(place)
    shutil.rmtree(folder)


def user(root: Path, choice: Choice, interpreter: str | None = None, **options: Any) -> "subprocess.Popen[str]":
    which = str(choice.get("version") or choice["bin_dir"])
    process = subprocess.Popen(
        [interpreter or sys.executable, "-W", "error", "-c", _USER, root, which],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options,
    )  # fmt: skip
    _USERS.append(process)
    return process


def address_of(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    assert line, process.communicate()[1]
    return line


def left(process: "subprocess.Popen[str]") -> None:
    _, talk = process.communicate("", timeout=60)
    assert (process.returncode, talk) == (0, "")


def postmaster(server: Server) -> int:
    return int((server.home / "data" / "postmaster.pid").read_text().splitlines()[0])


def answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def started_at(url: str) -> object:
    with psycopg.connect(url) as conn:
        return conn.execute("SELECT pg_postmaster_start_time()").fetchall()


def modes(*folders: Path) -> list[tuple[int, int, int]]:
    return [(stat.S_IMODE(s.st_mode), s.st_uid, s.st_gid) for s in (folder.stat() for folder in folders)]


def test_it_starts_when_used_and_stops_when_left_and_data_survive(root: Path, server_choice: Choice) -> None:
    with embedded.running(root, **server_choice) as server, psycopg.connect(server.url()) as conn:
        conn.execute("CREATE TABLE kept AS SELECT 'ñ' AS v")
    assert not answers(server.url())
    assert not (server.home / "data" / "postmaster.pid").exists()
    with embedded.running(root, **server_choice) as server, psycopg.connect(server.url()) as conn:
        assert conn.execute("SELECT v FROM kept").fetchall() == [("ñ",)]


def test_users_in_one_process_share_it(root: Path, server_choice: Choice) -> None:
    with embedded.running(root, **server_choice) as outer:
        with embedded.running(root, **server_choice) as inner:
            assert inner == outer
        assert answers(outer.url())
    assert not answers(outer.url())


def test_a_second_process_uses_the_same_server_and_the_last_one_stops_it(root: Path, server_choice: Choice) -> None:
    first = user(root, server_choice)
    url = address_of(first)
    since = started_at(url)
    second = user(root, server_choice)
    assert address_of(second) == url
    left(first)  # it started the server and leaves before the other
    assert started_at(url) == since
    left(second)
    assert not answers(url)


def test_processes_that_start_at_once_for_the_first_time_share_one_server(root: Path, server_choice: Choice) -> None:
    users = [user(root / "new" / "place", server_choice) for _ in range(3)]
    addresses = [address_of(one) for one in users]
    assert len(set(addresses)) == 1
    for one in users:
        left(one)
    assert not answers(addresses[0])


def test_it_starts_again_after_the_postmaster_was_killed(root: Path, server_choice: Choice) -> None:
    with embedded.running(root, **server_choice) as server:
        with psycopg.connect(server.url()) as conn:
            conn.execute("CREATE TABLE kept AS SELECT 1 AS n")
        os.kill(postmaster(server), signal.SIGKILL)
    assert (server.home / "data" / "postmaster.pid").exists()
    with embedded.running(root, **server_choice) as server, psycopg.connect(server.url()) as conn:
        assert conn.execute("SELECT n FROM kept").fetchall() == [(1,)]


def test_a_user_that_is_killed_leaves_a_server_that_the_next_one_takes_over(root: Path, server_choice: Choice) -> None:
    first = user(root, server_choice)
    url = address_of(first)
    since = started_at(url)
    first.kill()
    first.communicate()
    with embedded.running(root, **server_choice) as server:
        assert server.url() == url
        assert started_at(url) == since
    assert not answers(url)


def test_a_stale_pid_file_that_names_another_process_harms_nobody(root: Path, server_choice: Choice) -> None:
    with embedded.running(root, **server_choice) as server:
        pass
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as bystander:
        pid_file = server.home / "data" / "postmaster.pid"
        pid_file.write_text(f"{bystander.pid}\n{server.home / 'data'}\n1\n5432\n{server.sockets}\n\n")
        embedded.destroy(root)
        time.sleep(0.2)
        assert bystander.poll() is None
        bystander.kill()
    assert not server.home.exists()


def test_destroy_refuses_while_somebody_uses_it_and_then_leaves_nothing(root: Path, server_choice: Choice) -> None:
    with embedded.running(root, **server_choice) as server:
        with pytest.raises(VueloError) as caught:
            embedded.destroy(root)
        assert caught.value.code == "embedded.in_use"
        assert answers(server.url())
    embedded.destroy(root)
    assert list(root.iterdir()) == []


PLACES = [
    "with spaces", "it's \"quoted\"", "a,b", "ñandú", "per%cent&and=more", "#hash", "back\\slash", "$HOME", "l" * 100,
    "/".join(["deep" * 10] * 6),
]  # fmt: skip


@pytest.mark.parametrize("name", PLACES)
def test_any_path_will_do(root: Path, server_choice: Choice, name: str) -> None:
    place = root / name
    with embedded.running(place, **server_choice) as server:
        with psycopg.connect(server.url()) as conn:
            assert conn.execute("SELECT 1").fetchall() == [(1,)]
        with psycopg.connect(server.dsn()) as conn:
            assert conn.info.dbname == "postgres"
    embedded.destroy(place)
    assert not server.sockets.exists()


def bin_option(choice: Choice) -> str:
    return f"version={choice['version']}" if "version" in choice else f"bin={choice['bin_dir']}"


def test_an_address_makes_the_database_where_it_is_missing(root: Path, server_choice: Choice) -> None:
    address = f"embedded:some #place?database=my%20shop&{bin_option(server_choice)}"
    for _ in range(2):
        with embedded.reached(address, root) as url, psycopg.connect(url) as conn:
            assert conn.info.dbname == "my shop"
    assert (root / "some #place").is_dir()


def test_processes_that_make_the_same_database_at_once_share_it(root: Path, server_choice: Choice) -> None:
    address = f"embedded:pg?database=shop&{bin_option(server_choice)}"
    code = "import sys; from pathlib import Path; from vuelo import embedded\n"
    code += "with embedded.reached(sys.argv[1], Path(sys.argv[2])): pass"
    with embedded.running(root / "pg", **server_choice) as server, psycopg.connect(server.url()) as conn:
        conn.execute("LOCK TABLE pg_database IN SHARE MODE")  # they look, find nothing, and then stand side by side
        processes = [
            subprocess.Popen([sys.executable, "-c", code, address, root], stderr=subprocess.PIPE, text=True)
            for _ in range(2)
        ]
        waiting = "SELECT FROM pg_locks WHERE relation = 'pg_database'::regclass AND NOT granted"
        while len(conn.execute(waiting).fetchall()) < 2:
            time.sleep(0.05)
        conn.rollback()
        assert [(process.communicate(timeout=60)[1], process.returncode) for process in processes] == [("", 0)] * 2


@pytest.mark.parametrize(
    ("address", "place"),
    [("embedded:data#2?database=g", "/base/data#2"), ("embedded:/x/y?", "/x/y"), ("embedded:///x/y", "/x/y")],
)
def test_the_root_of_an_address_is_what_stands_before_the_question_mark(address: str, place: str) -> None:
    assert embedded.address_root(address, Path("/base")) == Path(place)


@pytest.mark.parametrize("address", ["embedded:", "embedded:?database=x", "embedded:x?nope=1", "embedded:x?version=new",
                                     "embedded://host/x", "embedded:x?typo", "embedded:x?version=²",
                                     "embedded:x?database=", "embedded:x?version=16&version=18"])  # fmt: skip
def test_a_wrong_address_is_refused(address: str, root: Path) -> None:
    with pytest.raises(VueloError) as caught, embedded.reached(address, root):
        pytest.fail("it was taken")
    assert caught.value.code == "embedded.address"


def test_binaries_that_do_not_exist_are_told(root: Path) -> None:
    with pytest.raises(VueloError) as caught, embedded.running(root, bin_dir=root):
        pytest.fail("it started")
    assert caught.value.code == "embedded.no_binaries"
    with pytest.raises(VueloError) as caught, embedded.running(root, version=17):
        pytest.fail("it started")
    assert caught.value.code == "embedded.no_binaries"


def test_a_server_that_does_not_start_shows_why(root: Path, server_choice: Choice) -> None:
    settings = {"shared_buffers": "nonsense"}
    with (
        pytest.raises(VueloError, match="shared_buffers") as caught,
        embedded.running(root, **server_choice, settings=settings),
    ):
        pytest.fail("it started")
    assert caught.value.code == "embedded.not_started"
    with embedded.running(root, **server_choice) as server:
        assert answers(server.url())


def test_a_port_in_the_environment_of_one_user_does_not_hide_the_server(root: Path, server_choice: Choice) -> None:
    first = user(root, server_choice)
    url = address_of(first)
    second = user(root, server_choice, env={**os.environ, "PGPORT": "6543"})
    assert started_at(address_of(second)) == started_at(url)
    left(second)
    left(first)


def test_users_with_other_temporary_folders_find_each_other(root: Path, server_choice: Choice) -> None:
    place = root / "a,b"  # no name for a socket
    first = user(place, server_choice)
    second = user(place, server_choice, env={**os.environ, "TMPDIR": str(root)})
    assert address_of(second) == address_of(first)
    left(second)
    left(first)


def test_nobody_else_can_enter(root: Path, server_choice: Choice) -> None:
    with embedded.running(root, **server_choice) as server:
        owner = server.home.stat().st_uid
        assert owner != 0
        assert modes(server.home, server.sockets)[0][0] == 0o700
        with psycopg.connect(server.url()) as conn:
            assert conn.execute("SHOW listen_addresses").fetchall() == [("",)]


@pytest.mark.skipif(not AS_ROOT, reason="only root can see the difference")
def test_as_root_no_permission_outside_its_own_folder_is_changed(root: Path, server_choice: Choice) -> None:
    private = root / "private"
    (private / "below").mkdir(parents=True)
    private.chmod(0o700)
    outside = (root, private, private / "below", Path("/var/lib"), Path(tempfile.gettempdir()))
    before = modes(*outside)
    with embedded.running(private / "below" / "pg", **server_choice) as server, psycopg.connect(server.url()) as conn:
        conn.execute("CREATE TABLE kept AS SELECT 1 AS n")
    assert modes(*outside) == before
    with embedded.running(private / "below" / "pg", **server_choice) as server, psycopg.connect(server.url()) as conn:
        assert conn.execute("SELECT n FROM kept").fetchall() == [(1,)]
    base = server.home.parent
    assert not base.is_relative_to(root)
    embedded.destroy(private / "below" / "pg")
    assert not base.exists()


@pytest.mark.skipif(not AS_ROOT, reason="only root can see the difference")
def test_as_root_a_strict_umask_is_no_obstacle(root: Path, server_choice: Choice) -> None:
    process = user(root / "new", server_choice, umask=0o077)
    assert answers(address_of(process))
    left(process)


@pytest.mark.skipif(not AS_ROOT, reason="needs to become somebody else")
def test_an_ordinary_user_needs_no_other_account(root: Path, server_choice: Choice) -> None:
    as_nobody: dict[str, Any] = {"user": "nobody", "group": "nogroup", "extra_groups": []}
    interpreter = shutil.which(
        f"python{sys.version_info.major}.{sys.version_info.minor}", path="/usr/local/bin:/usr/bin"
    )
    if interpreter is None:
        pytest.skip("an ordinary user can run no Python of our version")
    own = root / "own"
    own.mkdir()
    shutil.chown(own, "nobody", "nogroup")
    packages = os.pathsep.join(path for path in sys.path if path)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": packages, "PYTHONDONTWRITEBYTECODE": "1"}
    process = user(own, server_choice, interpreter, **as_nobody, env=environment)
    url = address_of(process)
    process.communicate("", timeout=60)
    assert process.returncode == 0
    assert not answers(url)


@pytest.mark.parametrize("chosen", ["no_such_account_here"])
def test_an_account_that_does_not_exist_is_told(
    root: Path, server_choice: Choice, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not AS_ROOT:
        pytest.skip("only root chooses an account")
    monkeypatch.setenv("VUELO_EMBEDDED_USER", chosen)
    with pytest.raises(VueloError) as caught, embedded.running(root, **server_choice):
        pytest.fail("it started")
    assert caught.value.code == "embedded.no_account"


def test_migrations_start_it_and_stop_it(
    make_project: Callable[..., Any], cli: Callable[..., Any], root: Path, server_choice: Choice
) -> None:
    address = f"embedded:{root}/pg?database=shop&{bin_option(server_choice)}"
    make_project({"shop": {"V1__a.sql": "CREATE TABLE a ();"}}, address=address)
    assert cli("migrate").returncode == 0
    assert "agree" in cli("validate").stdout
    assert list(root.rglob("postmaster.pid")) == []


def test_a_temporary_one_leaves_nothing_behind(server_choice: Choice) -> None:
    with embedded.temporary(**server_choice) as server:
        assert answers(server.url())
    assert not server.home.parent.exists()
    assert not server.sockets.exists()
