"""The application with the people of a station, and both services' databases for races without HTTP."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg
from litestar import Litestar
from litestar.testing import TestClient

from gasolinera.config import Settings
from gasolinera.coupon.consuming import DESK
from gasolinera.coupon_calls import Coupons, local_coupons
from gasolinera.database import Database, RequestContext, open_database
from gasolinera.keyring import Keyring, load_keyring
from gasolinera.permissions import Caller, Role
from gasolinera.security import issue_access_token

Conn = psycopg.Connection[Any]
Headers = dict[str, str]


def user(number: int) -> UUID:
    return UUID(f"a0000000-0000-4000-8000-{number:012}")


def employed(number: int, station: str, role: Role = Role.EMPLOYEE) -> Caller:
    return Caller(role=role, user_id=user(number), station_code=station, employee_number=f"EMP{number:06}")


# As the sample data has them.
ATTENDANT = employed(22, "JSM001")
OTHER_ATTENDANT = employed(24, "JSM002")
MANAGER = employed(11, "JSM001", Role.STATION_ADMIN)
ADMINISTRATOR = Caller(role=Role.SYSTEM_ADMIN, user_id=user(1), has_second_factor=True)
DRIVER = Caller(role=Role.CUSTOMER, user_id=user(51))
OTHER_DRIVER = Caller(role=Role.CUSTOMER, user_id=user(52))


class Desk:
    """The application, asked by anybody."""

    def __init__(self, app: Litestar, client: TestClient[Litestar]) -> None:
        self.client = client
        self.keyring: Keyring = app.state["keyring"]

    def headers(self, caller: Caller) -> Headers:
        token = issue_access_token(self.keyring, caller, now=datetime.now(UTC)).token
        return {"authorization": f"Bearer {token}"}

    def get(self, path: str, caller: Caller) -> Any:
        return self.client.get(f"/api/redemptions{path}", headers=self.headers(caller))

    def post(self, path: str, caller: Caller, body: dict[str, Any], key: str | None = None) -> Any:
        headers = self.headers(caller) | {"idempotency-key": key or str(uuid4())}
        return self.client.post(f"/api/redemptions{path}", json=body, headers=headers)


def problem(response: Any) -> tuple[int, str]:
    return response.status_code, response.json().get("code", "")


class Services:
    """Both databases, and the coupon service beside the redemption service."""

    def __init__(self, db: Database, coupon_db: Database, keyring: Keyring) -> None:
        self.db = db
        self.coupons: Coupons = local_coupons(coupon_db, keyring, DESK)
        self.context = RequestContext(actor=str(ATTENDANT.user_id), correlation_id="c-1")


@asynccontextmanager
async def open_services(settings: Settings) -> AsyncGenerator[Services]:
    async with open_database(settings, "redemption") as db, open_database(settings, "coupon") as coupon_db:
        yield Services(db, coupon_db, load_keyring(settings))


def totals_disagree(admin: Conn) -> list[str]:
    """What does not add up between the two schemas, each sum computed on its own; nothing is good."""
    checks = {
        "a completed redemption has a use that counts, and no other has": """
            SELECT count(*) FROM redemption_schema.redemptions AS r
              FULL JOIN (SELECT * FROM coupon_schema.coupon_usage_history WHERE restored_at IS NULL) AS h
                ON h.redemption_reference = r.transaction_reference
             WHERE r.coupon_code IS NOT NULL
               AND (r.status = 'COMPLETED') <> (h.id IS NOT NULL)
               AND r.status <> 'CANCELLED'""",
        "a use belongs to a redemption": """
            SELECT count(*) FROM coupon_schema.coupon_usage_history AS h
             WHERE NOT EXISTS (SELECT FROM redemption_schema.redemptions AS r
                                WHERE r.transaction_reference = h.redemption_reference)""",
        "amounts are the same in both schemas": """
            SELECT count(*) FROM redemption_schema.redemptions AS r
              JOIN coupon_schema.coupon_usage_history AS h ON h.redemption_reference = r.transaction_reference
             WHERE r.status = 'COMPLETED' AND (r.original_amount, r.discount_amount, r.final_amount, r.user_id)
                   IS DISTINCT FROM (h.original_amount, h.discount_amount, h.final_amount, h.user_id)""",
        "tickets are what completed redemptions earned": """
            SELECT count(*) FROM redemption_schema.redemptions AS r
             WHERE r.tickets_earned * (r.status = 'COMPLETED')::integer <> (
                   SELECT count(*) FROM redemption_schema.raffle_tickets AS t
                    WHERE t.redemption_id = r.id AND t.source = 'COUPON_REDEMPTION' AND t.status <> 'CANCELLED')""",
        "each fact is told once": """
            SELECT count(*) FROM (
                SELECT payload->>'reference' FROM redemption_schema.outbox_events
                 WHERE event_type IN ('redemption.completed', 'redemption.cancelled')
                 GROUP BY event_type, payload->>'reference' HAVING count(*) > 1) AS twice""",
        "what completed is told": """
            SELECT count(*) FROM redemption_schema.redemptions AS r
             WHERE r.completed_at IS NOT NULL AND r.idempotency_key NOT LIKE 'sample%'
               AND NOT EXISTS (SELECT FROM redemption_schema.outbox_events AS e
                                WHERE e.event_type = 'redemption.completed'
                                  AND e.payload->>'reference' = r.transaction_reference)""",
        "coupons count their uses": """
            SELECT count(*) FROM coupon_schema.coupons AS c
             WHERE c.usage_count <> (SELECT count(*) FROM coupon_schema.coupon_usage_history AS h
                                      WHERE h.coupon_id = c.id AND h.restored_at IS NULL)
                OR c.usage_count > c.max_usage""",
        "campaigns count their uses and money": """
            SELECT count(*) FROM coupon_schema.campaign_usage AS u
             CROSS JOIN LATERAL (
                   SELECT count(*) AS used, coalesce(sum(h.discount_amount), 0) AS spent
                     FROM coupon_schema.coupon_usage_history AS h
                     JOIN coupon_schema.coupons AS c ON c.id = h.coupon_id
                    WHERE c.campaign_id = u.campaign_id AND h.restored_at IS NULL) AS own
             WHERE u.used <> own.used OR u.spent <> own.spent""",
    }
    return [name for name, query in checks.items() if _count(admin, query) != 0]


def _count(admin: Conn, query: str) -> int:
    found = admin.execute(query.encode()).fetchone()
    assert found is not None
    return int(found[0])


def due_now(admin: Conn) -> None:
    """As if everything under way had been left long ago."""
    admin.execute("UPDATE redemption_schema.redemptions SET recover_at = now() - interval '1 second'")
