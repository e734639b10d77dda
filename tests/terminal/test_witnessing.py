"""A terminal that witnesses draws: it follows the chain from the first link, and believes nobody."""

import asyncio
import json
from collections.abc import Generator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from litestar.testing import TestClient
from nacl.signing import SigningKey

from gasolinera.config import Settings
from gasolinera.database import open_database
from gasolinera.errors import ConflictError, InputError
from gasolinera.keyring import signing_key
from gasolinera.raffle.models_draws import Frozen
from gasolinera.raffle.models_evidence import ShownDraw
from gasolinera.terminal import device, witnessing
from tests.applications import create_app
from tests.raffle.draw_steps import Entered, close_raffle, freeze_now, signer, terms
from tests.redemption.desk import Desk
from tests.redemption.offline_steps import enrolment_code

Conn = psycopg.Connection[Any]
OPERATOR = signer()


@pytest.fixture
def desk(settings: Settings) -> Generator[Desk]:
    app = create_app(settings)
    with TestClient(app, raise_server_exceptions=False) as opened:
        yield Desk(app, opened)


def freezes(settings: Settings, admin: Conn, codes: list[str]) -> list[Frozen]:
    for code in codes:
        close_raffle(admin, code, [Entered(1, 2), Entered(2, 1)], algorithm="PROVABLY_FAIR")

    async def frozen() -> list[Frozen]:
        async with open_database(settings, "raffle") as db:
            return [await freeze_now(db, code, terms(OPERATOR, gap_s=3600)) for code in codes]

    return asyncio.run(frozen())


def shown(admin: Conn, number: int) -> ShownDraw:
    found = admin.execute(
        "SELECT manifest, manifest_signature FROM raffle_schema.raffle_draws WHERE chain_number = %s", (number,)
    ).fetchone()
    assert found is not None
    return ShownDraw(draw_number=number, manifest=found[0].decode(), signature=found[1].hex(), wants_signature=True)


def seen_before(admin: Conn, number: int) -> witnessing.Seen:
    """What a terminal remembers that saw the draw before this one."""
    before = shown(admin, number - 1) if number > 1 else None
    known = (bytes(signing_key(OPERATOR).verify_key).hex(),)
    return witnessing.Seen(number - 1, None if before is None else sha256(before.manifest.encode()).hexdigest(), known)


def test_a_terminal_signs_each_freeze_that_follows_and_none_twice(
    settings: Settings, desk: Desk, admin: Conn, tmp_path: Path
) -> None:
    till = device.enrol(tmp_path / "till", "http://testserver.local", enrolment_code(desk), http=desk.client)
    (first,) = freezes(settings, admin, ["FAIR-1"])

    def witness() -> list[tuple[str, bool]]:
        found = witnessing.witness(till, now=datetime.now(UTC), http=desk.client)
        return [(one.raffle_code, one.is_signed) for one in found]

    # From the first draw there is, of another key too; it was no witness yet when these were frozen.
    assert witness() == [("WEEKLY-2026-47", False), ("FAIR-1", False)]
    freezes(settings, admin, ["FAIR-2", "FAIR-3"])
    assert witness() == [("FAIR-2", True), ("FAIR-3", True)]
    assert witness() == []
    kept = admin.execute("SELECT count(*) FROM raffle_schema.draw_witness_signatures").fetchone()
    assert kept == (2,)
    remembered = json.loads((till.folder / "witness.json").read_bytes())
    assert remembered["draw_number"] == first.draw_number + 2


def test_a_chain_with_a_gap_a_change_or_another_key_is_refused(settings: Settings, admin: Conn) -> None:
    first, second = freezes(settings, admin, ["FAIR-1", "FAIR-2"])
    link, next_link = shown(admin, first.draw_number), shown(admin, second.draw_number)
    before = seen_before(admin, first.draw_number)
    after, manifest = witnessing.follow(before, link)
    assert (after.manifest_sha256, manifest.raffle.code) == (first.manifest_sha256, "FAIR-1")
    assert witnessing.follow(after, next_link)[0].draw_number == second.draw_number

    with pytest.raises(ConflictError, match="is missing"):
        witnessing.follow(before, next_link)
    rewritten = msgspec.structs.replace(after, manifest_sha256="00" * 32)
    with pytest.raises(ConflictError, match="does not follow"):
        witnessing.follow(rewritten, next_link)
    other = bytes(SigningKey.generate().verify_key).hex()
    with pytest.raises(ConflictError, match="another key"):
        witnessing.follow(msgspec.structs.replace(before, operators=(other,)), link)
    with pytest.raises(ConflictError, match="signature"):
        witnessing.follow(before, msgspec.structs.replace(link, signature=next_link.signature))
    with pytest.raises(ConflictError, match="signature"):
        witnessing.follow(
            before, msgspec.structs.replace(link, manifest=link.manifest.replace('"quorum":1', '"quorum":0'))
        )
    with pytest.raises(InputError):
        witnessing.follow(before, msgspec.structs.replace(link, manifest=link.manifest + " "))
