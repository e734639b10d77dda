"""Who may do what: one matrix of role, permission and reach. Pure; guards and documents read it."""

from enum import StrEnum
from uuid import UUID

import msgspec


class Role(StrEnum):
    CUSTOMER = "CUSTOMER"
    EMPLOYEE = "EMPLOYEE"
    STATION_ADMIN = "STATION_ADMIN"
    SYSTEM_ADMIN = "SYSTEM_ADMIN"
    PARTNER = "PARTNER"  # an API key of a point-of-sale system; what it may do its scopes say
    SERVICE = "SERVICE"  # another process of the platform


class Reach(StrEnum):
    """Whose things a permission is about."""

    OWN = "own"
    STATION = "station"
    ALL = "all"


class Permission(StrEnum):
    # auth
    PROFILE = "profile"
    USERS_READ = "users:read"
    USERS_MANAGE = "users:manage"
    AUDIT_READ = "audit:read"
    PARTNERS_MANAGE = "partners:manage"
    WEBHOOKS_MANAGE = "webhooks:manage"
    NOTIFICATIONS = "notifications"
    USERS_LOOK_UP = "users:look-up"
    ACCESS_CHECK = "access:check"
    PERSONAL_DATA_READ = "personal-data:read"
    # station
    STATIONS_MANAGE = "stations:manage"
    STATION_UPDATE = "stations:update"
    PRICES_SET = "prices:set"
    EMPLOYEES_READ = "employees:read"
    EMPLOYEES_MANAGE = "employees:manage"
    SHIFTS_CLOCK = "shifts:clock"
    TERMINALS_MANAGE = "terminals:manage"
    TERMINALS_VERIFY = "terminals:verify"
    STATION_AUDIT_READ = "stations:audit"
    STATION_STATISTICS_READ = "stations:statistics"
    # coupons
    CAMPAIGNS_READ = "campaigns:read"
    CAMPAIGNS_MANAGE = "campaigns:manage"
    CAMPAIGNS_APPROVE = "campaigns:approve"
    COUPONS_OWN = "coupons:own"
    COUPONS_ISSUE = "coupons:issue"
    COUPONS_MANAGE = "coupons:manage"
    COUPONS_EXPORT = "coupons:export"
    # redemptions
    COUPONS_USE = "coupons:use"
    REDEMPTIONS_PROCESS = "redemptions:process"
    REDEMPTIONS_READ = "redemptions:read"
    REDEMPTIONS_CANCEL = "redemptions:cancel"
    PUMP_SCAN = "pump:scan"
    REPORTS_READ = "reports:read"
    # tickets and points
    TICKETS_READ = "tickets:read"
    TICKETS_USE = "tickets:use"
    TICKETS_MANAGE = "tickets:manage"
    POINTS_READ = "points:read"
    POINTS_REDEEM = "points:redeem"
    POINTS_MANAGE = "points:manage"
    # fraud
    FRAUD_REVIEW = "fraud:review"
    FRAUD_RULES = "fraud:rules"
    # terminals without a connection
    OFFLINE_REVIEW = "offline:review"
    OFFLINE_LIMITS = "offline:limits"
    # ads
    ADS_WATCH = "ads:watch"
    ADS_READ = "ads:read"
    ADS_MANAGE = "ads:manage"
    ADS_APPROVE = "ads:approve"
    ADS_REVIEW = "ads:review"
    # raffles
    RAFFLE_ENTRIES = "raffles:entries"
    RAFFLES_MANAGE = "raffles:manage"
    RAFFLES_DRAW = "raffles:draw"
    RAFFLES_FULFIL = "raffles:fulfil"
    RAFFLES_WITNESS = "raffles:witness"
    # operations
    EVENTS_REPLAY = "events:replay"
    JOBS_RUN = "jobs:run"


