"""What the service tells of one person, and what it forgets when the account is erased."""

import asyncio
from collections.abc import Callable, Generator
from uuid import UUID

import msgspec
import psycopg
import pytest
from psycopg import errors

from gasolinera.config import Settings
from gasolinera.database import open_database
from gasolinera.personal_data import PersonalData
from gasolinera.redemption.personal import export_person
from tests.redemption.holders import ANA, BEA, Admin, People, good, hear, issue, met
from tests.schema.redemption_steps import begin, completed, move

SECRETS = ("ana-phone-4711", "203.0.113.9", "Ana's browser", "ana's car wash", "ana complained", "home of ana",
           "ana found out")  # fmt: skip
RAFFLE = "FREE-2027"


@pytest.fixture
def people(settings: Settings) -> Generator[People]:
    with met(settings) as found:
        yield found


def exported(settings: Settings, user: UUID) -> dict[str, list[dict[str, object]]]:
    async def ask() -> PersonalData:
        async with open_database(settings, "redemption") as db, db.connection() as conn:
            return await export_person(conn, user)

    found = msgspec.json.decode(msgspec.json.encode(asyncio.run(ask())))
    return {one["name"]: one["rows"] for one in found["holdings"]}


def dump(admin: Admin) -> str:
    tables = admin.execute(
        "SELECT c.oid::regclass::text FROM pg_class AS c WHERE c.relnamespace = 'redemption_schema'::regnamespace"
        " AND c.relkind = 'r'"
    ).fetchall()
    return "\n".join(
        row for (table,) in tables for (row,) in admin.execute(f"SELECT t::text FROM {table} AS t".encode()).fetchall()
    )


@pytest.fixture
def lived(people: People, admin: Admin, as_role: Callable[[str], Admin]) -> str:
    """Ana redeemed, has tickets that wait and one in a raffle, and points; Bea too. Ana's transaction reference."""
    people.open_raffle(RAFFLE)
    app = as_role("redemption_app")
    references: list[str] = []
    for holder, address, phone in ((BEA, "198.51.100.7", "bea-phone"), (ANA, "203.0.113.9", "ana-phone-4711")):
        agent = "Ana's browser" if holder == ANA else "Bea's"
        for name, value in (("ip_address", address), ("user_agent", agent), ("actor", str(holder))):
            app.execute("SELECT set_config(%s, %s, false)", (f"gasolinera.{name}", value))
        reference = completed(app, holder=holder, tickets=2)
        references.append(reference)
        admin.execute(
            "UPDATE redemption_schema.redemptions SET device_id = %s WHERE transaction_reference = %s",
            (phone, reference),
        )
        app.execute(
            "INSERT INTO redemption_schema.points_ledger (user_id, entry_type, points, source_reference, description)"
            " VALUES (%s, 'EARNED', 10, 'p', %s), (%s, 'ADJUSTED', 5, 'q', %s)",
            (holder, "ana's car wash" if holder == ANA else "bea's", holder, "ana complained"
             if holder == ANA else "bea complained"),
        )  # fmt: skip
        app.execute(
            "INSERT INTO redemption_schema.fraud_detection_log (user_id, transaction_reference, device_id, risk_score,"
            " action_taken, details) VALUES (%s, %s, %s, 3, 'ALLOWED', %s)",
            (holder, reference, phone, '{"place": "home of ana"}' if holder == ANA else '{"place": "of bea"}'),
        )
    app.execute(
        "UPDATE redemption_schema.redemptions SET status = 'CANCELLED', cancellation_reason = 'ana found out'"
        " WHERE transaction_reference = %s",
        (begin(app, holder=ANA),),
    )
    good(people.post("/tickets/free-entries", {"raffle_code": RAFFLE}), 201)
    issue(admin, 1, holder=BEA)
    return references[-1]


def test_an_export_holds_every_kind_and_nothing_of_others(settings: Settings, lived: str) -> None:
    found = exported(settings, ANA)
    assert {name: len(rows) for name, rows in found.items()} == {
        "account_state": 0, "redemptions": 2, "served": 0, "tickets": 3, "ad_bonuses": 0, "free_entries": 1,
        "points": 2, "assessments": 1, "offline_redemptions": 0, "employments": 0,
    }  # fmt: skip
    assert found["redemptions"][1]["transaction_reference"] == lived
    text = str(found)
    assert [secret for secret in SECRETS if secret not in text] == ["home of ana"], "what the rules saw is theirs"
    assert "bea" not in text.lower()
    assert all(not rows for rows in exported(settings, UUID(int=7)).values())


