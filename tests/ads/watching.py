"""Viewers as tests meet them: over HTTP, on a campaign of a test's own, with the past moved instead of waiting."""

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

from gasolinera.ads.events import CONSUMERS
from gasolinera.config import Settings
from gasolinera.database import open_database
from gasolinera.events import Consumer, Event
from gasolinera.jobs import Job
from gasolinera.keyring import Keyring
from gasolinera.permissions import Caller, Role
from gasolinera.redemption.events import CONSUMERS as REDEMPTION_CONSUMERS
from gasolinera.security import issue_access_token
from tests.applications import create_app

Admin = psycopg.Connection[Any]
ANA = UUID("b0000000-0000-4000-8000-000000000001")
BEA = UUID("b0000000-0000-4000-8000-000000000002")
REVIEWER = UUID("a0000000-0000-4000-8000-000000000001")
MAKER = UUID("a0000000-0000-4000-8000-000000000011")
_numbers = count(1)


class Viewers:
    """The application, and requests of people who watch."""

    def __init__(self, app: Litestar, client: TestClient[Litestar], admin: Admin) -> None:
        self.client = client
        self.admin = admin
        self.keyring: Keyring = app.state["keyring"]

    def headers(self, user: UUID, role: Role = Role.CUSTOMER) -> dict[str, str]:
        caller = Caller(role=role, user_id=user, has_second_factor=True)
        return {"authorization": f"Bearer {issue_access_token(self.keyring, caller, now=datetime.now(UTC)).token}"}

    def get(self, path: str, user: UUID = ANA) -> Any:
        return self.client.get(f"/api/ads{path}", headers=self.headers(user))

    def post(self, path: str, body: dict[str, Any], user: UUID = ANA) -> Any:
        return self.client.post(f"/api/ads{path}", json=body, headers=self.headers(user))

    def put(self, path: str, body: dict[str, Any]) -> Any:
        return self.client.put(f"/api/ads{path}", json=body, headers=self.headers(REVIEWER, Role.SYSTEM_ADMIN))

    def serve(self, reference: str | None = None, user: UUID = ANA) -> Any:
        return self.post("/views", {"reference": reference}, user)

    def start(self, reference: str | None = None, user: UUID = ANA) -> str:
        """The id of a view that runs now."""
        token = good(self.serve(reference, user), 201)["token"]
        return str(good(self.post("/views/start", {"token": token}, user), 201)["view_id"])

    def report(self, view: str, sequence: int, position_s: float, user: UUID = ANA, **said: Any) -> Any:
        body = {"sequence": sequence, "position_s": position_s, **said}
        return self.post(f"/views/{view}/reports", body, user)

    def complete(self, view: str, sequence: int, position_s: float, user: UUID = ANA) -> Any:
        return self.post(f"/views/{view}/complete", {"sequence": sequence, "position_s": position_s}, user)

    def watch(self, reference: str | None = None, user: UUID = ANA, *, length_s: int = 15) -> Any:
        """A whole view as an honest player reports it, time moved by quarters."""
        view = self.start(reference, user)
        for quarter in range(1, 4):
            earlier(self.admin, view, length_s / 4 + quarter * 0.013)
            good(self.report(view, quarter, length_s * quarter / 4, user))
        earlier(self.admin, view, length_s / 4 + 0.02)
        return good(self.complete(view, 4, length_s, user))


@contextmanager
def watching(settings: Settings, admin: Admin) -> Generator[Viewers]:
    app = create_app(settings)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield Viewers(app, client, admin)


def good(response: Any, status: int = 200) -> Any:
    assert response.status_code == status, response.text
    return response.json()


def problem(response: Any) -> tuple[int, str]:
    return response.status_code, response.json().get("code", "")


def put_campaign(admin: Admin, **terms: Any) -> str:
    """One active video for everybody, and nothing else to show; its public id."""
    wanted: dict[str, Any] = {
        "total_budget": 1000,
        "daily_budget": None,
        "cost": "1.50",
        "cap": 1000,
        "period": "CAMPAIGN",
        "max_bonus": 10_000,
        "duration": 15,
        "skip_after": 5,
        "multiplier": 2,
        "format": "VIDEO",
        "media_type": "video/mp4",
        **terms,
    }
    code = f"ADC-TEST-{next(_numbers)}"
    admin.execute("UPDATE ad_schema.ad_campaigns SET status = 'PAUSED' WHERE status = 'ACTIVE'")
    admin.execute(
        """
        INSERT INTO ad_schema.ad_campaigns (campaign_code, advertiser_id, name, status, starts_at, ends_at, pacing,
            total_budget, daily_budget, cost_per_engagement, currency, frequency_cap, frequency_period,
            max_bonus_tickets, created_by)
        SELECT %(code)s, id, 'A test''s', 'ACTIVE', now() - interval '2 days', now() + interval '2 days', 'ASAP',
               %(total_budget)s, %(daily_budget)s, %(cost)s, 'MXN', %(cap)s, %(period)s, %(max_bonus)s, %(maker)s
          FROM ad_schema.advertisers WHERE advertiser_code = 'REFRESCO-LUNA'
        """,
        {**wanted, "code": code, "maker": MAKER},
    )
    found = admin.execute(
        """
        INSERT INTO ad_schema.advertisements (campaign_id, title, ad_format, media_sha256, media_bytes, media_type,
            duration_s, skip_after_s, ticket_multiplier, status, approval_status, reviewed_by, reviewed_at, languages,
            created_by)
        SELECT id, 'A test''s film', %(format)s, decode(repeat('ab', 32), 'hex'), 1000, %(media_type)s, %(duration)s,
               %(skip_after)s, %(multiplier)s, 'ACTIVE', 'APPROVED', %(reviewer)s, now(), '{es,en}',
               %(maker)s
          FROM ad_schema.ad_campaigns WHERE campaign_code = %(code)s RETURNING public_id
        """,
        {**wanted, "code": code, "reviewer": REVIEWER, "maker": MAKER},
    ).fetchone()
    assert found is not None
    return str(found[0])


