"""Sixty-four tills that ask, repeat, race their own cancellations, and remember every word that they were told."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import httpx
import msgspec

from gasolinera.keyring import Keyring
from gasolinera.permissions import Caller, Role
from gasolinera.security import issue_access_token

_AMOUNTS: Final = ("100", "250.50", "333.30", "500")
_PATIENCE_S: Final = 5.0
# What a redemption in the middle of chaos may be answered, other than with success: code by code.
_ANSWERS: Final = frozenset({"coupon.not_redeemable", "redemption.over", "redemption.under_way", "redemption.unknown"})
_COME_AGAIN: Final = frozenset({429, 503})


class Told(msgspec.Struct):
    """What one till knows about one key: each word is a promise."""

    key: str
    till: int
    reference: str | None = None
    completed: tuple[Decimal, int] | None = None  # discount and tickets
    is_cancelled: bool = False
    asked_to_cancel: bool = False
    refused: str | None = None


class Tills:
    """All tills of a run. `told` is what they heard, `wrong` what nobody may hear."""

    def __init__(self, http: httpx.AsyncClient, urls: Sequence[str], keyring: Keyring, seed: int) -> None:
        self.told: list[Told] = []
        self.wrong: list[str] = []
        self.heard: Counter[str] = Counter()
        self.is_over = False
        self._http = http
        self._urls = urls
        self._keyring = keyring
        self._seed = seed

    async def work(self, till: int, coupons: Sequence[str]) -> None:
        """One till, until it `is_over`; then what it has begun is brought to its end."""
        chance = random.Random(self._seed * 1000 + till)  # noqa: S311  plays, guards nothing
        while not self.is_over:
            told = Told(f"a-key-of-{self._seed}-{till:03}-{len(self.told):05}", till)
            self.told.append(told)
            body = {
                "code": chance.choice(coupons),
                "fuel_type": "REGULAR",
                "amount": chance.choice(_AMOUNTS),
                "dispenser_code": "D03",
                "customer": str(customer(chance.randrange(12))),
            }
            journey = self._at_once if chance.random() < 0.5 else self._in_two_steps
            await journey(chance, told, body)

    async def redeem(self, till: int, key: str, body: dict[str, Any]) -> int:
        """One redemption, whoever comes between; the status in the end."""
        told = Told(key, till)
        self.told.append(told)
        return (await self._ask(random.Random(till), told, "", body)).status_code  # noqa: S311

    async def _at_once(self, chance: random.Random, told: Told, body: dict[str, Any]) -> None:
        times = chance.choice((1, 1, 2, 3))
        answers = await asyncio.gather(*(self._ask(chance, told, "", body) for _ in range(times)))
        if len({(answer.status_code, answer.content) for answer in answers}) > 1:
            self.wrong.append(f"{told.key} was told different things: {[answer.text for answer in answers]}")
        if told.completed is not None and chance.random() < 0.5:
            steps: list[Awaitable[object]] = [self._cancel(chance, told)]
            if chance.random() < 0.5:
                steps.append(self._ask(chance, told, "", body))
            await asyncio.gather(*steps)

    async def _in_two_steps(self, chance: random.Random, told: Told, body: dict[str, Any]) -> None:
        validated = await self._ask(chance, told, "/validate", body)
        if told.reference is None or validated.status_code != 201:
            return
        steps: list[Awaitable[object]] = [
            self._complete(chance, told, body["amount"]) for _ in range(chance.choice((1, 2)))
        ]
        if chance.random() < 0.4:
            steps.append(self._cancel(chance, told))
        if chance.random() < 0.2:
            steps.append(self._ask(chance, told, "/validate", body))
        await asyncio.gather(*steps)

    async def _complete(self, chance: random.Random, told: Told, amount: str) -> None:
        await self._ask(chance, told, f"/{told.reference}/complete", {"amount": amount})

    async def _cancel(self, chance: random.Random, told: Told) -> None:
        told.asked_to_cancel = True
        await self._ask(chance, told, f"/{told.reference}/cancel", {"reason": "The customer changed his mind."})

    async def _ask(self, chance: random.Random, told: Told, path: str, body: dict[str, Any]) -> httpx.Response:
        """The same request until somebody answers it, here or there."""
        headers = {"authorization": f"Bearer {self._token(told.till)}", "idempotency-key": told.key}
        while True:
            url = f"{chance.choice(self._urls)}/api/redemptions{path}"
            try:
                answer = await self._http.post(url, json=body, headers=headers, timeout=_PATIENCE_S)
            except httpx.TransportError:
                self.heard["nothing"] += 1
                await asyncio.sleep(chance.uniform(0.02, 0.3))
                continue
            self.heard[str(answer.status_code)] += 1
            if answer.status_code in _COME_AGAIN:
                await asyncio.sleep(chance.uniform(0.02, 0.3))
                continue
            if answer.status_code >= 500:
                self.wrong.append(f"{path or 'redeem'} of {told.key} was answered {answer.status_code}: {answer.text}")
                await asyncio.sleep(chance.uniform(0.02, 0.3))
                continue
            self._hear(told, path, answer)
            return answer

    def _hear(self, told: Told, path: str, answer: httpx.Response) -> None:
        said = answer.json()
        if answer.status_code >= 400:
            if said.get("code") not in _ANSWERS:
                self.wrong.append(f"{path or 'redeem'} of {told.key} was answered {answer.text}")
            if said.get("code") == "coupon.not_redeemable" and not path.endswith("/cancel"):
                told.refused = said["code"]
            return
        redemption = said.get("redemption", said)
        if told.reference not in (None, redemption["transaction_reference"]):
            self.wrong.append(f"{told.key} has two references: {told.reference} and {answer.text}")
        told.reference = redemption["transaction_reference"]
        told.is_cancelled |= redemption["status"] == "CANCELLED"
        if redemption["completed_at"] is not None:
            facts = Decimal(redemption["discount_amount"]), int(redemption["tickets_earned"])
            if told.completed not in (None, facts):
                self.wrong.append(f"{told.key} was worth {told.completed} first, then {facts}")
            told.completed = facts

    def _token(self, till: int) -> str:
        caller = Caller(
            role=Role.EMPLOYEE, user_id=cashier(till), station_code="JSM001", employee_number=f"EMP{700000 + till}"
        )
        return issue_access_token(self._keyring, caller, now=datetime.now(UTC)).token


def cashier(till: int) -> UUID:
    return UUID(f"a0000000-0000-4000-8000-{700000 + till:012}")


def customer(number: int) -> UUID:
    return UUID(f"a0000000-0000-4000-8000-{800000 + number:012}")
