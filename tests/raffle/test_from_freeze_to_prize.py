"""Evidence that others gave, in the bundle of a raffle that was really drawn; and its winners' prizes after that."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from gasolinera.config import Settings
from gasolinera.database import open_database
from gasolinera.keyring import signing_key
from gasolinera.raffle import publishing, timestamps, winners
from gasolinera.raffle.beacon import TEST
from gasolinera.raffle.models_draws import Frozen
from gasolinera.raffle.verifying import Trust, read_bundle
from gasolinera.terminal import device, witnessing
from tests.raffle.authority import Answers, Authority, served
from tests.raffle.draw_steps import (
    Entered,
    bundle_of,
    close_raffle,
    draw_now,
    freeze_now,
    signer,
    terms,
    wait_for_round,
)
from tests.raffle.verifiers import by_all, by_platform
from tests.raffle.winner_steps import CLAIM, ask, look
from tests.redemption.desk import Desk
from tests.redemption.offline_steps import enrolment_code

CODE = "WHOLE-1"
NOTIFY = winners.JOBS[0]


def enrolled(desk: Desk, folder: Path) -> device.Device:
    """A terminal that is a witness, and has seen the draws before."""
    till = device.enrol(folder, "http://testserver.local", enrolment_code(desk), http=desk.client)
    assert not any(one.is_signed for one in witnessing.witness(till, now=datetime.now(UTC), http=desk.client))
    return till


def test_a_draw_with_outside_evidence_is_verified_and_its_prizes_reach_their_winners(
    settings: Settings, desk: Desk, admin: psycopg.Connection[Any], tmp_path: Path
) -> None:
    authority, key = Authority(tmp_path / "authority"), signer()
    public = bytes(signing_key(key).verify_key).hex()
    tills = [enrolled(desk, tmp_path / name) for name in ("till", "other")]
    close_raffle(
        admin, CODE, [Entered(n, 2) for n in range(8)], algorithm="PROVABLY_FAIR", quantities=(1, 1), alternates=2
    )

    async def frozen(url: str) -> Frozen:
        async with open_database(settings, "raffle") as db:
            done = await freeze_now(db, CODE, terms(key, gap_s=10, quorum=2))
            assert await timestamps.collect(db, [url], timestamps.read_roots(authority.roots)) == (1, 0)
            return done

    async def drawn(done: Frozen) -> tuple[bytes, bytes]:
        async with open_database(settings, "raffle") as db:
            assert (await draw_now(db, CODE, await wait_for_round(done.beacon_round))).is_new
            await NOTIFY.run(db, {})
            async with db.connection() as conn:
                found = await publishing.get_draw(conn, done.draw_number)
            listed = b"".join([piece async for piece in publishing.list_of(db, found)])
            return await bundle_of(db, done.draw_number), listed

    with served(Answers(authority)) as url:
        done = asyncio.run(frozen(url))
    for till in tills:
        (seen,) = witnessing.witness(till, now=datetime.now(UTC), operator=public, http=desk.client)
        assert seen.is_signed
    data, listed = asyncio.run(drawn(done))
    assert look(desk, f"/{CODE}/evidence", None).json()["held"] == ["TIMESTAMP", "WITNESSES"]
    keys = frozenset(one.public_key for one in read_bundle(data).manifest.evidence.witnesses)
    said = by_all([data], Trust(chain=TEST, witness_keys=keys), [listed])[0]
    assert [one.code for one in said] == [0, 0, 0], said
    trusting = Trust(chain=TEST, tsa_roots=tuple(timestamps.read_roots(authority.roots)))
    assert by_platform(data, trusting).checks["timestamps"] == "held"

    results = look(desk, f"/{CODE}/winners", None).json()["items"]
    assert [(one["rank"], one["status"]) for one in results] == [
        (1, "NOTIFIED"), (2, "NOTIFIED"), (None, "ALTERNATE"), (None, "ALTERNATE"),
    ]  # fmt: skip
    listed = look(desk, f"/winners?raffle={CODE}").json()["items"]
    assert ask(desk, f"/winners/{listed[0]['winner_id']}/claim", CLAIM).status_code == 204
    wish = {"reason": "DECLINED", "note": "He has one already."}
    assert ask(desk, f"/winners/{listed[1]['winner_id']}/disqualify", wish).status_code == 204
    after = look(desk, f"/{CODE}/winners", None).json()["items"]
    assert [(one["rank"], one["status"]) for one in after] == [
        (1, "CLAIMED"), (2, "DISQUALIFIED"), (2, "SELECTED"), (None, "ALTERNATE"),
    ]  # fmt: skip
