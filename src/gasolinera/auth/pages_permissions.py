"""Who may do what, as the back office reads it: the matrix itself, in words."""

from typing import Any, Final

import msgspec
from litestar import Request, get
from litestar.response import Template

from gasolinera.auth.pages_audit import WORDING
from gasolinera.auth.pages_users import READ
from gasolinera.auth.refused import Speaker
from gasolinera.permissions import MATRIX, PARTNER_SCOPES, Permission, Role
from gasolinera.web.pages import page

_ROLES: Final = (Role.CUSTOMER, Role.EMPLOYEE, Role.STATION_ADMIN, Role.SYSTEM_ADMIN, Role.SERVICE)
# The first permission of each group, in the order of the matrix.
_GROUPS: Final = {
    Permission.PROFILE: "auth",
    Permission.STATIONS_MANAGE: "station",
    Permission.CAMPAIGNS_READ: "coupons",
    Permission.COUPONS_USE: "redemptions",
    Permission.TICKETS_READ: "tickets",
    Permission.FRAUD_REVIEW: "fraud",
    Permission.OFFLINE_REVIEW: "offline",
    Permission.ADS_WATCH: "ads",
    Permission.RAFFLE_ENTRIES: "raffles",
    Permission.EVENTS_REPLAY: "operations",
}


class Row(msgspec.Struct, frozen=True):
    name: str
    reaches: tuple[str, ...]
    for_partners: bool


class Group(msgspec.Struct, frozen=True):
    name: str
    rows: list[Row]


@get("/office/permissions", include_in_schema=False, guards=READ, sync_to_thread=False)
def permissions_route(request: Request[Any, Any, Any]) -> Template:
    say = Speaker(request, WORDING)
    groups: list[Group] = []
    for permission in Permission:
        if permission in _GROUPS:
            groups.append(Group(say(f"group-{_GROUPS[permission]}"), []))
        reaches = tuple(MATRIX[role].get(permission) for role in _ROLES)
        row = Row(
            say(f"permission-{permission.value.replace(':', '-')}"),
            tuple(reach.value if reach else "none" for reach in reaches),
            permission in PARTNER_SCOPES,
        )
        groups[-1].rows.append(row)
    values = {"groups": groups, "roles": [say(f"role-{role.value}") for role in _ROLES]}
    return page(request, "auth/people/permissions.html", values, wording=WORDING)


HANDLERS = (permissions_route,)
