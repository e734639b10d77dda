"""Terminals as tests meet them: enrolled, with a lease, and entries signed as their maker would from the reference."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import uuid4

import msgspec
from nacl.signing import SigningKey

from gasolinera.config import Settings
from gasolinera.coupon.revocations import publish_list
from gasolinera.database import open_database
from gasolinera.keyring import load_keyring, to_base64url
from tests.redemption.desk import ADMINISTRATOR, Desk
from tests.station.test_terminals import enrolment, signature

ENTRIES, LEASES = "/api/redemptions/offline/entries", "/api/redemptions/offline/leases"
LIMITS: dict[str, Any] = {
    "is_enabled": True,
    "currency": "MXN",
    "max_amount": "1000",
    "max_discount": "60",
    "max_count": 5,
    "max_total": "150",
    "max_hours": 12,
    "campaign_codes": None,
}


def set_limits(desk: Desk, station: str = "JSM001", **wish: Any) -> Any:
    headers = desk.headers(ADMINISTRATOR)
    return desk.client.put(f"/api/redemptions/offline/limits/{station}", json=LIMITS | wish, headers=headers)


def enrolment_code(desk: Desk, station: str = "JSM001") -> str:
    headers = desk.headers(ADMINISTRATOR)
    made = desk.client.post(f"/api/stations/{station}/terminals/codes", json={"name": "Caja 9"}, headers=headers)
    return made.json()["code"]


def publish(settings: Settings) -> None:
    """The revocation list, as the worker would."""

    async def made() -> None:
        keyring = load_keyring(settings)
        async with open_database(settings, "coupon") as db, db.transaction() as conn:
            await publish_list(conn, keyring, now=datetime.now(UTC))

    asyncio.run(made())


class Till:
    """A device of another maker: the wire and the lines alone."""

    def __init__(self, desk: Desk, station: str = "JSM001") -> None:
        self.desk = desk
        self.key = SigningKey.generate()
        sent = enrolment(enrolment_code(desk, station), self.key)
        self.code = desk.client.post("/api/stations/terminals", json=sent).json()["terminal_code"]
        self.sequence, self.head = 0, "00" * 32
        self.lease = str(uuid4())

    def ask(self, target: str, body: object) -> Any:
        content = msgspec.json.encode(body)
        headers = {"terminal-signature": signature(self.code, self.key, target=target, body=content)}
        return self.desk.client.post(target, content=content, headers=headers | {"content-type": "application/json"})

    def open_lease(self) -> Any:
        answer = self.ask(LEASES, {"head_sequence": self.sequence, "head_sha256": self.head})
        if answer.status_code == 201:
            self.lease = answer.json()["lease_id"]
        return answer

    def took(
        self,
        text: str,
        *,
        amount: str = "500.00",
        discount: str = "50.00",
        at: datetime | None = None,
        customer: str = "a0000000-0000-4000-8000-000000000051",
        employee: str = "EMP000022",
        litres: str = "-",
        price: str = "-",
    ) -> dict[str, str]:
        """The next entry of the chain."""
        moment = datetime.now(UTC) if at is None else at
        lines = [
            "gasolinera-offline-entry-v1", self.code, str(self.sequence + 1), self.head, self.lease,
            str(int(moment.timestamp() * 1000)), employee, text, customer, "REGULAR", amount, discount, "MXN",
            litres, price, "D03",
        ]  # fmt: skip
        entry = "\n".join(lines)
        signed = self.key.sign(entry.encode()).signature
        self.sequence, self.head = self.sequence + 1, sha256(entry.encode() + signed).hexdigest()
        return {"entry": entry, "signature": to_base64url(signed)}

    def sync(self, entries: Sequence[dict[str, str]]) -> Any:
        return self.ask(ENTRIES, {"entries": list(entries)})

    def states(self, entries: Sequence[dict[str, str]]) -> list[tuple[str, str | None]]:
        answer = self.sync(entries)
        assert answer.status_code == 200, answer.text
        return [(one["status"], one["reason"]) for one in answer.json()["entries"]]
