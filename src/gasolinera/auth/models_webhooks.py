"""What an endpoint of a partner, a delivery and a try are, and which events partners may have. No SQL, no HTTP."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Literal, get_args
from uuid import UUID

import msgspec

from gasolinera.paging import Position

TEST_EVENT: Final = "webhook.test"
PartnerEvent = Literal[
    "campaign.changed",
    "coupon.consumed",
    "coupon.restored",
    "redemption.completed",
    "redemption.cancelled",
    "raffle.closed",
    "raffle.drawn",
]
PARTNER_EVENTS: Final[frozenset[str]] = frozenset(get_args(PartnerEvent))
# Partners learn what happened at the pumps, and nothing about who it was.
NOT_FOR_PARTNERS: Final = frozenset({"user_id", "public_id", "employee_number", "device_id", "ip_address"})
MAX_ENDPOINTS: Final = 10
DEFAULT_OVERLAP: Final = timedelta(hours=24)


class DisabledReason(StrEnum):
    ADMINISTRATOR = "ADMINISTRATOR"
    FAILING = "FAILING"  # for five days
    GONE = "GONE"  # it answered 410


class DeliveryStatus(StrEnum):
    PENDING = "PENDING"
    DELIVERED = "DELIVERED"
    DEAD = "DEAD"


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Without its secret, which is shown once."""

    endpoint_id: UUID
    url: str
    description: str | None
    event_types: tuple[str, ...]
    station_code: str | None
    is_active: bool
    disabled_reason: DisabledReason | None
    failing_since: datetime | None
    last_success_at: datetime | None
    created_at: datetime


class NewEndpoint(msgspec.Struct, frozen=True, kw_only=True):
    """`secret` is in this answer and in no other."""

    secret: str
    endpoint: Endpoint


class EndpointWish(msgspec.Struct, frozen=True, kw_only=True):
    url: str
    description: str | None
    event_types: tuple[str, ...]
    station_code: str | None


class EndpointChange(msgspec.Struct, frozen=True, kw_only=True):
    """None: as it is."""

    url: str | None = None
    description: str | None = None
    event_types: tuple[str, ...] | None = None
    is_active: bool | None = None


class Sealed(msgspec.Struct, frozen=True):
    """An encrypted secret, and which key opens it."""

    key_id: int
    data: bytes


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be told at an endpoint, and how that went."""

    delivery_id: UUID
    event_id: UUID
    event_type: str
    status: DeliveryStatus
    attempts: int
    next_attempt_at: datetime | None
    delivered_at: datetime | None
    created_at: datetime


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    attempt: int
    status_code: int | None
    duration_ms: int
    response: str | None
    error: str | None
    created_at: datetime


class DeliveryLog(msgspec.Struct, frozen=True, kw_only=True):
    delivery: Delivery
    body: str
    attempts: tuple[Attempt, ...]


class DeliveryPosition(Position, frozen=True):
    id: int


class StoredDelivery(Delivery, frozen=True, kw_only=True):
    id: int
    body: str


class ClaimedDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery that is due. `attempts` counts this one."""

    id: int
    delivery_id: UUID
    endpoint_key: int
    endpoint_id: UUID
    event_id: UUID
    body: str
    attempts: int
    tries_left: int
    url: str
    secret: bytes
    secret_key_id: int
    previous_secret: bytes | None
    previous_secret_key_id: int | None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a try; `error` names a reason where no answer came."""

    status_code: int | None
    duration_ms: int
    response: str | None
    error: str | None

    @property
    def is_delivered(self) -> bool:
        return self.status_code is not None and 200 <= self.status_code < 300
