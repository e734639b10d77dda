"""Networks whose servers confirm views: what one is, and what its callback says. No SQL, no HTTP."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

NETWORK_PATTERN = r"^[a-z0-9][a-z0-9-]{1,49}$(?!\n)"


class Network(msgspec.Struct, frozen=True, kw_only=True):
    """`key_ids`: of the public keys that it published when it was asked last."""

    network_code: str
    advertiser_code: str
    keys_url: str
    is_enabled: bool
    freshness_seconds: int
    keys_refresh_seconds: int
    keys_asked_at: datetime | None
    key_ids: tuple[str, ...]


class NetworkWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A network confirms views of one advertiser's advertisements, and of no others."""

    advertiser_code: Annotated[str, Meta(pattern=r"^[A-Z0-9][A-Z0-9_-]{2,49}$(?!\n)")]
    keys_url: Annotated[
        str, Meta(pattern=r"^https?://[^\s/]+/\S*$(?!\n)", max_length=2048, description="Where its public keys are.")
    ]
    is_enabled: bool = True
    freshness_seconds: Annotated[
        int, Meta(ge=10, le=86_400, description="How old a callback may be, and how far ahead of our clock.")
    ] = 900
    keys_refresh_seconds: Annotated[
        int, Meta(ge=30, le=86_400, description="How long a key that nobody knows does not ask the network again.")
    ] = 300


class Callback(msgspec.Struct, frozen=True, kw_only=True):
    """What a callback says. View and user are None where it names something else."""

    signed: bytes
    signature: bytes
    key_id: str
    transaction_id: str
    sent_at: datetime
    view_id: UUID | None
    user_id: UUID | None
