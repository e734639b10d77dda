"""The partitioned tables of the six services as their migrations make them."""

from gasolinera.ops.partition_upkeep import maintain, states
from gasolinera.ops.reaching import Operations


def test_the_services_own_tables_are_all_found_and_lack_nothing(operations: Operations) -> None:
    services = [service.name for service in operations.project.services]
    found = states(operations, services)
    assert len(found) >= 16
    assert {one.alerts for one in found} == {()}
    assert {one.action for one in found if one.table.endswith("_audit_log")} == {"ARCHIVE", "DROP"}
    assert {one.due for one in found} == {()}
    assert [one.problems for one in maintain(operations, services, None)] == [()] * len(services)
