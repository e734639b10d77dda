"""A platform whose services agree, which tests then bring apart: databases by service, and a worker's round."""

import asyncio
from collections.abc import Generator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

import msgspec
import psycopg

from gasolinera.app import ALL_PARTS
from gasolinera.cli.operations.reconcile import listeners
from gasolinera.config import Settings
from gasolinera.database import open_database
from gasolinera.event_flow import inboxes_of
from gasolinera.ops.reaching import Operations
from gasolinera.ops.reconciling import reconcile
from gasolinera.ops.reconciling_models import Reconciliation
from gasolinera.polling import RetryPolicy
from gasolinera.relay import InboxTransport, Relay
from tests.conftest import project_at
from vuelo.embedded import Server

Connection = psycopg.Connection[Any]
OPEN_RAFFLE = "MONTHLY-2026-12"
DRIVER = "a0000000-0000-4000-8000-000000000051"
_AT_ONCE = RetryPolicy(attempts=1, first_s=0.0, longest_s=0.0)


class Platform(msgspec.Struct, frozen=True):
    """`elsewhere`: the services whose schema is another database's, as after a restore of one service alone."""

    server: Server
    database: str
    elsewhere: Mapping[str, str] = {}

    @property
    def operations(self) -> Operations:
        project = project_at(self.server.url(self.database), "test")
        services = tuple(
            replace(service, url=self.server.url(self.elsewhere.get(service.name, self.database)))
            for service in project.services
        )
        return Operations(replace(project, services=services), self.server.url(self.database))

    def of(self, service: str) -> str:
        return self.elsewhere.get(service, self.database)

    def compare(self, *, is_repair: bool = False, grace_s: int = 0) -> Reconciliation:
        return reconcile(self.operations, listeners(), is_repair=is_repair, grace_s=grace_s)

    def run(self, service: str, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """As superuser, with triggers."""
        with psycopg.connect(self.server.url(self.of(service)), autocommit=True) as conn:
            cursor = conn.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def break_into(self, service: str, statement: str, values: Sequence[Any] = ()) -> None:
        """As superuser, past triggers and foreign keys: what a restore or somebody's repair by hand leaves behind."""
        with psycopg.connect(self.server.url(self.of(service)), autocommit=True) as conn:
            conn.execute("SET session_replication_role = replica")
            conn.execute(statement.encode(), values)

    def settle(self) -> None:
        """What a worker does about events, until there is nothing left to do. Who fails gives up at once."""
        urls = {f"{part.name}_database_url": self._dsn(part.name) for part in ALL_PARTS}
        asyncio.run(_settle(Settings.model_validate({"environment": "test", **urls})))

    def _dsn(self, service: str) -> str:
        return self.server.dsn(self.of(service), f"{service}_app")


async def _settle(settings: Settings) -> None:
    async with AsyncExitStack() as stack:
        databases = {
            part.name: await stack.enter_async_context(open_database(settings, part.name)) for part in ALL_PARTS
        }
        inboxes = inboxes_of(ALL_PARTS)
        arrived = asyncio.Event()
        transport = InboxTransport([(inbox, databases[part.name], arrived) for part, inbox in inboxes])
        relays = [
            (Relay(part.name, part.schema, transport), databases[part.name])
            for part in ALL_PARTS
            if part.outbox is not None
        ]
        while True:
            done = sum([await relay.work(db) for relay, db in relays])
            done += sum([await inbox.work(databases[part.name], retries=_AT_ONCE) for part, inbox in inboxes])
            if not done:
                return


@contextmanager
def copied(server: Server, template: str, name: str) -> Generator[str]:
    """Another database with the same in it, whose services may log in."""
    with psycopg.connect(server.url(), autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy".encode())
        try:
            yield name
        finally:
            conn.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def give_tickets(platform: Platform, reference: str, tickets: int = 3, raffle: str | None = OPEN_RAFFLE) -> UUID:
    """A promotion makes tickets and sends them to a raffle; gives the issuance."""
    rows = platform.run(
        "redemption",
        "SELECT issuance_id FROM redemption_schema.issue_tickets('PROMOTIONAL', ARRAY[%s], ARRAY[%s]::uuid[], "
        "ARRAY[%s], p_raffle_codes => ARRAY[%s])",
        (reference, DRIVER, tickets, raffle),
    )
    return rows[0][0]


def lose_unpublished(platform: Platform, service: str) -> None:
    """A transport said that it had them, and had not; an hour ago."""
    platform.run(
        service,
        f"UPDATE {service}_schema.outbox_events SET published_at = now() - interval '1 hour' "
        "WHERE published_at IS NULL",
    )


def erase(platform: Platform, user_id: str) -> None:
    """By the functions of the auth service's own use case, without a keyring."""
    platform.run("auth", "SELECT auth_schema.erase_user(%s, 'ADMINISTRATOR', '{}')", [user_id])
    platform.run(
        "auth",
        "INSERT INTO auth_schema.outbox_events (event_type, aggregate_type, aggregate_key, payload) VALUES "
        "('user.erased', 'user', %s, jsonb_build_object('public_id', %s::text, 'role', 'CUSTOMER', 'active', false))",
        [user_id, user_id],
    )
