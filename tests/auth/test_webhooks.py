"""Webhooks, against a real HTTP server that fails, hangs and recovers; signatures are verified by code of the tests."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from gasolinera.auth import webhooks
from gasolinera.auth.webhooks_delivery import PAUSES_S, Courier, send_due
from gasolinera.config import Environment, Settings
from gasolinera.database import Database, open_database
from gasolinera.errors import InputError
from gasolinera.events import Event
from gasolinera.keyring import load_keyring
from gasolinera.permissions import Caller, Role
from gasolinera.security import issue_access_token
from tests.auth.journeys import ANA, Client, Conn, good, problem

ADMINISTRATOR = UUID("a0000000-0000-4000-8000-000000000001")
NOW = (0.0,) * len(PAUSES_S)
Ask = Callable[..., Any]


def headers_of(settings: Settings, *, second_factor: bool = True, role: Role = Role.SYSTEM_ADMIN) -> dict[str, str]:
    caller = Caller(role=role, user_id=ADMINISTRATOR, session_id=uuid4(), has_second_factor=second_factor)
    token = issue_access_token(load_keyring(settings), caller, now=datetime.now(UTC)).token
    return {"authorization": f"Bearer {token}"}


@pytest.fixture
def ask(client: Client, settings: Settings) -> Ask:
    headers = headers_of(settings)
    made = client.post(
        "/api/auth/partners", json={"partner_code": "POS-NORTE", "name": "Cobros del Norte"}, headers=headers
    )
    assert made.status_code == 201, made.text

    def asked(method: str, path: str = "", body: Any = None) -> Any:
        return client.request(method, f"/api/auth/partners/POS-NORTE/webhooks{path}", json=body, headers=headers)

    return asked


class Receiver:
    """A partner's server on a free port; `answers` says what it does about each request, the last again and again:
    a status, or seconds of silence.
    """

    def __init__(self, *answers: int | float, text: str = "") -> None:
        self.answers = answers
        self.text = text
        self.seen: list[tuple[dict[str, str], bytes]] = []

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in head[1:] if line)}
            body = await reader.readexactly(int(headers["content-length"]))
            answer = self.answers[min(len(self.seen), len(self.answers) - 1)]
            self.seen.append((headers, body))
            if isinstance(answer, float):
                await asyncio.sleep(answer)
                return
            text = self.text.encode()
            location = "location: http://127.0.0.1:1/\r\n" if answer == 302 else ""
            writer.write(
                f"HTTP/1.1 {answer} X\r\ncontent-length: {len(text)}\r\n{location}connection: close\r\n\r\n".encode()
                + text
            )
            await writer.drain()
        finally:
            writer.close()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[str]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hooks?x=1"
        finally:
            server.close()


def verified(secret: str, seen: tuple[dict[str, str], bytes]) -> bool:
    """As a partner does it, by the specification of Standard Webhooks alone."""
    headers, body = seen
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    given = [one.split(",", 1) for one in headers["webhook-signature"].split(" ")]
    fresh = abs(datetime.now(UTC).timestamp() - int(headers["webhook-timestamp"])) < 60
    return fresh and any(version == "v1" and signature == expected for version, signature in given)


def redeemed(station: str = "JSM001") -> Event:
    return Event(
        id=uuid4(),
        type="redemption.completed",
        source="urn:gasolinera:redemption",
        aggregate="redemption",
        subject="R-1",
        time=datetime.now(UTC),
        data={"reference": "R-1", "station_code": station, "user_id": ANA, "amount": "350.00"},
        correlation_id="c-1",
    )


async def tell(db: Database, *events: Event) -> None:
    for event in events:
        async with db.transaction() as conn:
            await webhooks.tell_partners(conn, event)


def run(settings: Settings, work: Callable[[Database, Courier], Awaitable[None]]) -> None:
    async def main() -> None:
        courier = Courier(keyring=load_keyring(settings), is_strict=False, try_s=0.4, pauses_s=NOW)
        async with open_database(settings, "auth") as db:
            await work(db, courier)

    asyncio.run(main())


def create(ask: Ask, url: str, **more: Any) -> tuple[str, str]:
    """The endpoint's id and its secret."""
    made = good(ask("POST", "", {"url": url, "event_types": ["redemption.completed"], **more}), 201)
    return made["endpoint"]["endpoint_id"], made["secret"]