def another_ad(admin: Admin, ad: str) -> str:
    """Another advertisement of the same campaign, and of the same terms: a chain shows none twice."""
    found = admin.execute(
        """
        INSERT INTO ad_schema.advertisements (campaign_id, title, ad_format, media_sha256, media_bytes, media_type,
            duration_s, skip_after_s, ticket_multiplier, status, approval_status, reviewed_by, reviewed_at, languages,
            created_by)
        SELECT campaign_id, title || ' again', ad_format, media_sha256, media_bytes, media_type,
               duration_s, skip_after_s, ticket_multiplier, 'ACTIVE', 'APPROVED', reviewed_by, reviewed_at, languages,
               created_by
          FROM ad_schema.advertisements WHERE public_id = %s RETURNING public_id
        """,
        (ad,),
    ).fetchone()
    assert found is not None
    return str(found[0])


def put_redemption(admin: Admin, user: UUID = ANA, *, tickets: int = 3, until: str = "1 day") -> str:
    """A redemption that views may multiply, as its event would have told of it."""
    reference = f"RDM-20261123-{900_000 + next(_numbers):06}"
    admin.execute(
        """
        INSERT INTO ad_schema.ad_redemptions
               (transaction_reference, user_id, base_tickets, station_code, fuel_type, bonus_until)
        VALUES (%s, %s, %s, 'JSM001', 'REGULAR', now() + %s::interval)
        """,
        (reference, user, tickets, until),
    )
    return reference


def earlier(admin: Admin, view: str, seconds: float) -> None:
    """As if everything about a running view had happened so many seconds earlier."""
    with admin.transaction():
        admin.execute("SET LOCAL session_replication_role = replica")
        shift = {"view": view, "seconds": seconds}
        admin.execute(
            "UPDATE ad_schema.ad_engagements SET started_at = started_at - make_interval(secs => %(seconds)s)"
            " WHERE public_id = %(view)s",
            shift,
        )
        for table, column in (("ad_view_states", "seen_at"), ("ad_engagement_events", "created_at")):
            admin.execute(
                f"""
                UPDATE ad_schema.{table} SET {column} = {column} - make_interval(secs => %(seconds)s)
                 WHERE engagement_id = (SELECT id FROM ad_schema.ad_engagements WHERE public_id = %(view)s)
                """.encode(),
                shift,
            )


def one(admin: Admin, query: str, *values: Any) -> Any:
    row = admin.execute(query.encode(), values).fetchone()
    assert row is not None
    return row[0] if len(row) == 1 else row


def reviews_of(admin: Admin, view: str) -> list[tuple[str, int, dict[str, int], UUID | None]]:
    """Status, score, findings and who decided: one at most."""
    return admin.execute(
        """
        SELECT r.status, r.fraud_score, r.findings, r.decided_by FROM ad_schema.ad_view_reviews AS r
          JOIN ad_schema.ad_engagements AS e ON e.id = r.engagement_id WHERE e.public_id = %s
        """,
        (view,),
    ).fetchall()


def told(admin: Admin, kind: str) -> list[dict[str, Any]]:
    """What events of a kind carry, in their order."""
    rows = admin.execute("SELECT payload FROM ad_schema.outbox_events WHERE event_type = %s ORDER BY id", (kind,))
    return [payload for (payload,) in rows.fetchall()]


def run_job(settings: Settings, job: Job) -> str:
    async def run() -> str:
        async with open_database(settings, "ads") as db:
            return await job.run(db, {})

    return asyncio.run(run())


def hear(settings: Settings, kind: str, subject: str, data: dict[str, Any], *, service: str = "ads") -> None:
    """As the consumers of a service hear an event, twice."""
    consumers: tuple[Consumer, ...] = CONSUMERS if service == "ads" else REDEMPTION_CONSUMERS
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
        async with open_database(settings, service) as db:
            for consumer in [one for one in consumers if kind in one.types] * 2:
                async with db.transaction() as conn:
                    await consumer.handle(conn, event)

    asyncio.run(take())
