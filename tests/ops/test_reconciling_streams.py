"""Two sorted streams are merged as sets would be compared, in bounded memory."""

import tracemalloc
from collections.abc import Iterator

import msgspec
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gasolinera.errors import GasolineraError
from gasolinera.ops.reaching import Operations, owner_session
from gasolinera.ops.reconciling_streams import merged, snapshot, streamed

_MEGABYTE = 1024**2


class Row(msgspec.Struct, frozen=True):
    key: str
    side: str = ""


def rows(keys: set[str], side: str) -> list[Row]:
    """In the order of PostgreSQL's collation "C" for UTF-8: by bytes."""
    return [Row(key, side) for key in sorted(keys, key=str.encode)]


_keys = st.sets(st.text(st.characters(exclude_categories=["Cs"]), max_size=6), max_size=40)


@given(_keys, _keys)
def test_a_merge_finds_what_sets_find(left: set[str], right: set[str]) -> None:
    found = list(merged(rows(left, "left"), rows(right, "right")))
    assert {one.key for one, other in found if other is None and one is not None} == left - right
    assert {other.key for one, other in found if one is None and other is not None} == right - left
    assert {one.key for one, other in found if one is not None and other is not None} == left & right
    assert all(one.key == other.key for one, other in found if one is not None and other is not None)
    keys = [(one or other or Row("")).key for one, other in found]
    assert keys == sorted(left | right, key=str.encode)
    assert all(one.side == "left" for one, _ in found if one is not None)
    assert all(other.side == "right" for _, other in found if other is not None)


@pytest.mark.parametrize("keys", [["a", "c", "b"], ["a", "a"], ["b", "B"]])
def test_a_stream_that_does_not_ascend_is_refused_and_not_misread(keys: list[str]) -> None:
    with pytest.raises(GasolineraError, match="came after") as caught:
        list(merged([Row(key) for key in keys], [Row("z")]))
    assert caught.value.code == "ops.unsorted"


def test_merging_half_a_million_keys_takes_no_memory() -> None:
    def numbers(step: int) -> Iterator[Row]:
        return (Row(f"{number:09d}") for number in range(0, 750_000, step))

    tracemalloc.start()
    both = sum(one is not None and other is not None for one, other in merged(numbers(2), numbers(3)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert both == 125_000
    assert peak < _MEGABYTE


def test_a_large_table_is_streamed_in_bounded_memory_and_in_the_order_that_python_compares_by(
    operations: Operations,
) -> None:
    statement = """
        SELECT ((ARRAY['Z', 'a', 'ñ'])[1 + mod(n, 3)] || n) COLLATE "C" AS key, %(side)s AS side
          FROM generate_series(1, 100000) AS n ORDER BY 1"""
    service = operations.service("station")
    with snapshot(service) as one, snapshot(service) as two:
        tracemalloc.start()
        pairs = merged(
            streamed(one, "left", Row, statement, {"side": "left"}),
            streamed(two, "right", Row, statement, {"side": "right"}),
        )
        same = sum(left is not None and right is not None for left, right in pairs)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert same == 100_000
    assert peak < 16 * _MEGABYTE  # all of it would be 60


def test_a_snapshot_sees_the_moment_it_began_and_changes_nothing(operations: Operations) -> None:
    service = operations.service("station")
    count = "SELECT count(*) FROM station_schema.terminal_nonces"
    with snapshot(service) as conn, owner_session(service) as other:
        other.execute(
            "INSERT INTO station_schema.terminal_nonces (terminal_id, nonce) "
            "SELECT id, decode(md5(id::text), 'hex') FROM station_schema.terminals"
        )
        assert conn.execute(count).fetchone() == (0,)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction), conn.transaction():
            conn.execute("DELETE FROM station_schema.terminal_nonces")
        assert other.execute(count).fetchone() != (0,)
