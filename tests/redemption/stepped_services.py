"""Both services twice over the same databases: stepped by a test, and plain."""

import asyncio
from collections.abc import Generator, Mapping
from contextlib import AsyncExitStack, contextmanager
from typing import Final

from gasolinera.config import Settings
from gasolinera.coupon.consuming import DESK
from gasolinera.coupon.parts import PARTS as COUPON_PARTS
from gasolinera.coupon_calls import local_coupons
from gasolinera.database import Database, open_database
from gasolinera.event_flow import embedded_transport, inboxes_of
from gasolinera.keyring import Keyring, load_keyring
from gasolinera.redemption.parts import PARTS as REDEMPTION_PARTS
from gasolinera.relay import Relay
from tests.redemption.desk import Conn
from tests.redemption.stepping import SteppedDatabase

_PARTS: Final = (COUPON_PARTS, REDEMPTION_PARTS)


class SteppedServices:
    """Over databases that stay the caller's."""

    def __init__(self, databases: Mapping[str, Database], keyring: Keyring) -> None:
        self.plain = databases
        self.stepped = {name: SteppedDatabase(db) for name, db in databases.items()}
        self.coupons = local_coupons(self.stepped["coupon"], keyring, DESK)
        self.plain_coupons = local_coupons(databases["coupon"], keyring, DESK)


class Bench(SteppedServices):
    """With an event loop that stands still between two steps, and a superuser who adds up."""

    def __init__(
        self, runner: asyncio.Runner, databases: Mapping[str, Database], keyring: Keyring, admin: Conn
    ) -> None:
        super().__init__(databases, keyring)
        self.run = runner.run
        self.admin = admin


@contextmanager
def open_bench(settings: Settings, admin: Conn) -> Generator[Bench]:
    """With databases of its own loop; what the sample data told is carried."""
    roomy = settings.model_copy(update={"pool_max_size": 20})  # who stands between statements keeps his place
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()

        async def opened() -> dict[str, Database]:
            names = ("coupon", "redemption")
            return {name: await stack.enter_async_context(open_database(roomy, name)) for name in names}

        bench = Bench(runner, runner.run(opened()), load_keyring(settings), admin)
        runner.run(carry(bench.plain))
        yield bench
        runner.run(stack.aclose())


async def carry(databases: Mapping[str, Database]) -> None:
    """Every event to its consumers, and every effect."""
    transport = embedded_transport(databases, _PARTS, {part.name: asyncio.Event() for part in _PARTS})
    relays = [Relay(part.name, part.schema, transport) for part in _PARTS]
    while sum([await relay.work(databases[relay.service]) for relay in relays]):
        pass
    while sum([await inbox.work(databases[part.name]) for part, inbox in inboxes_of(_PARTS)]):
        pass
