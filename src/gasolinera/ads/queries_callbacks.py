"""The only reader of `queries_callbacks.sql`: one typed function a query."""

from collections.abc import Mapping

import msgspec

from gasolinera.ads.models_callbacks import Callback, Network, NetworkWish
from gasolinera.database import Connection, fetch_all, fetch_optional, load_sql

_SQL = load_sql("gasolinera.ads", "queries_callbacks.sql")
_LIST_NETWORKS = _SQL["list_networks"]
_PUT_NETWORK = _SQL["put_network"]
_FIND_NETWORK = _SQL["find_network"]
_CLAIM_REFRESH = _SQL["claim_refresh"]
_PUT_KEYS = _SQL["put_keys"]
_TAKE_CALLBACK = _SQL["take_callback"]


class FoundNetwork(msgspec.Struct, frozen=True):
    """`public_key`: DER, where the key is known."""

    id: int
    keys_url: str
    freshness_seconds: int
    public_key: bytes | None


async def list_networks(conn: Connection) -> list[Network]:
    return await fetch_all(conn, Network, _LIST_NETWORKS)


async def put_network(conn: Connection, network_code: str, wish: NetworkWish) -> Network | None:
    return await fetch_optional(conn, Network, _PUT_NETWORK, network_code, *msgspec.structs.astuple(wish))


async def find_network(conn: Connection, network_code: str, key_id: str) -> FoundNetwork | None:
    return await fetch_optional(conn, FoundNetwork, _FIND_NETWORK, network_code, key_id)


async def claim_refresh(conn: Connection, network_id: int) -> bool:
    return await conn.fetchval(_CLAIM_REFRESH, network_id) is not None


async def put_keys(conn: Connection, network_id: int, keys_url: str, keys: Mapping[str, bytes]) -> None:
    """Nothing where the network has another address by now, or is switched off."""
    await conn.execute(_PUT_KEYS, network_id, keys_url, list(keys.keys()), list(keys.values()))


async def take_callback(conn: Connection, network_id: int, told: Callback) -> str:
    """The outcome, as the function of the schema names it."""
    values = (told.transaction_id, told.key_id, told.view_id, told.user_id, told.sent_at)
    return await conn.fetchval(_TAKE_CALLBACK, network_id, *values)