def deliveries(admin: Conn) -> list[tuple[str, int]]:
    rows = admin.execute("SELECT status, attempts FROM auth_schema.webhook_deliveries ORDER BY id").fetchall()
    return [(row[0], row[1]) for row in rows]


def test_only_an_administrator_with_a_second_factor_manages_webhooks(client: Client, settings: Settings) -> None:
    path = "/api/auth/partners/POS-NORTE/webhooks"
    assert problem(client.get(path)) == (401, "auth.no_token")
    without = headers_of(settings, second_factor=False)
    assert problem(client.get(path, headers=without)) == (403, "auth.second_factor_needed")
    other = headers_of(settings, role=Role.STATION_ADMIN)
    assert problem(client.get(path, headers=other)) == (403, "auth.not_permitted")
    assert problem(client.get(path, headers=headers_of(settings))) == (404, "partner.unknown")


def test_an_event_is_delivered_once_signed_and_without_the_person(settings: Settings, ask: Ask, admin: Conn) -> None:
    receiver = Receiver(200, text="thanks")

    async def work(db: Database, courier: Courier) -> None:
        async with receiver.running() as url:
            endpoint, secret = create(ask, url)
            event = redeemed()
            await asyncio.gather(*(tell(db, event) for _ in range(4)))
            await asyncio.gather(*(send_due(db, courier) for _ in range(4)))
            assert await send_due(db, courier) == 0
            ((headers, body),) = receiver.seen
            assert verified(secret, receiver.seen[0])
            assert not verified("whsec_" + base64.b64encode(b"x" * 32).decode(), receiver.seen[0])
            assert headers["webhook-id"] == str(event.id)
            told = json.loads(body)
            assert (told["specversion"], told["type"], told["id"]) == ("1.0", "redemption.completed", str(event.id))
            assert told["data"] == {"reference": "R-1", "station_code": "JSM001", "amount": "350.00"}
            assert ANA not in body.decode()
            listed = good(ask("GET", f"/{endpoint}/deliveries"))["items"]
            log = good(ask("GET", f"/{endpoint}/deliveries/{listed[0]['delivery_id']}"))
            assert log["delivery"]["status"] == "DELIVERED"
            assert [(one["status_code"], one["response"]) for one in log["attempts"]] == [(200, "thanks")]
            assert log["body"] == body.decode()

    run(settings, work)
    stored = admin.execute("SELECT secret FROM auth_schema.webhook_endpoints").fetchone()
    assert stored is not None
    assert len(stored[0]) == 60


def test_a_receiver_that_fails_hangs_and_recovers_gets_it_in_the_end_with_the_same_id(
    settings: Settings, ask: Ask, admin: Conn
) -> None:
    receiver = Receiver(503, 302, 2.0, 200, text="x" * 5000)

    async def work(db: Database, courier: Courier) -> None:
        async with receiver.running() as url:
            _, secret = create(ask, url)
            await tell(db, redeemed())
            while await send_due(db, courier):
                pass
            assert deliveries(admin) == [("DELIVERED", 4)]
            assert len({headers["webhook-id"] for headers, _ in receiver.seen}) == 1
            assert all(verified(secret, seen) for seen in receiver.seen)

    run(settings, work)
    tries = admin.execute(
        "SELECT attempt, status_code, error, length(response) FROM auth_schema.webhook_attempts ORDER BY id"
    ).fetchall()
    assert tries == [(1, 503, None, 1000), (2, 302, None, 1000), (3, None, "TimeoutError", None), (4, 200, None, 1000)]
    row = admin.execute("SELECT failing_since, last_success_at IS NULL FROM auth_schema.webhook_endpoints").fetchone()
    assert row == (None, False)


