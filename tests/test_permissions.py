"""The matrix, and that every route of every service names its decision."""

from itertools import pairwise
from typing import Any

from litestar.handlers import HTTPRouteHandler

from gasolinera.authentication import Requires
from gasolinera.config import Settings
from gasolinera.permissions import MATRIX, PARTNER_SCOPES, Caller, Permission, Reach, Role
from tests.applications import create_app

# What a stranger may ask. A route that joins this list was decided on; nothing gets here by itself.
OPEN_ROUTES = {
    "GET /.well-known/jwks.json",
    "GET /api/ads/media/{sha256:str}",  # a picture's address holds no token; the hash is known from the advertisement
    "GET /api/ads/callbacks/{network:str}",  # the network signs it
    "GET /api/coupons/qr/keys",
    "GET /api/coupons/qr/revocations",
    "GET /api/raffles",
    "GET /api/raffles/draws",  # what a draw publishes is for everybody; a proof opens an entry to its holder alone
    "GET /api/raffles/draws/{number:int}",
    "GET /api/raffles/draws/{number:int}/bundle",
    "GET /api/raffles/draws/{number:int}/entries",
    "GET /api/raffles/draws/{number:int}/excluded",
    "GET /api/raffles/draws/{number:int}/manifest",
    "GET /api/raffles/draws/{number:int}/signature",
    "GET /api/raffles/draws/{number:int}/void",
    "GET /api/raffles/proofs/{ticket:str}",
    "GET /api/raffles/verifier/verify_draw.mjs",
    "GET /api/raffles/verifier/verify_draw.py",
    "GET /api/raffles/{code:str}",
    "GET /api/raffles/{code:str}/draw",
    "GET /api/raffles/{code:str}/evidence",
    "GET /api/raffles/{code:str}/terms",
    "GET /api/raffles/{code:str}/winners",
    "GET /api/stations",
    "GET /api/stations/nearby",
    "GET /api/stations/{code:str}",
    "GET /api/tickets/receipt-keys",
    "GET /dev/inbox",
    "GET /docs",
    "GET /docs/style.css",
    "GET /fairness",  # pages of what the routes of draws and raffles above tell everybody
    "GET /fairness.csv",
    "GET /fairness/tickets",
    "GET /fairness/{code:str}",
    "GET /fairness/{code:str}/bundle",
    "GET /fairness/{code:str}/excluded",
    "GET /fairness/{code:str}/list",
    "GET /fairness/{code:str}/manifest",
    "GET /fairness/{code:str}/state",
    "GET /fairness/{code:str}/terms",
    "GET /raffles",
    "GET /raffles/{code:str}",
    "GET /verify",
    "GET /health/live",
    "GET /health/ready",
    "GET /metrics",
    "GET /openapi.json",
    "GET /",
    "GET /login",  # the door, and what is told before it
    "GET /login/code",
    "GET /register",
    "GET /terms",
    "GET /manifest.webmanifest",
    "GET /offline",  # what the wallet shows without a connection holds nothing of anybody
    "GET /sw.js",
    "GET /stations",
    "GET /stations.csv",
    "GET /stations/{code:str}",
    "GET /static/{digest:str}/{name:path}",
    "POST /login",
    "POST /login/code",
    "POST /login/code/again",
    "POST /logout",  # of a session that has ended already, too
    "POST /register",
    "POST /api/auth/login/otp",
    "POST /api/auth/login/verify",
    "POST /api/auth/otp/resend",
    "POST /api/auth/refresh",
    "POST /api/auth/register",
    "POST /language",
    "POST /api/redemptions/offline/entries",  # a terminal signs them
    "POST /api/redemptions/offline/leases",
    "POST /api/raffles/witnesses",  # a terminal signs these three
    "POST /api/raffles/witnesses/draws",
    "POST /api/raffles/witnesses/signatures",
    "POST /api/stations/terminals",
    "POST /api/stations/terminals/heartbeat",
}


def handlers() -> dict[str, HTTPRouteHandler]:
    """Every route of a process that serves everything, but the OPTIONS that the framework adds by itself."""
    return {
        f"{method} {route.path}": handler
        for route in create_app(Settings()).routes
        for handler in getattr(route, "route_handlers", ())
        for method in handler.http_methods
        if method != "OPTIONS"
    }


def decisions(handler: HTTPRouteHandler) -> list[Requires]:
    guards: list[Any] = getattr(handler, "resolve_guards")()  # noqa: B009  its type leaves parameters open
    return [guard for guard in guards if isinstance(guard, Requires)]


