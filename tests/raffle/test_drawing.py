"""A raffle frozen and drawn: the list holds every ticket, all three verifiers agree, and nothing can be done twice."""

import asyncio
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
import psycopg
import pytest

from gasolinera.config import Settings
from gasolinera.database import Database, RequestContext, open_database
from gasolinera.errors import ConflictError, GasolineraError, InputError
from gasolinera.raffle import beacon_local, proofs, publishing
from gasolinera.raffle.beacon import TEST, Round
from gasolinera.raffle.bundles import Bundle
from gasolinera.raffle.documents import canonical, is_signed, read_document
from gasolinera.raffle.leaves import LEAF_BYTES, SOURCES, entry_hash, read_leaf
from gasolinera.raffle.manifest import Manifest, VoidDraw
from gasolinera.raffle.merkle import leaf_hash, root_from_path
from gasolinera.raffle.models_draws import DrawStatus
from gasolinera.raffle.verifying import Trust
from gasolinera.raffle.voiding import void
from tests.raffle.draw_steps import (
    Entered,
    bundle_of,
    close_raffle,
    draw_now,
    freeze_and_draw,
    freeze_now,
    move,
    person,
    signer,
    terms,
    wait_for_round,
)
from tests.raffle.verifiers import by_all

Admin = psycopg.Connection[Any]
Told = TypeVar("Told")
MANY = [Entered(number % 300, 1 + number % 5, list(SOURCES)[number % 5]) for number in range(600)]
WEIGHTS = {"COUPON_REDEMPTION": 1, "AD_ENGAGEMENT": 3, "PROMOTIONAL": 1, "BONUS": 20, "FREE_ENTRY": 2}


def within(settings: Settings, work: Callable[[Database], Awaitable[Told]]) -> Told:
    async def opened() -> Told:
        async with open_database(settings, "raffle") as db:
            return await work(db)

    return asyncio.run(opened())


async def whole_list(db: Database, number: int) -> bytes:
    async with db.connection() as conn:
        found = await publishing.get_draw(conn, number)
    return b"".join([piece async for piece in publishing.list_of(db, found)])


async def excluded_list(db: Database, number: int) -> bytes:
    async with db.connection() as conn:
        found = await publishing.get_draw(conn, number)
    return b"".join([piece async for piece in publishing.excluded_of(db, found)])


async def manifest(db: Database, number: int) -> Manifest:
    async with db.connection() as conn:
        return publishing.manifest_of(await publishing.get_draw(conn, number))


def hash_tree(leaves: list[bytes]) -> bytes:
    """RFC 9162, section 2.1.1, by recursion."""
    if len(leaves) == 1:
        return sha256(b"\0" + leaves[0]).digest()
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\1" + hash_tree(leaves[:split]) + hash_tree(leaves[split:])).digest()


CASES: dict[str, tuple[list[Entered], dict[str, Any]]] = {
    "merkle": (MANY, {"quantities": (1, 3), "alternates": 3}),
    "weighted": (MANY, {"algorithm": "WEIGHTED", "weights": WEIGHTS, "quantities": (5,), "alternates": 2}),
    "random": (MANY, {"algorithm": "RANDOM", "quantities": (2,), "alternates": 2}),
    "several-prizes-a-person": ([Entered(1, 4), Entered(2, 1)], {"quantities": (3,), "multiple_wins": True}),
    "one-entry": ([Entered(1, 1)], {"quantities": (2,), "alternates": 3}),
    "one-owner": ([Entered(1, 2), Entered(1, 3)], {"quantities": (2,)}),
    "all-tickets": ([Entered(1, 2), Entered(2, 3)], {"quantities": (9,), "multiple_wins": True}),
}


