"""Those who run the advertising, and what they ask over HTTP; and campaigns as a test needs them, by SQL."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import psycopg
from litestar import Litestar
from litestar.testing import TestClient
from psycopg import sql

from gasolinera.permissions import Caller, Role
from gasolinera.security import issue_access_token

Admin = psycopg.Connection[Any]
AUTHOR = UUID("a0000000-0000-4000-8000-000000000001")
SECOND = UUID("a0000000-0000-4000-8000-000000000002")
THIRD = UUID("a0000000-0000-4000-8000-000000000003")
_numbers = count(1)


class Desk:
    def __init__(self, app: Litestar, client: TestClient[Litestar]) -> None:
        self.app, self.client = app, client

    def login(self, user: UUID = AUTHOR, role: Role = Role.SYSTEM_ADMIN, *, second: bool = True) -> dict[str, str]:
        caller = Caller(role=role, user_id=user, session_id=uuid4(), has_second_factor=second)
        token = issue_access_token(self.app.state["keyring"], caller, now=datetime.now(UTC)).token
        return {"authorization": f"Bearer {token}"}

    def ask(
        self,
        method: str,
        path: str,
        *,
        user: UUID = AUTHOR,
        headers: Mapping[str, str | None] | None = None,
        **how: Any,
    ) -> Any:
        given: dict[str, Any] = {**({"idempotency-key": str(uuid4())} if method == "POST" else {}), **(headers or {})}
        return self.client.request(method, f"/api/ads{path}", headers=self.login(user) | given, **how)

    def draft_campaign(self, **values: Any) -> Any:
        return self.ask("POST", "/campaigns", json=new_campaign(**values))

    def change_campaign(self, code: str, **values: Any) -> Any:
        etag = self.ask("GET", f"/campaigns/{code}").headers["etag"]
        return self.ask("PATCH", f"/campaigns/{code}", headers={"if-match": etag}, json=values)

    def go(self, code: str, status: str) -> tuple[int, str]:
        answer = self.ask("POST", f"/campaigns/{code}/status", json={"status": status})
        return answer.status_code, answer.json().get("code") or answer.json()["status"]

    def draft_ad(self, **values: Any) -> Any:
        return self.ask("POST", "/advertisements", json=new_text_ad(**values))

    def submit(self, ad: str) -> Any:
        return self.ask("POST", f"/advertisements/{ad}/submission")

    def review(self, ad: str, user: UUID, reason: str | None = None, etag: str | None = None) -> Any:
        etag = etag or self.ask("GET", f"/advertisements/{ad}").headers["etag"]
        document = {"is_approved": reason is None, "reason": reason}
        return self.ask("POST", f"/advertisements/{ad}/review", user=user, headers={"if-match": etag}, json=document)

    def show(self, ad: str, status: str = "ACTIVE") -> tuple[int, str]:
        answer = self.ask("POST", f"/advertisements/{ad}/status", json={"status": status})
        return answer.status_code, answer.json().get("code") or answer.json()["status"]

    def upload(self, content: bytes, kind: str, **how: Any) -> Any:
        return self.ask("POST", "/media", content=content, headers={"content-type": kind}, **how)


def new_campaign(**values: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "campaign_code": "ADC-TEST",
        "advertiser_code": "REFRESCO-LUNA",
        "name": "Luna de prueba",
        "starts_at": (now - timedelta(days=1)).isoformat(),
        "ends_at": (now + timedelta(days=30)).isoformat(),
        "total_budget": "1000.00",
        "daily_budget": "100.00",
        "cost_per_engagement": "1.50",
        **values,
    }


def new_text_ad(**values: Any) -> dict[str, Any]:
    return {
        "campaign_code": "ADC-TEST",
        "title": "Prueba",
        "ad_format": "TEXT",
        "body_text": "Una prueba.\nY otra.",
        "duration_s": 10,
        **values,
    }


def make_campaign(admin: Admin, **terms: Any) -> tuple[int, str]:
    """An ACTIVE campaign for everybody, its id and code, of an advertiser of its own; nothing is dealt."""
    now = datetime.now(UTC)
    number = next(_numbers)
    advertiser = terms.pop("advertiser_id", None) or insert(
        admin, "advertisers", {"advertiser_code": f"TEST-{number}", "name": f"Test {number}"}
    )
    row = {
        "campaign_code": f"TEST-{number}",
        "advertiser_id": advertiser,
        "name": f"Test {number}",
        "status": "ACTIVE",
        "starts_at": now - timedelta(days=1),
        "ends_at": now + timedelta(days=30),
        "time_zone": "UTC",
        "pacing": "ASAP",
        "total_budget": 1_000_000,
        "cost_per_engagement": 1,
        "currency": "MXN",
        "frequency_cap": 1000,
        "created_by": AUTHOR,
    } | terms
    return insert(admin, "ad_campaigns", row), str(row["campaign_code"])


def make_ad(admin: Admin, campaign_id: int, **terms: Any) -> int:
    """An approved, active text."""
    row = {
        "campaign_id": campaign_id,
        "title": f"Test {next(_numbers)}",
        "ad_format": "TEXT",
        "body_text": "Una prueba.",
        "duration_s": 10,
        "languages": ["es"],
        "status": "ACTIVE",
        "approval_status": "APPROVED",
        "reviewed_by": SECOND,
        "reviewed_at": datetime.now(UTC),
        "created_by": AUTHOR,
    } | terms
    return insert(admin, "advertisements", row)


def insert(admin: Admin, table: str, row: dict[str, Any]) -> int:
    statement = sql.SQL("INSERT INTO ad_schema.{} ({}) VALUES ({}) RETURNING id").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, row)),
        sql.SQL(", ").join(sql.Placeholder() * len(row)),
    )
    made = admin.execute(statement, list(row.values())).fetchone()
    assert made is not None
    return int(made[0])


def nothing_else_runs(admin: Admin) -> None:
    """Ends what the sample data has, so that a test's own campaigns are all there are."""
    admin.execute("UPDATE ad_schema.ad_campaigns SET status = 'CANCELLED' WHERE status IN ('ACTIVE', 'PAUSED')")