def test_every_route_either_requires_one_permission_or_is_open() -> None:
    undecided = [
        name
        for name, handler in handlers().items()
        if len(decisions(handler)) != (0 if handler.opt.get("open") is True else 1)
    ]
    assert undecided == []


def test_the_open_routes_are_those_that_were_decided_on() -> None:
    assert {name for name, handler in handlers().items() if handler.opt.get("open")} == OPEN_ROUTES


def test_only_http_routes_exist() -> None:
    """A websocket or a mounted application would pass by the guards."""
    assert [route.path for route in create_app(Settings()).routes if not hasattr(route, "route_handlers")] == []


def test_every_permission_that_a_route_requires_somebody_has() -> None:
    wanted = {decision.permission for handler in handlers().values() for decision in decisions(handler)}
    held = {permission for row in MATRIX.values() for permission in row} | PARTNER_SCOPES
    assert wanted - held == set()


def test_what_changes_accounts_partners_or_the_platform_needs_the_second_factor() -> None:
    powerful = {Permission.USERS_MANAGE, Permission.PARTNERS_MANAGE, Permission.EVENTS_REPLAY, Permission.JOBS_RUN}
    without = [
        name
        for name, handler in handlers().items()
        for decision in decisions(handler)
        if decision.permission in powerful and not decision.second_factor
    ]
    assert without == []


# What an administrator of the chain may change everywhere without the second factor, and why.
WITHOUT_SECOND_FACTOR = {
    Permission.PRICES_SET: "the keys of point-of-sale systems set prices, and systems have no second factor",
    Permission.STATION_UPDATE: "a station's administrator keeps phone and hours true, on the station's computer",
    Permission.SHIFTS_CLOCK: "who stands at the pump clocks in many times a day",
    Permission.EMPLOYEES_MANAGE: "shifts alone: planned anew each week, and nothing of value hangs on them",
    Permission.REDEMPTIONS_PROCESS: "who serves at the pump; the statement refuses whoever works at no station",
    Permission.REDEMPTIONS_CANCEL: "who serves at the pump; of the chain's administrators the use case demands it",
}
SHIFTS = {
    "POST /api/stations/employees/{number:str}/shifts",
    "POST /api/stations/shifts/{shift_id:uuid}/cancel",
    "POST /office/employees/{number:str}/shifts",
    "POST /office/employees/{number:str}/shifts/{shift_id:uuid}/cancel",
}


def test_what_changes_things_everywhere_needs_the_second_factor_and_asks_whether_the_access_has_ended() -> None:
    writing = {
        name: decision
        for name, handler in handlers().items()
        for decision in decisions(handler)
        if not name.startswith("GET ") and MATRIX[Role.SYSTEM_ADMIN].get(decision.permission) is Reach.ALL
    }
    without = {name: decision.permission for name, decision in writing.items() if not decision.second_factor}
    assert set(without.values()) <= WITHOUT_SECOND_FACTOR.keys(), without
    assert {name for name, permission in without.items() if permission is Permission.EMPLOYEES_MANAGE} == SHIFTS
    assert [name for name, decision in writing.items() if not decision.fresh] == []


def test_people_have_no_permission_of_services_and_services_none_of_people() -> None:
    of_services = set(MATRIX[Role.SERVICE])
    for role, row in MATRIX.items():
        assert role is Role.SERVICE or not of_services & set(row), role


def test_each_role_of_the_staff_reaches_further_than_the_one_below() -> None:
    order = (Reach.OWN, Reach.STATION, Reach.ALL)
    ladder = (Role.CUSTOMER, Role.EMPLOYEE, Role.STATION_ADMIN, Role.SYSTEM_ADMIN)
    for below, above in pairwise(ladder):
        for permission, reach in MATRIX[below].items():
            assert order.index(MATRIX[above][permission]) >= order.index(reach), (above, permission)


def test_a_partner_has_its_scopes_and_never_more_than_partners_may() -> None:
    partner = Caller(role=Role.PARTNER, partner_code="POS", scopes=frozenset({Permission.PRICES_SET}))
    assert partner.reach(Permission.PRICES_SET) is Reach.ALL
    assert partner.reach(Permission.STATION_STATISTICS_READ) is None
    everything = Caller(role=Role.PARTNER, partner_code="POS", scopes=frozenset(Permission), station_code="JSM001")
    assert {p for p in Permission if everything.reach(p)} == PARTNER_SCOPES
    assert everything.reach(Permission.PRICES_SET) is Reach.STATION
    assert partner.actor == "partner:POS"