def test_every_kind_of_draw_verifies_with_all_three_verifiers(settings: Settings, admin: Admin) -> None:
    key = signer()
    for name, (entries, rules) in CASES.items():
        close_raffle(admin, f"T-{name.upper()}", entries, **rules)

    async def work(db: Database) -> list[bytes]:
        frozen = [await freeze_now(db, f"T-{name.upper()}", terms(key)) for name in CASES]
        for one in frozen:
            await draw_now(db, one.raffle_code, await wait_for_round(one.beacon_round))
        return [await bundle_of(db, one.draw_number) for one in frozen]

    bundles = within(settings, work)
    for (name, (entries, rules)), data, said in zip(
        CASES.items(), bundles, by_all(bundles, Trust(chain=TEST)), strict=True
    ):
        assert [one.code for one in said] == [3, 3, 3], (name, [one.bad for one in said])
        drawn = read_document(Bundle, data)
        wanted = sum(rules["quantities"]) + rules.get("alternates", 0)
        people = len({entry.owner for entry in entries})
        tickets = sum(entry.tickets for entry in entries)
        assert len(drawn.positions) == min(wanted, tickets if rules.get("multiple_wins") else people), name
        assert len({one.ticket for one in drawn.positions}) == len(drawn.positions)
    weighted = read_document(Bundle, bundles[1])
    assert weighted.manifest.weights == WEIGHTS
    assert weighted.manifest.entries.weight == sum(entry.tickets * WEIGHTS[entry.source] for entry in MANY)


def test_the_list_holds_every_entry_once_and_its_root_is_the_manifests(settings: Settings, admin: Admin) -> None:
    raffle = close_raffle(admin, "T-LIST", MANY)
    frozen = within(settings, lambda db: freeze_now(db, "T-LIST"))
    data = within(settings, lambda db: whole_list(db, frozen.draw_number))
    said = within(settings, lambda db: manifest(db, frozen.draw_number))
    leaves = [data[at : at + LEAF_BYTES] for at in range(0, len(data), LEAF_BYTES)]
    assert said.entries.root == hash_tree(leaves).hex()
    assert said.entries.list_sha256 == sha256(data).hexdigest()
    assert (said.entries.leaves, said.entries.tickets, said.entries.owners) == (600, 1800, 300)
    expected = {
        (entry_hash("T-LIST", issuance, numbers), SOURCES[source], len(numbers))
        for issuance, source, numbers in admin.execute(
            """
            SELECT e.issuance_id, e.source, array_agg(t.ticket_number) FROM raffle_schema.raffle_entries AS e
              JOIN raffle_schema.raffle_tickets AS t ON t.entry_id = e.id WHERE e.raffle_id = %s GROUP BY e.id
            """,
            (raffle,),
        )
    }
    read = [read_leaf(leaf) for leaf in leaves]
    assert {(leaf.entry_hash, leaf.source, leaf.weight) for leaf in read} == expected
    assert [leaf.entry_hash for leaf in read] == sorted(leaf.entry_hash for leaf in read)
    assert [leaf.start for leaf in read] == [sum(other.weight for other in read[:at]) for at in range(600)]
    assert len({leaf.owner_tag for leaf in read}) == 300


def test_what_was_drawn_is_written_down_with_prizes_winners_and_events(settings: Settings, admin: Admin) -> None:
    raffle = close_raffle(admin, "T-WON", MANY, quantities=(1, 2), alternates=2)
    frozen = within(settings, lambda db: freeze_and_draw(db, "T-WON"))
    drawn = read_document(Bundle, within(settings, lambda db: bundle_of(db, frozen.draw_number)))
    found = admin.execute(
        """
        SELECT w.draw_position, t.ticket_number, p.rank, w.unit_number, w.status
          FROM raffle_schema.raffle_winners AS w JOIN raffle_schema.raffle_tickets AS t ON t.id = w.ticket_id
          LEFT JOIN raffle_schema.raffle_prizes AS p ON p.id = w.prize_id
         WHERE w.raffle_id = %s ORDER BY w.draw_position
        """,
        (raffle,),
    ).fetchall()
    assert found == [
        (one.position, one.ticket, one.rank, one.unit, "SELECTED" if one.role == "PRIZE" else "ALTERNATE")
        for one in drawn.positions
    ]
    assert [row[2:] for row in found] == [
        (1, 1, "SELECTED"),
        (2, 1, "SELECTED"),
        (2, 2, "SELECTED"),
        (None, None, "ALTERNATE"),
        (None, None, "ALTERNATE"),
    ]
    assert admin.execute("SELECT status FROM raffle_schema.raffles WHERE id = %s", (raffle,)).fetchone() == (
        "COMPLETED",
    )
    events = admin.execute(
        "SELECT event_type, payload FROM raffle_schema.outbox_events WHERE aggregate_key = 'T-WON' ORDER BY id"
    ).fetchall()
    told = {kind: payload for kind, payload in events if kind in {"raffle.closed", "raffle.drawn"}}
    assert told["raffle.closed"]["manifest_sha256"] == frozen.manifest_sha256
    assert told["raffle.closed"]["beacon_round"] == frozen.beacon_round
    assert told["raffle.drawn"]["randomness"] == drawn.beacon.randomness


