"""Notifications: from events, each once; quiet hours and wishes; messages that leave, fail, and leave in the end."""

import asyncio
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from litestar.testing import TestClient

from gasolinera.app import ALL_PARTS, create_app
from gasolinera.auth import notifications
from gasolinera.auth.delivery import Channels, send_due
from gasolinera.auth.models import Message
from gasolinera.auth.notifications import KINDS, WORDING
from gasolinera.auth.senders import DeliveryError
from gasolinera.config import Settings
from gasolinera.database import Database, open_database
from gasolinera.events import Event
from gasolinera.keyring import load_keyring
from gasolinera.permissions import Caller, Role
from gasolinera.polling import RetryPolicy
from gasolinera.security import issue_access_token
from gasolinera.worker import beside_requests
from tests.auth.journeys import ANA, ANA_PHONE, EMPLOYEE, REGISTRATION, Client, Conn, code_sent_to, good, post, problem

AT_ONCE = RetryPolicy(attempts=3, first_s=0.0, longest_s=0.0)
PRIZE = {"user_id": ANA, "raffle_code": "VERANO", "ticket_number": "T-1"}


def event(type_: str, data: dict[str, Any]) -> Event:
    return Event(
        id=uuid4(),
        type=type_,
        source="urn:gasolinera:raffle",
        aggregate="raffle",
        subject="VERANO",
        time=datetime.now(UTC),
        data=data,
    )


async def tell(db: Database, *events: Event) -> None:
    for one in events:
        async with db.transaction() as conn:
            await notifications.notify(conn, one)


class Outside:
    """What left, by channel; `refusals`: so many tries fail first."""

    def __init__(self, refusals: int = 0) -> None:
        self.texts: list[tuple[str, str]] = []
        self.emails: list[tuple[str, str]] = []
        self.refusals = refusals

    def channels(self) -> Channels:
        async def sms(message: Message) -> None:
            await asyncio.sleep(0.01)
            if self.refusals:
                self.refusals -= 1
                raise DeliveryError("status 503")
            self.texts.append((message.phone_number, message.text))

        async def email(message: Any) -> None:
            await asyncio.sleep(0.01)
            self.emails.append((message.to, message.subject))

        return Channels(sms, email)


def states(admin: Conn) -> dict[str, tuple[str, int]]:
    rows = admin.execute("SELECT channel, status, attempts FROM auth_schema.notifications").fetchall()
    return {row[0]: (row[1], row[2]) for row in rows}


@pytest.fixture
def headers(settings: Settings) -> dict[str, str]:
    return headers_of(settings, ANA)


def headers_of(settings: Settings, user: str) -> dict[str, str]:
    caller = Caller(role=Role.CUSTOMER, user_id=UUID(user), session_id=uuid4())
    token = issue_access_token(load_keyring(settings), caller, now=datetime.now(UTC)).token
    return {"authorization": f"Bearer {token}"}


def run(settings: Settings, work: Callable[[Database], Any]) -> None:
    async def main() -> None:
        async with open_database(settings, "auth") as db:
            await work(db)

    asyncio.run(main())


def test_every_text_of_every_kind_exists_in_both_languages() -> None:
    arguments: dict[str, str | int] = {
        "active": "yes", "station_code": "JSM001", "employee_number": "EMP000001", "raffle_code": "V",
        "ticket_number": "T", "reference": "R", "count": 2, "prize_name": "P", "claim_deadline": "2026-12-31 06:00 UTC",
    }  # fmt: skip
    for kind in KINDS.values():
        parts = ["title", "body", *(["sms"] if "SMS" in kind.channels else [])]
        for part in parts:
            spanish, english = (WORDING.text(tongue, f"{kind.template}-{part}", arguments) for tongue in ("es", "en"))
            assert spanish != english
            assert "{" not in spanish + english
            if part == "sms":
                assert max(len(spanish), len(english)) <= 160


def test_an_event_is_told_once_by_each_channel_however_often_it_comes(settings: Settings, admin: Conn) -> None:
    outside = Outside()
    won = event("raffle.winner.selected", PRIZE)

    async def work(db: Database) -> None:
        await asyncio.gather(*(tell(db, won) for _ in range(5)))
        await asyncio.gather(*(send_due(db, outside.channels()) for _ in range(4)))
        assert await send_due(db, outside.channels()) == 0

    run(settings, work)
    assert [phone for phone, _ in outside.texts] == [ANA_PHONE]
    assert outside.emails == [("ana.garcia@example.com", "¡Ganaste en el sorteo VERANO!")]
    assert states(admin) == {"IN_APP": ("SENT", 0), "SMS": ("SENT", 1), "EMAIL": ("SENT", 1)}


def test_two_senders_at_once_share_many_messages_and_send_none_twice(settings: Settings) -> None:
    outside = Outside()

    async def work(db: Database) -> None:
        await tell(db, *(event("raffle.winner.selected", PRIZE | {"ticket_number": f"T-{n}"}) for n in range(60)))

        async def sender() -> None:
            while await send_due(db, outside.channels()):
                pass

        await asyncio.gather(sender(), sender(), sender())

    run(settings, work)
    assert len(outside.texts) == len(set(outside.texts)) == 60
    assert len(outside.emails) == 60


