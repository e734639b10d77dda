"""The repeatable files can run again at any time: an undo makes them, and so does every change to one of them."""

import pytest
from tests.schema import catalog
from tests.schema.catalog import SERVICES, Conn, Service

from vuelo.schema import snapshot


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_security_rules_and_sample_data_run_twice_and_the_second_time_changes_nothing(
    admin: Conn, service: Service
) -> None:
    repeatables = [path for path in service.files if path.name.startswith("R__")]
    assert {path.parent.name for path in repeatables} == {"security", "sample_data"}
    repeatables.sort(key=lambda path: path.name)
    before = snapshot.take(admin, service.schema), _contents(admin, service)
    for path in [*repeatables, catalog.AFTER_MIGRATE]:
        catalog.apply(admin, service, path)
    after = snapshot.take(admin, service.schema), _contents(admin, service)
    assert after == before


def _contents(conn: Conn, service: Service) -> dict[str, str]:
    """A hash of every table's rows."""
    hashed = "SELECT coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') FROM {} AS t"
    return {
        table: catalog.texts(conn, hashed.format(table))[0]
        for table in catalog.tables(conn)
        if table.startswith(f"{service.schema}.")
    }