def test_who_was_left_out_is_in_the_manifest_and_not_in_the_list(settings: Settings, admin: Admin) -> None:
    raffle = close_raffle(admin, "T-OUT", [Entered(1, 2), Entered(1, 1), Entered(2, 3), Entered(3, 1)])
    admin.execute(
        "INSERT INTO raffle_schema.excluded_persons (raffle_id, user_id, kind) VALUES (%s, %s, 'FAMILY')",
        (raffle, person(1)),
    )
    frozen = within(settings, lambda db: freeze_now(db, "T-OUT"))
    said = within(settings, lambda db: manifest(db, frozen.draw_number))
    hashes = admin.execute(
        "SELECT entry_hash FROM raffle_schema.raffle_entries WHERE raffle_id = %s AND user_id = %s ORDER BY entry_hash",
        (raffle, person(1)),
    ).fetchall()
    lines = "".join(f"{row[0].hex()} EXCLUDED_PERSON\n" for row in hashes)
    assert (said.excluded.entries, said.excluded.sha256) == (2, sha256(lines.encode()).hexdigest())
    assert within(settings, lambda db: excluded_list(db, frozen.draw_number)) == lines.encode()
    assert (said.entries.leaves, said.entries.tickets, said.entries.owners) == (2, 4, 2)
    ticket = admin.execute(
        "SELECT ticket_number FROM raffle_schema.raffle_tickets WHERE raffle_id = %s AND user_id = %s LIMIT 1",
        (raffle, person(1)),
    ).fetchone()
    assert ticket is not None
    with pytest.raises(ConflictError) as refused:
        within(settings, lambda db: proof(db, ticket[0], None))
    assert refused.value.code == "ticket.excluded"


async def proof(db: Database, ticket: str, holder: UUID | None) -> Any:
    async with db.connection() as conn:
        return await proofs.prove(conn, ticket, holder=holder, sees_all=False)


def test_every_ticket_is_proven_to_be_in_the_list_and_opened_to_its_holder_alone(
    settings: Settings, admin: Admin
) -> None:
    close_raffle(admin, "T-PROOF", MANY[:513])
    frozen = within(settings, lambda db: freeze_now(db, "T-PROOF"))
    data = within(settings, lambda db: whole_list(db, frozen.draw_number))
    found = admin.execute(
        """
        SELECT t.ticket_number, t.user_id, e.entry_hash FROM raffle_schema.raffle_tickets AS t
          JOIN raffle_schema.raffle_entries AS e ON e.id = t.entry_id
          JOIN raffle_schema.raffles AS r ON r.id = e.raffle_id AND r.raffle_code = 'T-PROOF'
         ORDER BY t.id LIMIT 60
        """
    ).fetchall()

    async def work(db: Database) -> None:
        said = await manifest(db, frozen.draw_number)
        for ticket, holder, hashed in found:
            own = await proof(db, ticket, holder)
            at = own.index * LEAF_BYTES
            assert bytes.fromhex(own.leaf) == data[at : at + LEAF_BYTES]
            assert read_leaf(bytes.fromhex(own.leaf)).entry_hash == hashed
            path = [bytes.fromhex(step) for step in own.proof]
            root = root_from_path(own.index, 513, leaf_hash(bytes.fromhex(own.leaf)), path)
            assert root is not None
            assert root.hex() == said.entries.root
            assert own.opening is not None
            assert ticket in own.opening.numbers
            opened = entry_hash("T-PROOF", UUID(hex=own.opening.issuance_id), own.opening.numbers)
            assert opened == hashed
            assert (await proof(db, ticket, UUID(int=1))).opening is None
            assert (await proof(db, ticket, None)).opening is None

    within(settings, work)