def test_an_erased_account_leaves_references_amounts_and_nothing_that_tells_who_it_was(
    settings: Settings, admin: Admin, lived: str
) -> None:
    before = dump(admin)
    assert [secret for secret in SECRETS if secret not in before] == []
    hear(settings, "user.erased", str(ANA), {"public_id": str(ANA), "role": "CUSTOMER", "active": False})
    rows = dump(admin)
    assert [secret for secret in SECRETS if secret in rows] == []
    assert [text for text in ("198.51.100.7", "bea-phone", "bea complained", "of bea") if text not in rows] == []
    found = exported(settings, ANA)
    assert found["account_state"][0]["is_erased"] is True
    assert (found["redemptions"][1]["transaction_reference"], found["redemptions"][1]["final_amount"]) == (
        lived,
        "500.00",
    )
    assert sorted(str(one["status"]) for one in found["tickets"]) == ["CANCELLED", "CANCELLED", "ENTERED"]
    assert [one["balance_after"] for one in found["points"]] == [15, 10]
    assert sorted(str(one["status"]) for one in exported(settings, BEA)["tickets"]) == ["ACTIVE"] * 3


def test_an_erased_account_earns_no_points_any_more(settings: Settings, admin: Admin, lived: str) -> None:
    hear(settings, "user.erased", str(ANA), {"public_id": str(ANA), "role": "CUSTOMER", "active": False})
    hear(settings, "redemption.completed", lived, {"reference": lived})
    assert len(exported(settings, ANA)["points"]) == 2


def test_from_where_an_employee_served_is_the_employees_own_and_goes_with_the_account(
    settings: Settings, admin: Admin, as_role: Callable[[str], Admin]
) -> None:
    app = as_role("redemption_app")
    app.execute(
        "INSERT INTO redemption_schema.employments (employee_number, user_id, station_code, may_process_transactions,"
        " is_active, as_of) VALUES ('EMP000022', %s, 'JSM001', true, true, now())"
        " ON CONFLICT (employee_number) DO UPDATE SET user_id = excluded.user_id",
        (ANA,),
    )
    for actor, address in ((ANA, "203.0.113.9"), (BEA, "198.51.100.7")):
        for name, value in (("ip_address", address), ("actor", str(actor))):
            app.execute("SELECT set_config(%s, %s, false)", (f"gasolinera.{name}", value))
        with app.transaction():
            reference = begin(app, holder=BEA)
            app.execute("SELECT redemption_schema.assess_begun('{}', '{}', %s)", (reference,))
        move(app, reference, "COMPLETED")
    # She cancels at the end what another one had served.
    app.execute("SELECT set_config('gasolinera.ip_address', '203.0.113.9', false)")
    app.execute("SELECT set_config('gasolinera.actor', %s, false)", (str(ANA),))
    move(app, reference, "CANCELLED")
    assert [one["ip_address"] for one in exported(settings, ANA)["served"]] == ["203.0.113.9"]
    shown = [(one["ip_address"]) for one in exported(settings, BEA)["redemptions"]]
    assert shown == ["198.51.100.7", None], "an employee's address is not the driver's"
    hear(settings, "user.erased", str(ANA), {"public_id": str(ANA), "role": "EMPLOYEE", "active": False})
    rows = dump(admin)
    assert ("203.0.113.9" in rows, "198.51.100.7" in rows) == (False, True)


def test_notes_of_a_review_go_with_the_account_and_so_does_what_comes_later(
    settings: Settings, admin: Admin, as_role: Callable[[str], Admin]
) -> None:
    app = as_role("redemption_app")
    for name in ("ana was drunk", "ana came back"):
        app.execute(
            "INSERT INTO redemption_schema.fraud_detection_log (user_id, device_id, risk_score, action_taken,"
            " fraud_type) VALUES (%s, %s, 50, 'FLAGGED', 'DEVICE_FRAUD')",
            (ANA, f"phone of {name}"),
        )
        app.execute(
            "UPDATE redemption_schema.fraud_reviews SET notes = %s, status = 'CONFIRMED', reviewed_by = %s,"
            " reviewed_at = now() WHERE user_id = %s AND notes IS NULL AND status = 'OPEN'",
            (name, BEA, ANA),
        )
        assert dump(admin).count(name) == 4, "the review twice, its audit, and the log's device"
        hear(settings, "user.erased", str(ANA), {"public_id": str(ANA), "role": "CUSTOMER", "active": False})
        assert name not in dump(admin)


@pytest.mark.usefixtures("lived")
def test_the_service_cannot_forget_somebody_whose_account_is_there(
    admin: Admin, as_role: Callable[[str], psycopg.Connection[object]]
) -> None:
    with pytest.raises(errors.RestrictViolation, match="is not erased"):
        as_role("redemption_app").execute("SELECT redemption_schema.forget_person(%s)", (ANA,))
    assert "ana-phone-4711" in dump(admin)


def test_what_an_erasure_changes_it_finds_by_an_index(admin: Admin) -> None:
    unindexed = admin.execute(
        """
        SELECT c.oid::regclass::text
          FROM pg_class AS c
          JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'user_id'
         WHERE c.relnamespace IN ('redemption_schema'::regnamespace, 'coupon_schema'::regnamespace)
           AND c.relkind IN ('r', 'p') AND NOT c.relispartition
           AND NOT EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = c.oid AND i.indkey[0] = a.attnum)
        """
    ).fetchall()
    assert [row[0] for row in unindexed] == []
