"""Where somebody can go, and where he is."""

from uuid import uuid4

import pytest

from gasolinera.permissions import Caller, Role
from gasolinera.web.navigation import navigation_of, start_of


def caller(role: Role) -> Caller:
    return Caller(role=role, user_id=uuid4())


def test_a_customer_has_a_bar_and_no_office() -> None:
    found = navigation_of(caller(Role.CUSTOMER), "/wallet/ABC")
    assert [step.path for step in found.bar] == ["/wallet", "/stations", "/tickets", "/raffles", "/me"]
    assert [step.path for step in found.bar if step.is_here] == ["/wallet"]
    assert found.office == ()


def test_a_station_administrator_is_shown_what_the_matrix_lets_and_no_more() -> None:
    paths = {step.path for _, steps in navigation_of(caller(Role.STATION_ADMIN), "/office").office for step in steps}
    assert {"/office", "/office/fraud", "/office/employees", "/office/terminals"} <= paths
    assert not paths & {"/office/users", "/office/audit", "/office/system", "/office/database", "/office/raffles"}


def test_the_longest_address_is_where_somebody_is() -> None:
    steps = [step for _, group in navigation_of(caller(Role.SYSTEM_ADMIN), "/office/ads/new").office for step in group]
    assert [step.path for step in steps if step.is_here] == ["/office/ads"]
    assert len(steps) > 12


@pytest.mark.parametrize(
    ("role", "path"), [(Role.CUSTOMER, "/wallet"), (Role.EMPLOYEE, "/till"), (Role.STATION_ADMIN, "/office")]
)
def test_each_role_starts_where_it_works(role: Role, path: str) -> None:
    assert start_of(caller(role)) == path


def test_a_stranger_finds_the_door() -> None:
    assert "/login" in [step.path for step in navigation_of(None, "/").bar]
