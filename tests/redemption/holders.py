"""Holders of tickets and points as tests of the service meet them: over HTTP, and what others did in the tables."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import psycopg
from litestar import Litestar
from litestar.testing import TestClient

from gasolinera.config import Settings
from gasolinera.database import open_database
from gasolinera.events import Event
from gasolinera.jobs import Job
from gasolinera.keyring import Keyring
from gasolinera.permissions import Caller, Role
from gasolinera.redemption.events import CONSUMERS
from gasolinera.security import issue_access_token
from tests.applications import create_app

Admin = psycopg.Connection[Any]
ANA = UUID("b0000000-0000-4000-8000-000000000001")
BEA = UUID("b0000000-0000-4000-8000-000000000002")
_issuances = count(1)


class People:
    """The application, and requests of people."""

    def __init__(self, app: Litestar, client: TestClient[Litestar]) -> None:
        self.client = client
        self.keyring: Keyring = app.state["keyring"]

    def headers(self, user: UUID, role: Role = Role.CUSTOMER, *, second_factor: bool = True) -> dict[str, str]:
        caller = Caller(role=role, user_id=user, has_second_factor=second_factor)
        token = issue_access_token(self.keyring, caller, now=datetime.now(UTC)).token
        return {"authorization": f"Bearer {token}"}

    @property
    def administrator(self) -> dict[str, str]:
        return self.headers(UUID("a0000000-0000-4000-8000-000000000001"), Role.SYSTEM_ADMIN)

    def get(self, path: str, user: UUID = ANA) -> Any:
        return self.client.get(f"/api{path}", headers=self.headers(user))

    def post(self, path: str, body: dict[str, Any], user: UUID = ANA, key: str | None = None) -> Any:
        shown = self.headers(user) | {"idempotency-key": key or str(uuid4())}
        return self.client.post(f"/api{path}", json=body, headers=shown)

    def manage(self, method: str, path: str, body: dict[str, Any]) -> Any:
        shown = self.administrator | {"idempotency-key": str(uuid4())}
        return self.client.request(method, f"/api{path}", json=body, headers=shown)

    def open_raffle(self, code: str, **wish: Any) -> None:
        body = {"opens_at": "2026-01-01T00:00:00Z", "closes_at": "2028-01-01T00:00:00Z"} | wish
        good(self.manage("PUT", f"/tickets/raffles/{code}", body))


@contextmanager
def met(settings: Settings) -> Generator[People]:
    app = create_app(settings)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield People(app, client)


def good(response: Any, status: int = 200) -> Any:
    assert response.status_code == status, response.text
    return response.json()


def problem(response: Any) -> tuple[int, str]:
    return response.status_code, response.json().get("code", "")


def issue(admin: Admin, tickets: int = 3, *, holder: UUID = ANA, days: float = 90) -> list[str]:
    """Tickets that wait for a raffle; their numbers."""
    admin.execute(
        """
        SELECT redemption_schema.issue_tickets('PROMOTIONAL', ARRAY[%s], ARRAY[%s]::uuid[], ARRAY[%s::integer],
               p_expires_at => ARRAY[now() + make_interval(secs => %s)])
        """,
        (reference := f"promotion of a test {next(_issuances)}", holder, tickets, days * 86_400),
    )
    found = admin.execute(
        """
        SELECT t.ticket_number FROM redemption_schema.raffle_tickets AS t
          JOIN redemption_schema.ticket_issuances AS i USING (issuance_id)
         WHERE i.source_reference = %s ORDER BY t.ordinal
        """,
        (reference,),
    ).fetchall()
    return [number for (number,) in found]


def overdue(admin: Admin, numbers: list[str]) -> None:
    """Their time to choose is over since a second."""
    admin.execute(
        "UPDATE redemption_schema.raffle_tickets SET expires_at = now() - interval '1 second'"
        " WHERE ticket_number = ANY (%s)",
        (numbers,),
    )


def told(admin: Admin, *kinds: str, holder: UUID = ANA) -> list[tuple[str, int, str | None]]:
    """Events about a holder's tickets in their order: type, how many, which raffle."""
    return admin.execute(
        """
        SELECT event_type, (payload ->> 'count')::integer, payload ->> 'raffle_code'
          FROM redemption_schema.outbox_events WHERE event_type = ANY (%s) AND payload ->> 'user_id' = %s ORDER BY id
        """,
        (list(kinds or ("tickets.issued", "tickets.revoked")), str(holder)),
    ).fetchall()


def run_job(settings: Settings, job: Job) -> str:
    async def run() -> str:
        async with open_database(settings, "redemption") as db:
            return await job.run(db, {})

    return asyncio.run(run())


def hear(settings: Settings, kind: str, subject: str, data: dict[str, Any]) -> None:
    """As the consumers of the service hear an event, twice."""
    event = Event(
        id=uuid4(),
        type=kind,
        source="urn:gasolinera:x",
        aggregate=kind.split(".", maxsplit=1)[0],
        subject=subject,
        time=datetime.now(UTC),
        data=data,
    )

    async def take() -> None:
        async with open_database(settings, "redemption") as db:
            for consumer in [one for one in CONSUMERS if kind in one.types] * 2:
                async with db.transaction() as conn:
                    await consumer.handle(conn, event)

    asyncio.run(take())
