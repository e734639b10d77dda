"""Who besides the operator says when a list was frozen: distrusted authorities, and witnesses with their own keys."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
import pytest
from nacl.signing import SigningKey

from gasolinera.config import Settings
from gasolinera.database import open_database
from gasolinera.errors import InputError
from gasolinera.raffle import evidence, timestamps
from gasolinera.raffle.models_draws import Frozen
from tests.raffle.authority import Answers, Authority, served
from tests.raffle.draw_steps import Entered, close_raffle, freeze_now, terms
from tests.raffle.winner_steps import ask, look
from tests.redemption.desk import ADMINISTRATOR, ATTENDANT, DRIVER, MANAGER, OTHER_ATTENDANT, Desk, problem
from tests.redemption.offline_steps import Till

Conn = psycopg.Connection[Any]
AsRole = Callable[[str], Conn]
WITNESSES, DRAWS, SIGNATURES = (f"/api/raffles/witnesses{path}" for path in ("", "/draws", "/signatures"))
CODE = "FAIR-1"


def frozen_raffle(settings: Settings, admin: Conn, *, is_late: bool = False, quorum: int = 1) -> Frozen:
    """Frozen with an hour for evidence; late: the time for it is over already, for its round is too near."""
    algorithm = "MERKLE_TREE" if is_late else "PROVABLY_FAIR"
    close_raffle(admin, CODE, [Entered(1, 2), Entered(2, 1)], algorithm=algorithm)

    async def frozen() -> Frozen:
        async with open_database(settings, "raffle") as db:
            done = await freeze_now(db, CODE, terms(gap_s=3600, quorum=quorum))
            await asyncio.sleep(2.1 if is_late else 0)  # the round is a second further away than the gap, at most two
            return done

    return asyncio.run(frozen())


def manifest_of(admin: Conn, number: int) -> bytes:
    found = admin.execute(
        "SELECT manifest FROM raffle_schema.raffle_draws WHERE chain_number = %s", (number,)
    ).fetchone()
    assert found is not None
    return found[0]


def signed(key: SigningKey, manifest: bytes, number: int, *, at: int | None = None) -> dict[str, Any]:
    """What a witness of another maker sends: from the reference alone."""
    moment = int(datetime.now(UTC).timestamp()) if at is None else at
    message = b"gasolinera-draw-witness-1\0" + sha256(manifest).digest() + moment.to_bytes(8, "big")
    return {
        "draw_number": number,
        "manifest_sha256": sha256(manifest).hexdigest(),
        "signed_at": moment,
        "signature": key.sign(message).signature.hex(),
    }


def collected(settings: Settings, url: str, roots: Path) -> tuple[int, int]:
    async def run() -> tuple[int, int]:
        async with open_database(settings, "raffle") as db:
            return await timestamps.collect(db, [url], timestamps.read_roots(roots))

    return asyncio.run(run())


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


# Timestamps


def test_a_token_is_asked_for_until_it_comes_and_then_no_more(
    settings: Settings, desk: Desk, admin: Conn, authority: Authority
) -> None:
    frozen = frozen_raffle(settings, admin)
    answers = Answers(authority)
    answers.fails = 2
    with served(answers) as url:
        assert [collected(settings, url, authority.roots) for _ in range(4)] == [(0, 1), (0, 1), (1, 0), (0, 0)]
    assert len(answers.asked) == 3
    report = look(desk, f"/{CODE}/evidence", None).json()
    assert (report["draw_number"], report["held"]) == (frozen.draw_number, ["TIMESTAMP"])
    assert report["manifest_sha256"] == frozen.manifest_sha256
    assert [one["authority"] for one in report["timestamps"]] == [url.split("/")[2]]
    stored = admin.execute("SELECT token FROM raffle_schema.draw_timestamps").fetchone()
    assert stored is not None

    # What the bundle gives is the token alone, and OpenSSL finds it good without our code.
    async def load() -> str:
        async with open_database(settings, "raffle") as db, db.connection() as conn:
            number = await conn.fetchval("SELECT id FROM raffle_schema.raffle_draws ORDER BY id DESC LIMIT 1")
            return (await evidence.load_evidence(conn, number)).timestamps[0].token

    (authority.folder / "token").write_bytes(bytes.fromhex(asyncio.run(load())))
    (authority.folder / "manifest").write_bytes(manifest_of(admin, frozen.draw_number))
    assert authority.says_good("token", "manifest")


def test_an_old_answer_a_strangers_and_one_over_other_bytes_are_no_tokens(authority: Authority, tmp_path: Path) -> None:
    asked, manifest, roots = timestamps.question(b"one"), b"one", timestamps.read_roots(authority.roots)
    answer = authority.reply(asked.as_bytes())
    assert timestamps.checked(answer, asked, manifest, roots).token in answer
    stranger = Authority(tmp_path / "stranger")
    broken = answer[:-1] + bytes([answer[-1] ^ 1])
    wrong = (
        (answer, timestamps.question(b"one"), manifest, roots),  # another nonce
        (answer, asked, b"two", roots),  # another imprint
        (answer, asked, manifest, timestamps.read_roots(stranger.roots)),
        (broken, asked, manifest, roots),
        (b"", asked, manifest, roots),
        (b"\x30\x05\x30\x03\x02\x01\x02", asked, manifest, roots),  # refused by the authority
    )
    for case in wrong:
        with pytest.raises(InputError, match="not good"):
            timestamps.checked(*case)


def test_a_stale_answer_over_http_is_not_kept(settings: Settings, admin: Conn, authority: Authority) -> None:
    frozen_raffle(settings, admin)
    answers = Answers(authority)
    with served(answers) as url:
        answers.stale = authority.reply(timestamps.question(b"something else").as_bytes())
        assert collected(settings, url, authority.roots) == (0, 1)
        answers.stale = b"\0" * 40_000
        assert collected(settings, url, authority.roots) == (0, 1)
    assert admin.execute("SELECT count(*) FROM raffle_schema.draw_timestamps").fetchone() == (0,)


def test_late_evidence_is_refused_by_a_constraint(settings: Settings, admin: Conn, as_role: AsRole) -> None:
    app = as_role("raffle_app")
    frozen_raffle(settings, admin, is_late=True)
    add = """
        INSERT INTO raffle_schema.draw_timestamps (draw_id, authority, token, generated_at)
        SELECT id, 'tsa.example.org', 'x', %s::timestamptz FROM raffle_schema.raffle_draws ORDER BY id DESC LIMIT 1
    """
    for moment in ("now", "yesterday"):  # a token that is not late, and comes late, would prove nothing to a verifier
        with pytest.raises(psycopg.errors.CheckViolation) as refused:
            app.execute(add, (moment,))
        assert refused.value.diag.constraint_name == "draw_timestamps_in_time_check"


# Witnesses


def test_a_terminal_witnesses_a_freeze_that_lists_it(settings: Settings, desk: Desk, admin: Conn) -> None:
    till, other = Till(desk), Till(desk, "JSM002")
    for one in (till, other, till):
        enrolled = one.ask(WITNESSES, {})
        assert enrolled.status_code == 200, enrolled.text
        assert enrolled.json()["public_key"] == bytes(one.key.verify_key).hex()
    frozen = frozen_raffle(settings, admin, quorum=2)
    number, manifest = frozen.draw_number, manifest_of(admin, frozen.draw_number)
    listed = json.loads(manifest)["evidence"]["witnesses"]
    assert {"terminal": till.code, "public_key": bytes(till.key.verify_key).hex()} in listed
    shown = till.ask(DRAWS, {"after": number - 1}).json()["draws"]
    assert [(one["draw_number"], one["wants_signature"]) for one in shown] == [(number, True)]
    assert shown[0]["manifest"].encode() == manifest

    first = signed(till.key, manifest, number)
    assert till.ask(SIGNATURES, first).status_code == 204
    assert till.ask(SIGNATURES, first).status_code == 204  # the same again
    again = signed(till.key, manifest, number, at=first["signed_at"] - 1)
    assert problem(till.ask(SIGNATURES, again)) == (409, "witness.signed_already")
    assert till.ask(DRAWS, {"after": number - 1}).json()["draws"][0]["wants_signature"] is False
    assert look(desk, f"/{CODE}/evidence", None).json()["held"] == []  # one of two
    assert other.ask(SIGNATURES, signed(other.key, manifest, number)).status_code == 204
    report = look(desk, f"/{CODE}/evidence", None).json()
    assert (report["held"], report["quorum"], report["is_required"]) == (["WITNESSES"], 2, True)
    assert sum(one["signed_at"] is not None for one in report["witnesses"]) == 2


def test_who_signs_with_a_foreign_key_another_manifest_or_unlisted_is_refused(
    settings: Settings, desk: Desk, admin: Conn
) -> None:
    till = Till(desk)
    assert till.ask(WITNESSES, {}).status_code == 200
    frozen = frozen_raffle(settings, admin)
    number, manifest = frozen.draw_number, manifest_of(admin, frozen.draw_number)
    late_comer = Till(desk)
    assert late_comer.ask(WITNESSES, {}).status_code == 200
    refused = late_comer.ask(SIGNATURES, signed(late_comer.key, manifest, number))
    assert problem(refused) == (409, "witness.not_listed")
    foreign = signed(SigningKey.generate(), manifest, number)
    assert problem(till.ask(SIGNATURES, foreign)) == (422, "witness.signature")
    assert problem(till.ask(SIGNATURES, signed(till.key, manifest + b" ", number))) == (409, "witness.other_manifest")
    assert problem(till.ask(SIGNATURES, signed(till.key, manifest, number + 1))) == (404, "draw.unknown")
    ahead = signed(till.key, manifest, number, at=int(datetime.now(UTC).timestamp()) + 600)
    assert problem(till.ask(SIGNATURES, ahead)) == (422, "witness.clock")
    moved = signed(till.key, manifest, number) | {"signed_at": int(datetime.now(UTC).timestamp()) - 1000}
    assert problem(till.ask(SIGNATURES, moved)) == (422, "witness.signature")


def test_a_late_witness_is_refused(settings: Settings, desk: Desk, admin: Conn) -> None:
    till = Till(desk)
    assert till.ask(WITNESSES, {}).status_code == 200
    frozen = frozen_raffle(settings, admin, is_late=True)
    number, manifest = frozen.draw_number, manifest_of(admin, frozen.draw_number)
    assert till.ask(DRAWS, {"after": number - 1}).json()["draws"][0]["wants_signature"] is False
    for at in (None, int(datetime.now(UTC).timestamp()) - 7200):  # whatever time it claims
        assert problem(till.ask(SIGNATURES, signed(till.key, manifest, number, at=at))) == (410, "witness.late")


def test_a_retired_witness_is_not_listed_any_more_and_does_not_come_back(
    settings: Settings, desk: Desk, admin: Conn
) -> None:
    till = Till(desk)
    assert till.ask(WITNESSES, {}).status_code == 200
    path = f"/witnesses/{till.code}/retire"
    assert ask(desk, path, {"reason": "Sold with the station."}, MANAGER).status_code == 403
    assert ask(desk, path, {"reason": "Sold with the station."}, ADMINISTRATOR).status_code == 200
    assert problem(ask(desk, path, {"reason": "Again."}, ADMINISTRATOR)) == (404, "witness.unknown")
    assert problem(till.ask(WITNESSES, {})) == (409, "witness.retired")
    frozen = frozen_raffle(settings, admin)
    assert till.code not in manifest_of(admin, frozen.draw_number).decode()


def test_stations_see_their_own_witnesses_and_strangers_none(desk: Desk) -> None:
    for station in ("JSM001", "JSM002"):
        assert Till(desk, station).ask(WITNESSES, {}).status_code == 200
    seen = ((ATTENDANT, {"JSM001"}), (OTHER_ATTENDANT, {"JSM002"}), (ADMINISTRATOR, {"JSM001", "JSM002"}))
    for caller, stations in seen:
        shown = look(desk, "/witnesses?limit=100", caller).json()["items"]
        assert {one["station_code"] for one in shown} == stations
    assert look(desk, "/witnesses", DRIVER).status_code == 403
    assert desk.client.post(WITNESSES, json={}).status_code == 422
    assert desk.client.post(WITNESSES, json={}, headers={"terminal-signature": "terminal=TRM000001"}).status_code == 401