def test_what_fails_is_tried_again_and_given_up_in_the_end(settings: Settings, admin: Conn) -> None:
    outside = Outside(refusals=2)

    async def work(db: Database) -> None:
        await tell(db, event("raffle.winner.selected", PRIZE))
        while await send_due(db, outside.channels(), retries=AT_ONCE):
            pass
        assert states(admin)["SMS"] == ("SENT", 3)
        outside.refusals = 99
        admin.execute("DELETE FROM auth_schema.notifications")
        await tell(db, event("raffle.winner.selected", PRIZE))
        while await send_due(db, outside.channels(), retries=AT_ONCE):
            pass

    run(settings, work)
    assert len(outside.texts) == 1
    assert states(admin)["SMS"] == ("DEAD", 3)
    row = admin.execute("SELECT last_error FROM auth_schema.notifications WHERE channel = 'SMS'").fetchone()
    assert row == ("status 503",)


def test_what_a_dead_sender_had_is_sent_by_another_when_its_claim_ends(settings: Settings, admin: Conn) -> None:
    outside = Outside()

    async def work(db: Database) -> None:
        await tell(db, event("raffle.winner.selected", PRIZE))
        admin.execute(
            "UPDATE auth_schema.notifications SET attempts = 1, send_after = now() + interval '1 minute'"
            " WHERE status = 'PENDING'"
        )
        assert await send_due(db, outside.channels()) == 0
        admin.execute("UPDATE auth_schema.notifications SET send_after = now() - interval '1 s'")
        assert await send_due(db, outside.channels()) == 2

    run(settings, work)
    assert states(admin)["SMS"] == ("SENT", 2)


def test_quiet_hours_hold_messages_back_until_they_end_but_those_of_security(settings: Settings, admin: Conn) -> None:
    """Quiet is from an hour ago to an hour from now, on the clock of the person's zone."""
    admin.execute(
        "INSERT INTO auth_schema.notification_settings (user_id, time_zone, quiet_from, quiet_until)"
        " SELECT u, 'Asia/Tokyo', (now() AT TIME ZONE 'Asia/Tokyo' - interval '1 h')::time(0),"
        " (now() AT TIME ZONE 'Asia/Tokyo' + interval '1 h')::time(0) FROM unnest(ARRAY[%s, %s]::uuid[]) AS u",
        (ANA, EMPLOYEE),
    )
    outside = Outside()
    work_there = {"user_id": EMPLOYEE, "station_code": "JSM001", "employee_number": "EMP000001", "active": True}

    async def work(db: Database) -> None:
        await tell(db, event("raffle.winner.selected", PRIZE), event("employee.changed", work_there))
        assert await send_due(db, outside.channels()) == 3
        assert [text for _, text in outside.texts] == ["Gasolinera JSM: ya trabajas en la estación JSM001."]
        held = admin.execute(
            "SELECT attempts, send_after - now() BETWEEN interval '58 min' AND interval '61 min'"
            " FROM auth_schema.notifications WHERE status = 'PENDING'"
        ).fetchall()
        assert held == [(0, True), (0, True)]
        assert await send_due(db, outside.channels()) == 0
        admin.execute("UPDATE auth_schema.notifications SET send_after = now() WHERE status = 'PENDING'")
        admin.execute("DELETE FROM auth_schema.notification_settings")
        assert await send_due(db, outside.channels()) == 2

    run(settings, work)
    assert len(outside.texts) == 2


@pytest.mark.parametrize(
    ("at", "begins", "ends", "until"),
    [
        ("2026-11-20 04:00Z", "22:00", "07:00", "2026-11-20 13:00Z"),  # 22:00 in Mexico City: quiet until 07:00
        ("2026-11-20 12:59Z", "22:00", "07:00", "2026-11-20 13:00Z"),
        ("2026-11-20 13:00Z", "22:00", "07:00", None),
        ("2026-11-20 03:59Z", "22:00", "07:00", None),
        ("2026-11-20 20:00Z", "13:00", "15:00", "2026-11-20 21:00Z"),
        ("2026-11-20 21:00Z", "13:00", "15:00", None),
    ],
)
def test_quiet_hours_begin_and_end_by_the_clock_of_the_zone(
    admin: Conn, at: str, begins: str, ends: str, until: str | None
) -> None:
    row = admin.execute(
        "SELECT auth_schema.quiet_until(%s, 'America/Mexico_City', %s, %s) IS NOT DISTINCT FROM %s::timestamptz",
        (at, begins, ends, until),
    ).fetchone()
    assert row == (True,)