# What the processes of the platform ask of each other, and no person.
_SERVICE = frozenset(
    {
        Permission.USERS_LOOK_UP,
        Permission.ACCESS_CHECK,
        Permission.PERSONAL_DATA_READ,
        Permission.TERMINALS_VERIFY,
        Permission.COUPONS_USE,
    }
)
# What the key of a partner's system may ever be given; whatever else its row says counts for nothing.
PARTNER_SCOPES = frozenset({Permission.PRICES_SET, Permission.STATION_STATISTICS_READ})
# What everybody does for the own self, and nobody for another.
_FOR_ONESELF = frozenset(
    {
        Permission.PROFILE,
        Permission.NOTIFICATIONS,
        Permission.COUPONS_OWN,
        Permission.PUMP_SCAN,
        Permission.TICKETS_USE,
        Permission.POINTS_REDEEM,
        Permission.ADS_WATCH,
        Permission.RAFFLE_ENTRIES,
    }
)
_CUSTOMER = dict.fromkeys(
    (*_FOR_ONESELF, Permission.REDEMPTIONS_READ, Permission.TICKETS_READ, Permission.POINTS_READ), Reach.OWN
)
_EMPLOYEE = _CUSTOMER | {
    Permission.EMPLOYEES_READ: Reach.OWN,
    Permission.SHIFTS_CLOCK: Reach.OWN,
    Permission.REDEMPTIONS_PROCESS: Reach.STATION,
    Permission.REDEMPTIONS_READ: Reach.STATION,
    Permission.REDEMPTIONS_CANCEL: Reach.STATION,
    Permission.RAFFLES_WITNESS: Reach.STATION,
}
_STATION_ADMIN = _EMPLOYEE | {
    Permission.STATION_UPDATE: Reach.STATION,
    Permission.PRICES_SET: Reach.STATION,
    Permission.EMPLOYEES_READ: Reach.STATION,
    Permission.EMPLOYEES_MANAGE: Reach.STATION,
    Permission.SHIFTS_CLOCK: Reach.STATION,
    Permission.TERMINALS_MANAGE: Reach.STATION,
    Permission.STATION_AUDIT_READ: Reach.STATION,
    Permission.STATION_STATISTICS_READ: Reach.STATION,
    Permission.CAMPAIGNS_READ: Reach.STATION,
    Permission.REPORTS_READ: Reach.STATION,
    Permission.FRAUD_REVIEW: Reach.STATION,
    Permission.OFFLINE_REVIEW: Reach.STATION,
}
_SYSTEM_ADMIN = {
    permission: Reach.OWN if permission in _FOR_ONESELF else Reach.ALL
    for permission in Permission
    if permission not in _SERVICE
}

MATRIX: dict[Role, dict[Permission, Reach]] = {
    Role.CUSTOMER: _CUSTOMER,
    Role.EMPLOYEE: _EMPLOYEE,
    Role.STATION_ADMIN: _STATION_ADMIN,
    Role.SYSTEM_ADMIN: _SYSTEM_ADMIN,
    Role.PARTNER: {},
    Role.SERVICE: dict.fromkeys(_SERVICE, Reach.ALL),
}


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks. `user_id` is users.public_id; a partner has `partner_code` and `scopes`, a service `service`, and
    `audience`: which service its token is for.
    """

    role: Role
    user_id: UUID | None = None
    session_id: UUID | None = None  # the family of refresh tokens
    station_code: str | None = None
    employee_number: str | None = None
    has_second_factor: bool = False
    partner_code: str | None = None
    scopes: frozenset[Permission] = frozenset()
    service: str | None = None
    audience: str | None = None

    @property
    def actor(self) -> str:
        """How audit logs name the caller."""
        if self.user_id is not None:
            return str(self.user_id)
        return f"partner:{self.partner_code}" if self.partner_code else f"service:{self.service}"

    def reach(self, permission: Permission) -> Reach | None:
        """How far a permission goes for this caller; None: not at all."""
        if self.role is Role.PARTNER:
            if permission not in self.scopes & PARTNER_SCOPES:
                return None
            return Reach.ALL if self.station_code is None else Reach.STATION
        return MATRIX[self.role].get(permission)
