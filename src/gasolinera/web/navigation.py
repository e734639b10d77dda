"""Where somebody can go: by what the account may do, the same on each page."""

from typing import Final

import msgspec

from gasolinera.permissions import Caller, Permission, Role


class Place(msgspec.Struct, frozen=True):
    """`name` is that of its text; `permission` what its page asks for."""

    path: str
    name: str
    permission: Permission | None = None


class Step(msgspec.Struct, frozen=True):
    path: str
    name: str
    is_here: bool


class Navigation(msgspec.Struct, frozen=True):
    """`office` is empty for whoever has none."""

    bar: tuple[Step, ...]
    office: tuple[tuple[str, tuple[Step, ...]], ...]


_OF_STRANGERS: Final = (
    Place("/stations", "nav-stations"),
    Place("/fairness", "nav-fairness"),
    Place("/login", "nav-login"),
)
_OF_CUSTOMERS: Final = (
    Place("/wallet", "nav-wallet"),
    Place("/stations", "nav-stations"),
    Place("/tickets", "nav-tickets"),
    Place("/raffles", "nav-raffles"),
    Place("/me", "nav-me"),
)
_OF_STAFF: Final = (
    Place("/till", "nav-till"),
    Place("/till/today", "nav-today"),
    Place("/till/offline", "nav-offline"),
    Place("/till/pump", "nav-pump"),
    Place("/me", "nav-me"),
)
_OF_ADMINISTRATORS: Final = (
    Place("/office", "nav-office"),
    Place("/till", "nav-till"),
    Place("/me", "nav-me"),
)
_OFFICE: Final = (
    (
        "nav-group-day",
        (
            Place("/office", "nav-dashboard", Permission.REPORTS_READ),
            Place("/office/redemptions", "nav-redemptions", Permission.REPORTS_READ),
            Place("/office/fraud", "nav-fraud", Permission.FRAUD_REVIEW),
            Place("/office/offline-review", "nav-offline-review", Permission.OFFLINE_REVIEW),
        ),
    ),
    (
        "nav-group-offers",
        (
            Place("/office/campaigns", "nav-campaigns", Permission.CAMPAIGNS_READ),
            Place("/office/coupons", "nav-coupons", Permission.COUPONS_MANAGE),
            Place("/office/ads", "nav-ads", Permission.ADS_READ),
            Place("/office/raffles", "nav-raffles", Permission.RAFFLES_MANAGE),
        ),
    ),
    (
        "nav-group-places",
        (
            Place("/office/stations", "nav-stations", Permission.STATION_UPDATE),
            Place("/office/employees", "nav-employees", Permission.EMPLOYEES_MANAGE),
            Place("/office/terminals", "nav-terminals", Permission.TERMINALS_MANAGE),
        ),
    ),
    (
        "nav-group-access",
        (
            Place("/office/users", "nav-users", Permission.USERS_READ),
            Place("/office/permissions", "nav-permissions", Permission.USERS_READ),
            Place("/office/audit", "nav-audit", Permission.AUDIT_READ),
            Place("/office/partners", "nav-partners", Permission.PARTNERS_MANAGE),
            Place("/office/webhooks", "nav-webhooks", Permission.WEBHOOKS_MANAGE),
        ),
    ),
    (
        "nav-group-system",
        (
            Place("/office/system", "nav-system", Permission.JOBS_RUN),
            Place("/office/database", "nav-database", Permission.JOBS_RUN),
        ),
    ),
)


def start_of(caller: Caller) -> str:
    """The page that the account works with."""
    return {Role.CUSTOMER: "/wallet", Role.EMPLOYEE: "/till"}.get(caller.role, "/office")


def navigation_of(caller: Caller | None, path: str) -> Navigation:
    groups = tuple(
        (name, tuple(place for place in places if caller and place.permission and caller.reach(place.permission)))
        for name, places in _OFFICE
    )
    all_places = [*_bar(caller), *(place for _, places in groups for place in places)]
    # The longest address that the page's begins with is where somebody is.
    here = max(
        (place.path for place in all_places if path == place.path or path.startswith(f"{place.path}/")),
        key=len,
        default="",
    )

    def steps(places: tuple[Place, ...]) -> tuple[Step, ...]:
        return tuple(Step(place.path, place.name, place.path == here) for place in places)

    return Navigation(steps(_bar(caller)), tuple((name, steps(places)) for name, places in groups if places))


def _bar(caller: Caller | None) -> tuple[Place, ...]:
    if caller is None:
        return _OF_STRANGERS
    return {Role.CUSTOMER: _OF_CUSTOMERS, Role.EMPLOYEE: _OF_STAFF}.get(caller.role, _OF_ADMINISTRATORS)