def test_twelve_tries_in_about_a_day_and_then_it_is_given_up_and_can_be_sent_again(
    settings: Settings, ask: Ask, admin: Conn
) -> None:
    assert len(PAUSES_S) + 1 == 12
    assert 20 * 3600 < sum(PAUSES_S) < 26 * 3600
    receiver = Receiver(*[500] * 12, 204)

    async def work(db: Database, courier: Courier) -> None:
        async with receiver.running() as url:
            endpoint, _ = create(ask, url)
            await tell(db, redeemed())
            while await send_due(db, courier):
                pass
            assert deliveries(admin) == [("DEAD", 12)]
            (dead,) = good(ask("GET", f"/{endpoint}/deliveries?status=DEAD"))["items"]
            path = f"/{endpoint}/deliveries/{dead['delivery_id']}/redeliver"
            assert good(ask("POST", path), 202)["status"] == "PENDING"
            assert problem(ask("POST", path)) == (409, "webhook.under_way")
            await send_due(db, courier)
            assert deliveries(admin) == [("DELIVERED", 13)]
            unknown = f"/{endpoint}/deliveries/{uuid4()}/redeliver"
            assert problem(ask("POST", unknown)) == (404, "webhook.delivery_unknown")

    run(settings, work)


def test_the_pause_grows_with_each_failure(settings: Settings, ask: Ask, admin: Conn) -> None:
    async def work(db: Database, courier: Courier) -> None:
        create(ask, "http://127.0.0.1:1/")
        await tell(db, redeemed())
        slow = Courier(keyring=courier.keyring, is_strict=False)
        for pause_s in PAUSES_S[:3]:
            assert await send_due(db, slow) == 1
            row = admin.execute(
                "SELECT extract(epoch FROM next_attempt_at - now())::float8 FROM auth_schema.webhook_deliveries"
            ).fetchone()
            assert row is not None
            assert 0.85 * pause_s < row[0] < 1.11 * pause_s
            assert await send_due(db, slow) == 0
            admin.execute("UPDATE auth_schema.webhook_deliveries SET next_attempt_at = now()")

    run(settings, work)


def test_an_endpoint_that_fails_for_days_is_disabled_and_one_that_is_gone_at_once(
    settings: Settings, ask: Ask, admin: Conn
) -> None:
    async def work(db: Database, courier: Courier) -> None:
        async with Receiver(500).running() as failing, Receiver(410).running() as gone:
            first, _ = create(ask, failing)
            await tell(db, redeemed())
            await send_due(db, courier)
            admin.execute("UPDATE auth_schema.webhook_endpoints SET failing_since = now() - interval '121 h'")
            await send_due(db, courier)
            second, _ = create(ask, gone)
            await tell(db, redeemed())
            await send_due(db, courier)
            listed = {one["endpoint_id"]: one for one in good(ask("GET"))["items"]}
            assert (listed[first]["is_active"], listed[first]["disabled_reason"]) == (False, "FAILING")
            assert (listed[second]["is_active"], listed[second]["disabled_reason"]) == (False, "GONE")
            assert [status for status, _ in deliveries(admin)] == ["DEAD", "DEAD"]
            assert problem(ask("POST", f"/{first}/test")) == (404, "webhook.unknown")
            again = good(ask("PATCH", f"/{first}", {"is_active": True}))
            assert (again["is_active"], again["disabled_reason"], again["failing_since"]) == (True, None, None)

    run(settings, work)


def test_a_hanging_receiver_delays_nobody_else(settings: Settings, ask: Ask) -> None:
    hanging, healthy = Receiver(5.0), Receiver(200)

    async def work(db: Database, courier: Courier) -> None:
        async with hanging.running() as slow, healthy.running() as quick:
            create(ask, slow)
            create(ask, quick)
            await tell(db, *(redeemed() for _ in range(30)))
            for _ in range(4):
                await send_due(db, courier)

    run(settings, work)
    assert len(healthy.seen) == 30
    assert len(hanging.seen) <= 13