def test_a_winning_entry_is_opened_to_everybody(settings: Settings, admin: Admin) -> None:
    close_raffle(admin, "T-SHOWN", [Entered(1, 2), Entered(2, 2)])
    frozen = within(settings, lambda db: freeze_and_draw(db, "T-SHOWN"))
    drawn = read_document(Bundle, within(settings, lambda db: bundle_of(db, frozen.draw_number)))
    shown = within(settings, lambda db: proof(db, drawn.positions[0].ticket, None))
    assert shown.opening is not None
    assert shown.opening.numbers == drawn.openings[0].numbers


def test_another_round_an_early_one_and_a_second_freeze_are_refused(settings: Settings, admin: Admin) -> None:
    close_raffle(admin, "T-ONCE", [Entered(1, 1)])

    async def work(db: Database) -> None:
        with pytest.raises(ConflictError) as refused:
            await draw_now(db, "T-ONCE", beacon_local.sign_round(beacon_local.local_beacon(), 1))
        assert refused.value.code == "draw.not_frozen"
        frozen = await freeze_now(db, "T-ONCE", terms(gap_s=2))
        with pytest.raises(ConflictError) as refused:
            await freeze_now(db, "T-ONCE")
        assert refused.value.code == "draw.frozen_already"
        early = beacon_local.sign_round(beacon_local.local_beacon(), frozen.beacon_round)
        with pytest.raises(asyncpg.CheckViolationError) as broken:
            await draw_now(db, "T-ONCE", early)
        assert broken.value.constraint_name == "raffle_draws_drawn_at_check"
        late = await wait_for_round(frozen.beacon_round + 1)
        with pytest.raises(InputError) as wrong:
            await draw_now(db, "T-ONCE", late)
        assert wrong.value.code == "draw.wrong_round"
        with pytest.raises(ConflictError) as refused:
            await draw_now(db, "T-ONCE", Round(early.round, late.signature, late.randomness))
        assert refused.value.code == "beacon.other_chain"
        assert (await draw_now(db, "T-ONCE", early)).is_new
        assert not (await draw_now(db, "T-ONCE", early)).is_new

    within(settings, work)


@pytest.mark.parametrize(("status", "code"), [("OPEN", "draw.not_closed"), ("CANCELLED", "draw.not_closed")])
def test_what_is_not_closed_is_not_frozen(settings: Settings, admin: Admin, status: str, code: str) -> None:
    raffle = close_raffle(admin, "T-STATE", [Entered(1, 1)])
    if status == "CANCELLED":
        move(admin, raffle, status)
    else:
        admin.execute("SET session_replication_role = replica")
        move(admin, raffle, status)
    with pytest.raises(ConflictError) as refused:
        within(settings, lambda db: freeze_now(db, "T-STATE"))
    assert refused.value.code == code


def test_a_raffle_without_entries_has_no_draw(settings: Settings, admin: Admin) -> None:
    close_raffle(admin, "T-EMPTY", [])
    with pytest.raises(ConflictError) as refused:
        within(settings, lambda db: freeze_now(db, "T-EMPTY"))
    assert refused.value.code == "draw.no_entries"
    assert admin.execute("SELECT max(chain_number) FROM raffle_schema.raffle_draws").fetchone() == (1,)


def test_freezes_at_once_make_a_chain_without_gap_or_fork(settings: Settings, admin: Admin) -> None:
    codes = [f"T-CHAIN-{number}" for number in range(5)]
    for code in codes:
        close_raffle(admin, code, [Entered(1, 1)])

    async def work(db: Database) -> list[Any]:
        attempts = (freeze_now(db, code) for code in codes for _ in range(2))
        return await asyncio.gather(*attempts, return_exceptions=True)

    found = within(settings, work)
    refused = [one for one in found if isinstance(one, GasolineraError)]
    assert [one.code for one in refused] == ["draw.frozen_already"] * 5
    chain = admin.execute(
        "SELECT chain_number, previous_manifest_sha256, sha256(manifest) FROM raffle_schema.raffle_draws ORDER BY 1"
    ).fetchall()
    assert [row[0] for row in chain] == [1, 2, 3, 4, 5, 6]
    assert [row[1] for row in chain[1:]] == [row[2] for row in chain[:-1]]


