"""`employee.changed` from the station service: the role follows, and who leaves loses access."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest

from gasolinera.auth.events import CONSUMERS
from gasolinera.config import Settings
from gasolinera.database import open_database
from gasolinera.events import Event
from gasolinera.keyring import Keyring
from tests.auth.journeys import ANA, EMPLOYEE, Client, Conn, good, log_in, post, problem

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
Tell = Callable[..., None]


@pytest.fixture
def tell(settings: Settings) -> Tell:
    """Has the service take in one event, in a transaction as its inbox does."""

    def told(user: str, *, minutes: int = 0, **change: Any) -> None:
        data: dict[str, Any] = {
            "employee_number": "EMP000501",
            "user_id": user,
            "station_code": "JSM003",
            "role": "EMPLOYEE",
            "permissions": ["may_process_transactions"],
            "active": True,
        }
        event = Event(
            id=uuid4(),
            type="employee.changed",
            source="urn:gasolinera:station",
            aggregate="employee",
            subject="EMP000501",
            time=datetime.now(UTC) + timedelta(minutes=minutes),
            data=data | change,
        )

        async def take() -> None:
            async with open_database(settings, "auth") as db, db.transaction() as conn:
                await CONSUMERS[0].handle(conn, event)

        asyncio.run(take())

    return told


def user_of(admin: Conn, user: str) -> tuple[str, bool]:
    row = admin.execute("SELECT role, is_active FROM auth_schema.users WHERE public_id = %s", (user,)).fetchone()
    assert row is not None
    return row[0], row[1]


def published(admin: Conn) -> list[dict[str, Any]]:
    return [
        row[0]
        for row in admin.execute(
            "SELECT payload FROM auth_schema.outbox_events WHERE event_type = 'user.changed' ORDER BY id"
        )
    ]


def test_a_customer_who_is_hired_is_an_employee_and_a_customer_again_when_it_ends(tell: Tell, admin: Conn) -> None:
    tell(ANA)
    assert user_of(admin, ANA) == ("EMPLOYEE", True)
    tell(ANA, minutes=1, active=False)
    assert user_of(admin, ANA) == ("CUSTOMER", True)
    assert published(admin) == [
        {"public_id": ANA, "role": "EMPLOYEE", "active": True},
        {"public_id": ANA, "role": "CUSTOMER", "active": True},
    ]


def test_who_is_terminated_loses_every_session(client: Client, tell: Tell, admin: Conn) -> None:
    tell(ANA)
    tokens = log_in(client, admin)
    tell(ANA, minutes=1, active=False)
    assert problem(post(client, "/refresh", {"refresh_token": tokens["refresh_token"]})) == (401, "token.revoked")
    body = {"phone_number": "+525512345678"}
    assert problem(post(client, "/phone-change", body, tokens["access_token"])) == (401, "auth.access_ended")
    reasons = admin.execute(
        "SELECT revoke_reason FROM auth_schema.refresh_tokens AS t JOIN auth_schema.users AS u ON u.id = t.user_id"
        " WHERE u.public_id = %s ORDER BY t.id DESC LIMIT 1",
        (ANA,),
    ).fetchone()
    assert reasons == ("TERMINATED",)


def test_who_never_accepted_the_terms_is_deactivated_when_the_employment_ends(tell: Tell, admin: Conn) -> None:
    tell(EMPLOYEE, minutes=1, employee_number="EMP000021", active=False)
    assert user_of(admin, EMPLOYEE) == ("CUSTOMER", False)
    assert published(admin) == [{"public_id": EMPLOYEE, "role": "CUSTOMER", "active": False}]


def test_two_employments_give_the_higher_role_until_it_ends(tell: Tell, admin: Conn) -> None:
    tell(ANA)
    tell(ANA, employee_number="EMP000502", role="STATION_ADMIN", station_code="JSM004")
    assert user_of(admin, ANA) == ("STATION_ADMIN", True)
    tell(ANA, minutes=1, employee_number="EMP000502", role="STATION_ADMIN", active=False)
    assert user_of(admin, ANA) == ("EMPLOYEE", True)


def test_an_older_word_that_comes_late_changes_nothing(tell: Tell, admin: Conn) -> None:
    tell(ANA, minutes=5, active=False)
    tell(ANA, minutes=1)
    assert user_of(admin, ANA) == ("CUSTOMER", True)
    assert published(admin) == []


def test_a_word_of_a_clock_that_stepped_back_is_the_newer_by_its_version(tell: Tell, admin: Conn) -> None:
    tell(ANA, minutes=5, version=7)
    tell(ANA, minutes=1, version=8, active=False)
    assert user_of(admin, ANA) == ("CUSTOMER", True)
    tell(ANA, minutes=9, version=7)
    assert user_of(admin, ANA) == ("CUSTOMER", True)


def test_the_same_event_again_changes_nothing_more(tell: Tell, admin: Conn) -> None:
    tell(ANA, minutes=1)
    tell(ANA, minutes=1)
    assert len(published(admin)) == 1


def test_a_system_administrator_stays_one(tell: Tell, admin: Conn) -> None:
    chief = "a0000000-0000-4000-8000-000000000001"
    tell(chief)
    tell(chief, minutes=1, active=False)
    assert user_of(admin, chief) == ("SYSTEM_ADMIN", True)


def test_a_move_to_another_station_ends_the_tokens_that_name_the_old_one(
    client: Client, tell: Tell, admin: Conn
) -> None:
    tokens = log_in(client, admin, "+525550000021")
    tell(EMPLOYEE, minutes=1, employee_number="EMP000021", station_code="JSM007")
    body = {"phone_number": "+525512345678"}
    assert problem(post(client, "/phone-change", body, tokens["access_token"])) == (401, "auth.access_ended")
    assert post(client, "/refresh", {"refresh_token": tokens["refresh_token"]}).status_code == 200


@pytest.mark.parametrize("refreshed", [False, True])
def test_a_process_whose_clock_is_ahead_issues_no_token_that_outlives_a_move(
    client: Client, tell: Tell, admin: Conn, refreshed: bool
) -> None:
    app = cast("Any", client.app)  # pyright: ignore[reportUnknownMemberType]  # the client forgets which it is
    keyring: Keyring = app.state["keyring"]
    keyring.clock = lambda: datetime.now(UTC) + timedelta(seconds=4)
    tokens = log_in(client, admin, "+525550000021")
    if refreshed:
        tokens = good(post(client, "/refresh", {"refresh_token": tokens["refresh_token"]}))
    tell(EMPLOYEE, minutes=1, employee_number="EMP000021", station_code="JSM007")
    body = {"phone_number": "+525512345678"}
    assert problem(post(client, "/phone-change", body, tokens["access_token"])) == (401, "auth.access_ended")


def test_an_event_about_nobody_and_one_that_makes_no_sense_are_refused(tell: Tell) -> None:
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        tell(str(UUID(int=7)))
    with pytest.raises(msgspec.ValidationError):
        tell(ANA, active="perhaps")


def test_two_events_about_one_user_at_once_leave_the_role_of_both(settings: Settings, admin: Conn) -> None:
    """Each alone would compute the role without the other's employment."""

    def event(number: str, role: str) -> Event:
        data = {"employee_number": number, "user_id": ANA, "station_code": "JSM003", "role": role, "active": True}
        return Event(
            id=uuid4(),
            type="employee.changed",
            source="urn:gasolinera:station",
            aggregate="employee",
            subject=number,
            time=NOW,
            data={**data, "permissions": []},
        )

    async def both() -> None:
        async with open_database(settings, "auth") as db:

            async def take(one: Event) -> None:
                async with db.transaction() as conn:
                    await CONSUMERS[0].handle(conn, one)

            await asyncio.gather(take(event("EMP000601", "STATION_ADMIN")), take(event("EMP000602", "EMPLOYEE")))

    asyncio.run(both())
    assert user_of(admin, ANA) == ("STATION_ADMIN", True)
