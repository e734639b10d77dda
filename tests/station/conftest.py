from collections.abc import Callable, Generator
from datetime import UTC, datetime
from time import monotonic, sleep
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from gasolinera.config import Settings
from gasolinera.keyring import Keyring
from gasolinera.permissions import Caller, Role
from gasolinera.security import issue_access_token
from gasolinera.service_tokens import issue_service_token
from tests.applications import create_app

Headers = dict[str, str]
UntilWaiting = Callable[[int], None]


def user(number: int) -> str:
    return f"a0000000-0000-4000-8000-{number:012}"


class Staff:
    """The application, and the headers of those who ask it."""

    def __init__(self, app: Litestar, client: TestClient[Litestar]) -> None:
        self.client = client
        self.keyring: Keyring = app.state["keyring"]
        self.system = self._headers(Caller(role=Role.SYSTEM_ADMIN, user_id=UUID(user(1)), has_second_factor=True))
        # Administrators of JSM001 and JSM005 in the sample data.
        self.manager = self.employed(11, "JSM001", Role.STATION_ADMIN)
        self.other_manager = self.employed(12, "JSM005", Role.STATION_ADMIN)
        self.attendant = self.employed(22, "JSM001")
        self.service = {
            "authorization": "Bearer "
            + issue_service_token(self.keyring, "redemption", "station", now=self.keyring.clock())
        }

    def employed(self, number: int, station: str, role: Role = Role.EMPLOYEE, employee: str | None = None) -> Headers:
        caller = Caller(
            role=role,
            user_id=UUID(user(number)),
            station_code=station,
            employee_number=employee or f"EMP{number:06}",
            has_second_factor=True,
        )
        return self._headers(caller)

    def _headers(self, caller: Caller) -> Headers:
        token = issue_access_token(self.keyring, caller, now=datetime.now(UTC)).token
        return {"authorization": f"Bearer {token}"}

    def get(self, path: str, who: Headers) -> Any:
        return self.client.get(f"/api/stations{path}", headers=who)

    def post(self, path: str, who: Headers, body: dict[str, Any] | None = None, **headers: str) -> Any:
        return self.client.post(f"/api/stations{path}", json=body, headers=who | headers)

    def patch(self, number: str, who: Headers, body: dict[str, Any], version: str | None = None) -> Any:
        """A change of what it is now, unless another version is named."""
        etag = version or self.get(f"/employees/{number}", self.system).headers["etag"]
        return self.client.patch(f"/api/stations/employees/{number}", json=body, headers=who | {"if-match": etag})

    def hire(self, number: int, who: Headers | None = None, station: str = "JSM001", **more: Any) -> Any:
        body = {"user_id": user(number), "position": "ATTENDANT"} | more
        key = {"idempotency-key": str(uuid4())}
        return self.client.post(f"/api/stations/{station}/employees", json=body, headers=(who or self.system) | key)


def problem(response: Any) -> tuple[int, str]:
    return response.status_code, response.json().get("code", "")


@pytest.fixture
def staff(settings: Settings) -> Generator[Staff]:
    app = create_app(settings)
    with TestClient(app, raise_server_exceptions=False) as opened:
        yield Staff(app, opened)


@pytest.fixture
def until_waiting(as_role: Callable[[str], psycopg.Connection[Any]]) -> UntilWaiting:
    """Returns when so many connections of the service wait for a lock."""
    watcher = as_role("postgres")

    def wait(wanted: int) -> None:
        deadline = monotonic() + 10
        while watcher.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            " AND application_name = 'gasolinera-station'"
        ).fetchone() != (wanted,):
            assert monotonic() < deadline, f"there are not {wanted} that wait"
            sleep(0.02)

    return wait
