"""Single rows from a backup: shown beside what is there now, and those that are gone put back."""

from pathlib import Path
from typing import Any

import psycopg
import pytest

from gasolinera.errors import ConflictError, InputError
from gasolinera.ops.catalogue import Kind
from gasolinera.ops.dump_archives import Archive, opened_archive
from gasolinera.ops.dumping import Wanted, back_up
from gasolinera.ops.encryption import make_identity, parse_recipients, read_identities
from gasolinera.ops.reaching import Operations
from gasolinera.ops.restoring_rows import RowsWanted, discard, put_back, restore_rows
from tests.ops.backups import rows_digest

Connection = psycopg.Connection[Any]
_PRICES = "station_schema.station_fuel_prices"


@pytest.fixture
def archive(operations: Operations, tmp_path: Path) -> Archive:
    """The station service as it was when the test began; encrypted, so that rows come through a pipe."""
    recipient = make_identity(tmp_path / "key")
    wanted = Wanted(
        kind=Kind.SERVICE, services=("station",), folder=tmp_path / "backups", encryption=parse_recipients(recipient)
    )
    made = back_up(operations, wanted)
    return opened_archive(made.location, read_identities(tmp_path / "key"))


def _without_triggers(admin: Connection, *statements: str) -> None:
    """What happens outside the application, and by the way breaks references."""
    admin.execute("SET session_replication_role = replica")
    for statement in statements:
        admin.execute(statement.encode())
    admin.execute("RESET session_replication_role")


def test_what_was_deleted_and_what_was_changed_is_told_and_only_what_is_missing_is_put_back(
    operations: Operations, admin: Connection, archive: Archive
) -> None:
    rows = admin.execute(f"SELECT * FROM {_PRICES} ORDER BY station_id, fuel").fetchall()
    gone, changed = rows[0], rows[1]
    admin.execute(f"DELETE FROM {_PRICES} WHERE (station_id, fuel) = (%s, %s)", gone[:2])
    admin.execute(f"UPDATE {_PRICES} SET price = price + 1 WHERE (station_id, fuel) = (%s, %s)", changed[:2])
    found = restore_rows(operations, "station", archive, RowsWanted(tables=("station_fuel_prices",)))
    (table,) = found.tables
    assert (table.in_backup, table.only_in_backup, table.only_in_database, table.different) == (len(rows), 1, 0, 1)
    told = {one.found: (one.key, one.columns) for one in table.rows}
    assert told["only_in_backup"][0] == {"station_id": str(gone[0]), "fuel": gone[1]}
    assert told["different"] == ({"station_id": str(changed[0]), "fuel": changed[1]}, ("price", "updated_at"))
    history = admin.execute("SELECT count(*) FROM station_schema.station_fuel_price_history").fetchone()
    assert put_back(operations, found).applied == {"station_fuel_prices": 1}
    now = admin.execute(f"SELECT * FROM {_PRICES} ORDER BY station_id, fuel").fetchall()
    assert [row for row in now if row[:2] != changed[:2]] == [row for row in rows if row[:2] != changed[:2]]
    assert admin.execute("SELECT count(*) FROM station_schema.station_fuel_price_history").fetchone() == history
    assert discard(operations, found).side_schema is None
    assert admin.execute("SELECT FROM pg_namespace WHERE nspname LIKE 'station_schema_rows%'").fetchall() == []
    # With triggers the table's history tells of the row that came back.
    admin.execute(f"DELETE FROM {_PRICES} WHERE (station_id, fuel) = (%s, %s)", gone[:2])
    again = restore_rows(operations, "station", archive, RowsWanted(tables=("station_fuel_prices",)))
    put_back(operations, again, fire_triggers=True)
    assert admin.execute("SELECT count(*) FROM station_schema.station_fuel_price_history").fetchone() != history


def test_rows_come_back_after_those_that_they_refer_to_and_everything_is_as_before(
    operations: Operations, admin: Connection, archive: Archive
) -> None:
    before = rows_digest(admin, "station")
    triggers = admin.execute("SELECT tgrelid, tgname, tgenabled FROM pg_trigger ORDER BY oid").fetchall()
    _without_triggers(
        admin,
        "DELETE FROM station_schema.station_fuel_prices WHERE station_id = 2",
        "DELETE FROM station_schema.employees WHERE station_id = 2",
        "DELETE FROM station_schema.stations WHERE id = 2",
    )
    alone = RowsWanted(tables=("employees",), where=(("station_id", "2"),))
    with pytest.raises(ConflictError, match="do not fit"):
        put_back(operations, restore_rows(operations, "station", archive, alone))
    assert admin.execute("SELECT FROM station_schema.employees WHERE station_id = 2").fetchall() == []
    wanted = RowsWanted(tables=("station_fuel_prices", "employees", "stations"))
    applied = put_back(operations, restore_rows(operations, "station", archive, wanted)).applied
    assert applied["stations"] == 1
    assert applied["station_fuel_prices"] > 0
    assert applied["employees"] > 0
    assert rows_digest(admin, "station") == before
    assert admin.execute("SELECT tgrelid, tgname, tgenabled FROM pg_trigger ORDER BY oid").fetchall() == triggers


def test_only_the_rows_that_are_asked_for_are_compared_and_a_value_is_never_more_than_a_value(
    operations: Operations, admin: Connection, archive: Archive
) -> None:
    # One that was chosen by a value that it has no more is compared all the same.
    admin.execute("UPDATE station_schema.employees SET shift = 'NIGHT' WHERE id = 1")
    chosen = admin.execute("SELECT count(*) FROM station_schema.employees WHERE shift = 'DAY'").fetchone()
    assert chosen is not None
    wanted = RowsWanted(tables=("employees",), where=(("shift", "DAY"),))
    (table,) = restore_rows(operations, "station", archive, wanted).tables
    assert (table.in_backup, table.only_in_backup, table.only_in_database) == (chosen[0] + 1, 0, 0)
    assert [(one.key, one.columns) for one in table.rows] == [({"id": "1"}, ("shift", "updated_at"))]
    evil = "x'); DROP TABLE station_schema.employees; --"
    refused = RowsWanted(tables=("employees",), where=(("employee_number", evil),))
    assert restore_rows(operations, "station", archive, refused).tables[0].in_backup == 0
    keys = RowsWanted(tables=("employees",), keys=("1", "2"))
    assert restore_rows(operations, "station", archive, keys).tables[0].in_backup == 2
    for wrong, message in (
        (RowsWanted(tables=("employees",), keys=("1 OR true",)), "invalid input syntax"),
        (RowsWanted(tables=("employees; --",)), "there is no table"),
        (RowsWanted(tables=("employees",), where=(("1=1 --", "1"),)), "has no column"),
    ):
        with pytest.raises(InputError, match=message):
            restore_rows(operations, "station", archive, wrong)
    assert admin.execute("SELECT FROM station_schema.employees").fetchall()
    # The rows of a partitioned table lie in its partitions.
    rows = admin.execute("SELECT count(*) FROM station_schema.station_fuel_price_history").fetchone()
    assert rows is not None
    (table,) = restore_rows(operations, "station", archive, RowsWanted(tables=("station_fuel_price_history",))).tables
    assert table.in_backup == rows[0] > 0
    assert (table.only_in_backup, table.only_in_database, table.different) == (0, 0, 0)
