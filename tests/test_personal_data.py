"""Gathering one person's data from services here and elsewhere: a real server on the other side, and none."""

import asyncio
from collections.abc import Mapping
from uuid import UUID

import msgspec
import pytest

from gasolinera.config import Settings
from gasolinera.database import Connection, open_database
from gasolinera.errors import UnavailableError
from gasolinera.personal_data import (
    ExportPerson,
    Holding,
    PersonalData,
    ServiceData,
    holding,
    open_elsewhere,
)
from tests.test_calls import Peer, listening, token_for

SOMEBODY = UUID("0198a5b2-7c11-7d3e-9a53-1f2e3d4c5b6a")
ANSWER = b'{"holdings": [{"name": "coupons", "is_complete": true, "rows": [{"code": "ABC"}]}]}'
COUPONS = ServiceData("coupon", (Holding(name="coupons", is_complete=True, rows=msgspec.Raw(b'[{"code": "ABC"}]')),))


class Row(msgspec.Struct, frozen=True):
    number: int


async def nothing(_conn: Connection, _user_id: UUID) -> PersonalData:
    return PersonalData(())


async def broken(conn: Connection, _user_id: UUID) -> PersonalData:
    await conn.execute("SELECT pg_sleep(30)")
    raise AssertionError("it cannot come here")


def read(found: tuple[ServiceData, ...]) -> bytes:
    return msgspec.json.encode(found)


async def gathered(addresses: Mapping[str, str | None], *services: str) -> tuple[ServiceData, ...]:
    async with open_elsewhere(dict.fromkeys(services, nothing), {}, addresses, token_for) as elsewhere:
        return await elsewhere.gather(SOMEBODY)


def test_services_are_asked_at_their_addresses_with_a_token_for_each_and_come_in_order() -> None:
    async def journey() -> None:
        raffle, coupon = Peer(body=b'{"holdings": []}'), Peer(body=ANSWER)
        async with listening(raffle) as first, listening(coupon) as second:
            found = await gathered({"raffle": first, "coupon": second}, "raffle", "coupon")
        assert read(found) == read((ServiceData("raffle", ()), COUPONS))
        assert coupon.requests[0].startswith(f"GET /api/internal/personal-data/coupon/{SOMEBODY} ")
        assert "authorization: bearer token-for-coupon" in coupon.requests[0].lower()

    asyncio.run(journey())


@pytest.mark.parametrize(
    ("status", "body"), [(503, b"{}"), (-1, b""), (404, b'{"code": "user.unknown"}'), (200, b"[]"), (401, b"{}")]
)
def test_one_that_does_not_answer_well_makes_the_whole_an_error_that_names_it(status: int, body: bytes) -> None:
    async def journey() -> None:
        async with listening(Peer(body=ANSWER)) as good, listening(Peer(status, body)) as bad:
            await gathered({"coupon": good, "raffle": bad}, "coupon", "raffle")

    with pytest.raises(UnavailableError) as caught:
        asyncio.run(journey())
    assert caught.value.code == "export.raffle_unavailable"


def test_one_without_an_address_is_missed_and_the_hint_says_what_to_set() -> None:
    with pytest.raises(UnavailableError) as caught:
        asyncio.run(gathered({"ads": None}, "ads"))
    assert caught.value.code == "export.ads_unavailable"
    assert "GASOLINERA_ADS_URL" in (caught.value.hint or "")


def test_a_slow_database_here_is_the_same_error_and_a_bug_is_none_of_it(settings: Settings) -> None:
    async def bug(_conn: Connection, _user_id: UUID) -> PersonalData:
        raise ZeroDivisionError

    async def ask(export_person: ExportPerson) -> None:
        impatient = settings.model_copy(update={"statement_timeout_ms": 100})
        async with open_database(impatient, "station") as db:
            opened = open_elsewhere({"station": export_person}, {"station": db}, {}, token_for)
            async with opened as elsewhere:
                await elsewhere.gather(SOMEBODY)

    with pytest.raises(UnavailableError) as caught:
        asyncio.run(ask(broken))
    assert caught.value.code == "export.station_unavailable"
    with pytest.raises(ZeroDivisionError):
        asyncio.run(ask(bug))


def test_a_list_longer_than_its_limit_is_cut_and_says_so() -> None:
    rows = [Row(number) for number in range(3)]
    whole, cut = holding("rows", rows, limit=3), holding("rows", rows, limit=2)
    assert (whole.is_complete, bytes(whole.rows)) == (True, b'[{"number":0},{"number":1},{"number":2}]')
    assert (cut.is_complete, bytes(cut.rows)) == (False, b'[{"number":0},{"number":1}]')
