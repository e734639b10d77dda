"""What tests do as administrators: tokens that say so, an authenticator app, and time for the next code."""

import time
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg
from pyotp import parse_uri
from pyotp.totp import TOTP

from gasolinera.config import Settings
from gasolinera.keyring import load_keyring
from gasolinera.permissions import Caller, Role
from gasolinera.security import issue_access_token
from tests.auth.journeys import Client, good, post

ADMINISTRATOR = "a0000000-0000-4000-8000-000000000001"
ADMINISTRATOR_PHONE = "+525550000001"
CHIEF = "a0000000-0000-4000-8000-000000000011"


def headers(
    settings: Settings, user: str = ADMINISTRATOR, *, role: Role = Role.SYSTEM_ADMIN, second_factor: bool = True
) -> dict[str, str]:
    caller = Caller(role=role, user_id=UUID(user), session_id=uuid4(), has_second_factor=second_factor)
    return bearer(issue_access_token(load_keyring(settings), caller, now=datetime.now(UTC)).token)


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


class App:
    """An authenticator app. Its codes are RFC 6238's, computed from the address that the QR code holds."""

    def __init__(self, uri: str) -> None:
        found = parse_uri(uri)
        assert isinstance(found, TOTP)
        self._totp = found

    def code(self, steps_ahead: int = 0) -> str:
        return str(self._totp.at(int(time.time()) + 30 * steps_ahead))


def enrolled(client: Client, token: str) -> tuple[App, Any]:
    """The app, and what confirming answered. Uses up the step before the one that runs."""
    app = App(good(post(client, "/second-factor/enrol", {}, token), 201)["uri"])
    return app, good(post(client, "/second-factor/confirm", {"code": app.code(-1)}, token))


def set_by_hand(admin: psycopg.Connection[Any], statement: str) -> None:
    """Past the triggers."""
    admin.execute("SET session_replication_role = replica")
    admin.execute(statement.encode())
    admin.execute("SET session_replication_role = origin")