def test_during_a_rotation_both_secrets_sign_and_afterwards_the_new_one_alone(
    settings: Settings, ask: Ask, admin: Conn
) -> None:
    receiver = Receiver(200)

    async def work(db: Database, courier: Courier) -> None:
        async with receiver.running() as url:
            endpoint, old = create(ask, url)
            new = good(ask("POST", f"/{endpoint}/secret", {"overlap_hours": 1}), 201)["secret"]
            await tell(db, redeemed())
            await send_due(db, courier)
            assert verified(old, receiver.seen[0])
            assert verified(new, receiver.seen[0])
            admin.execute("UPDATE auth_schema.webhook_endpoints SET previous_expires_at = now() - interval '1 s'")
            assert good(ask("POST", f"/{endpoint}/test"), 202)["event_type"] == "webhook.test"
            await send_due(db, courier)
            assert not verified(old, receiver.seen[1])
            assert verified(new, receiver.seen[1])

    run(settings, work)


def test_endpoints_get_the_types_and_the_station_that_they_ask_for(settings: Settings, ask: Ask) -> None:
    receiver = Receiver(200)

    async def work(db: Database, courier: Courier) -> None:
        async with receiver.running() as url:
            create(ask, url, station_code="JSM001")
            create(ask, url, event_types=["raffle.drawn"])
            await tell(db, redeemed("JSM001"), redeemed("JSM002"))
            while await send_due(db, courier):
                pass

    run(settings, work)
    assert [json.loads(body)["data"]["station_code"] for _, body in receiver.seen] == ["JSM001"]


def test_a_partner_has_ten_endpoints_at_most_whatever_is_asked_at_once(settings: Settings, ask: Ask) -> None:
    wish = webhooks.EndpointWish(
        url="http://a.example", description=None, event_types=("raffle.drawn",), station_code=None
    )

    async def work(db: Database, courier: Courier) -> None:
        async def one() -> bool:
            try:
                async with db.transaction() as conn:
                    await webhooks.create_endpoint(conn, courier.keyring, "POS-NORTE", wish)
            except webhooks.ConflictError:
                return False
            return True

        assert sum(await asyncio.gather(*(one() for _ in range(16)))) == 10

    run(settings, work)
    assert problem(ask("POST", "", {"url": "http://a.example", "event_types": ["raffle.drawn"]})) == (
        409,
        "webhook.too_many",
    )


@pytest.mark.parametrize(
    "url",
    ["ftp://a.example", "http://u:p@a.example", "http://a.example/#x", "http://a b", "http://", "http://a.example:0",
     "http://a.example:x", "http://ñ.example", "http://a.example\n"],
)  # fmt: skip
def test_addresses_that_are_none_are_refused(ask: Ask, url: str) -> None:
    assert ask("POST", "", {"url": url, "event_types": ["raffle.drawn"]}).status_code == 422


@pytest.mark.parametrize("types", [[], ["user.registered"], ["employee.changed"], ["*"]])
def test_partners_are_told_nothing_about_people(ask: Ask, types: list[str]) -> None:
    refused = ask("POST", "", {"url": "http://a.example", "event_types": types})
    assert problem(refused) == (422, "request.invalid")


def test_production_takes_https_alone() -> None:
    webhooks.check_url("https://a.example/hooks", Environment.PRODUCTION)
    with pytest.raises(InputError):
        webhooks.check_url("http://a.example/hooks", Environment.PRODUCTION)


def test_production_connects_to_nobody_beside_us(settings: Settings, ask: Ask, admin: Conn) -> None:
    receiver = Receiver(200)

    async def work(db: Database, courier: Courier) -> None:
        async with receiver.running() as url:
            create(ask, url.replace("http://", "https://"))
            await tell(db, redeemed())
            await send_due(db, Courier(keyring=courier.keyring, is_strict=True))

    run(settings, work)
    assert receiver.seen == []
    row = admin.execute("SELECT error FROM auth_schema.webhook_attempts").fetchone()
    assert row == ("address not public",)