def test_two_operators_at_once_give_one_draw(settings: Settings, admin: Admin) -> None:
    close_raffle(admin, "T-TWICE", MANY, quantities=(3,), alternates=3)

    async def work(db: Database) -> list[bool]:
        frozen = await freeze_now(db, "T-TWICE")
        found = await wait_for_round(frozen.beacon_round)
        drawn = await asyncio.gather(*(draw_now(db, "T-TWICE", found) for _ in range(6)))
        return [one.is_new for one in drawn]

    assert sorted(within(settings, work)) == [False] * 5 + [True]
    count = admin.execute("SELECT count(*) FROM raffle_schema.draw_positions WHERE draw_number = 2").fetchone()
    assert count == (6,)


def test_a_cancelled_raffles_draw_is_given_up_with_a_signed_reason_and_keeps_its_number(
    settings: Settings, admin: Admin
) -> None:
    key = signer()
    raffle = close_raffle(admin, "T-VOID", [Entered(1, 1)])
    frozen = within(settings, lambda db: freeze_now(db, "T-VOID", terms(key, gap_s=60)))

    async def give_up(db: Database) -> int:
        async with db.transaction(RequestContext(actor="test")) as conn:
            return await void(conn, "T-VOID", reason="Permit withdrawn", key=key)

    with pytest.raises(asyncpg.CheckViolationError) as broken:
        within(settings, give_up)
    assert broken.value.constraint_name == "raffle_draws_voidable_check"
    move(admin, raffle, "CANCELLED")
    assert within(settings, give_up) == frozen.draw_number

    async def look(db: Database) -> None:
        async with db.connection() as conn:
            found = await publishing.get_draw(conn, frozen.draw_number)
        assert found.status is DrawStatus.VOID
        document, signature = publishing.void_of(found)
        said = read_document(VoidDraw, document)
        assert (said.draw_number, said.reason) == (frozen.draw_number, "Permit withdrawn")
        assert said.manifest_sha256 == frozen.manifest_sha256
        assert is_signed(bytes.fromhex(said.operator.public_key), said.format, document, signature)

    within(settings, look)
    close_raffle(admin, "T-NEXT", [Entered(1, 1)])
    after = within(settings, lambda db: freeze_now(db, "T-NEXT"))
    assert after.draw_number == frozen.draw_number + 1
    said = within(settings, lambda db: manifest(db, after.draw_number))
    assert said.previous == frozen.manifest_sha256


def test_the_signed_manifest_is_the_stored_one(settings: Settings, admin: Admin) -> None:
    key = signer()
    close_raffle(admin, "T-SIGNED", [Entered(1, 1)], algorithm="PROVABLY_FAIR")
    frozen = within(settings, lambda db: freeze_now(db, "T-SIGNED", terms(key, gap_s=700, quorum=2)))

    async def look(db: Database) -> None:
        async with db.connection() as conn:
            found = await publishing.get_draw(conn, frozen.draw_number)
        said = publishing.manifest_of(found)
        assert canonical(said) == found.manifest
        assert is_signed(bytes.fromhex(said.operator.public_key), said.format, found.manifest, found.manifest_signature)
        assert (said.evidence.required, said.evidence.gap_s, said.evidence.quorum) == (True, 700, 2)
        # A gap to gather evidence in, and another one before the round.
        assert 1400 <= (found.beacon_round_at - found.frozen_at).total_seconds() <= 1402

    within(settings, look)


def test_the_sample_draw_is_a_real_one(settings: Settings) -> None:
    data = within(settings, lambda db: bundle_of(db, 1))
    assert [one.code for one in by_all([data], Trust(chain=TEST))[0]] == [3, 3, 3]
    listed = within(settings, lambda db: whole_list(db, 1))
    drawn = read_document(Bundle, data)
    assert sha256(listed).hexdigest() == drawn.manifest.entries.list_sha256
    shown = within(settings, lambda db: proof(db, drawn.positions[0].ticket, None))
    assert root_from_path(shown.index, 4, leaf_hash(bytes.fromhex(shown.leaf)), [*map(bytes.fromhex, shown.proof)])