def test_what_somebody_does_not_want_is_not_made_and_not_sent(
    client: Client, settings: Settings, admin: Conn, headers: dict[str, str]
) -> None:
    outside = Outside()
    path = "/api/auth/notifications/preferences"
    before = good(client.get(path, headers=headers))
    assert len(before["choices"]) == 15
    assert all(choice["is_wanted"] for choice in before["choices"])

    async def pending(db: Database) -> None:
        await tell(db, event("raffle.winner.selected", PRIZE))

    run(settings, pending)
    choices = [{"category": "PRIZES", "channel": channel, "is_wanted": False} for channel in ("SMS", "EMAIL")]
    quiet = {"time_zone": "America/Mexico_City", "begins": "22:00", "ends": "07:00"}
    changed = good(client.put(path, json={"choices": choices, "quiet_hours": quiet}, headers=headers))
    assert changed["quiet_hours"] == quiet
    assert [choice for choice in changed["choices"] if not choice["is_wanted"]] == choices

    async def work(db: Database) -> None:
        assert await send_due(db, outside.channels()) == 2
        await tell(db, event("raffle.winner.selected", PRIZE))
        assert await send_due(db, outside.channels()) == 0

    run(settings, work)
    assert (outside.texts, outside.emails) == ([], [])
    assert good(client.put(path, json={"choices": [], "quiet_hours": None}, headers=headers))["quiet_hours"] is None


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"choices": [{"category": "SECURITY", "channel": "SMS", "is_wanted": False}], "quiet_hours": None},
         "notification.always_told"),
        ({"choices": [], "quiet_hours": {"time_zone": "Mars/Olympus", "begins": "22:00", "ends": "07:00"}},
         "notification.time_zone"),
        ({"choices": [], "quiet_hours": {"time_zone": "UTC", "begins": "22:00", "ends": "22:00"}},
         "notification.quiet_hours"),
        ({"choices": [], "quiet_hours": {"time_zone": "UTC", "begins": "24:00", "ends": "22:00"}}, "request.invalid"),
        ({"choices": [{"category": "PRIZES", "channel": "SMS", "is_wanted": b}  for b in (True, False)],
          "quiet_hours": None}, "notification.ambiguous"),
    ],
)  # fmt: skip
def test_wishes_that_make_no_sense_are_refused(
    client: Client, headers: dict[str, str], wish: dict[str, Any], code: str
) -> None:
    refused = client.put("/api/auth/notifications/preferences", json=wish, headers=headers)
    assert problem(refused) == (422, code)


def test_people_read_their_own_notifications_in_their_language_page_by_page(
    client: Client, settings: Settings, admin: Conn, headers: dict[str, str]
) -> None:
    async def work(db: Database) -> None:
        for count in (1, 2, 3):
            await tell(db, event("tickets.issued", {"user_id": ANA, "count": count}))

    run(settings, work)
    path = "/api/auth/notifications"
    first = good(client.get(f"{path}?limit=2", headers=headers))
    assert [one["title"] for one in first["items"]] == ["Tienes 3 boletos nuevos", "Tienes 2 boletos nuevos"]
    second = good(client.get(f"{path}?limit=2&cursor={first['next_cursor']}", headers=headers))
    assert ([one["title"] for one in second["items"]], second["next_cursor"]) == (["Tienes un boleto nuevo"], None)
    admin.execute("UPDATE auth_schema.users SET preferred_language = 'en' WHERE public_id = %s", (ANA,))
    assert good(client.get(path, headers=headers))["items"][2]["title"] == "You have a new ticket"

    newest = first["items"][0]["notification_id"]
    other = headers_of(settings, EMPLOYEE)
    assert problem(client.post(f"{path}/{newest}/read", headers=other)) == (404, "notification.unknown")
    assert good(client.get(path, headers=other))["items"] == []
    for _ in range(2):
        good(client.post(f"{path}/{newest}/read", headers=headers), 204)
    assert len(good(client.get(f"{path}?unread=true", headers=headers))["items"]) == 2
    assert good(client.post(f"{path}/read", headers=headers)) == {"marked": 2}
    assert good(client.get(f"{path}?unread=true", headers=headers))["items"] == []


def test_nothing_is_kept_about_an_erased_person(settings: Settings, admin: Conn) -> None:
    async def work(db: Database) -> None:
        await tell(db, event("raffle.winner.selected", PRIZE))
        async with db.transaction() as conn:
            await notifications.forget_person(conn, event("user.erased", {"public_id": ANA}))

    run(settings, work)
    assert states(admin) == {}


def test_a_welcome_reaches_the_inbox_of_development_through_events(settings: Settings, admin: Conn) -> None:
    """Published by the registration itself, carried and sent by the loops of a worker beside the application."""
    app = create_app(settings, also=[beside_requests(settings, ALL_PARTS)])
    with TestClient(app) as client:
        session = good(post(client, "/register", REGISTRATION | {"email": "elena@example.com"}), 202)["session_token"]
        body = {"session_token": session, "code": code_sent_to(admin, REGISTRATION["phone_number"])}
        good(post(client, "/login/verify", body))
        row: tuple[str, str] | None = None
        for _ in range(100):
            row = admin.execute("SELECT subject, message_text FROM auth_schema.development_emails").fetchone()
            if row is not None:
                break
            time.sleep(0.1)
    assert row is not None
    assert row[0] == "Te damos la bienvenida a Gasolinera JSM"
    assert re.match(r"Hola, Elena:", row[1])
