"""What participants of a raffle that was really drawn hold in their hands is good to the verifiers."""

import asyncio
import io
from uuid import UUID

import msgspec
import psycopg

from gasolinera.config import Settings
from gasolinera.database import Database, open_database
from gasolinera.keyring import load_keyring
from gasolinera.raffle import proofs, publishing, receipts
from gasolinera.raffle.beacon import TEST
from gasolinera.raffle.documents import canonical
from gasolinera.raffle.verifying import Trust, read_bundle, verify_bundle
from gasolinera.raffle.verifying_lists import Extras, verify_extras, wanted_by
from gasolinera.raffle.verifying_whole import Seen
from tests.raffle.draw_steps import Entered, bundle_of, close_raffle, freeze_and_draw, terms
from tests.raffle.verifiers import by_all, by_module


def test_a_proof_a_receipt_and_the_whole_list_of_a_drawn_raffle_are_good(
    settings: Settings, admin: psycopg.Connection[tuple[object, ...]]
) -> None:
    keyring = load_keyring(settings)
    close_raffle(admin, "T-HELD", [Entered(n % 40, 1 + n % 3) for n in range(300)], quantities=(2,), alternates=1)
    found = admin.execute(
        """
        SELECT e.issuance_id, t.ticket_number
          FROM raffle_schema.raffle_entries AS e
          JOIN raffle_schema.raffle_tickets AS t ON t.entry_id = e.id AND t.raffle_id = e.raffle_id
         ORDER BY t.ticket_number LIMIT 1
        """
    ).fetchone()
    assert found is not None
    issuance, ticket = UUID(str(found[0])), str(found[1])

    async def work() -> tuple[bytes, bytes, bytes, bytes]:
        async with open_database(settings, "raffle") as db:
            async with db.connection() as conn:
                receipt = await receipts.get_receipt(conn, keyring, "T-HELD", issuance, None)
            frozen = await freeze_and_draw(db, "T-HELD", terms(keyring.current("raffle")))
            return *await _published(db, frozen.draw_number, ticket), msgspec.json.encode(receipt)

    data, entries, proof, receipt = asyncio.run(work())
    trust = Trust(chain=TEST)
    assert [said.code for said in by_all([data], trust)[0]] == [3, 3, 3]
    bundle = read_bundle(data)
    seen = Seen(wanted=wanted_by(receipt))
    report = verify_bundle(data, trust, io.BytesIO(entries), seen)
    checks = [check for check in report.checks if check.name == "list"]
    checks += verify_extras(bundle.manifest, Extras(proof=proof, receipt=receipt), seen)
    assert [(check.name, check.outcome) for check in checks] == [
        ("list", "good"),
        ("proof", "good"),
        ("receipt", "good"),
    ], checks
    assert by_module([data], trust, [proof])[0].checks["proof"] == "good"


async def _published(db: Database, number: int, ticket: str) -> tuple[bytes, bytes, bytes]:
    """Bundle, list, and the proof of a ticket."""
    async with db.connection() as conn:
        draw = await publishing.get_draw(conn, number)
        proof = await proofs.prove(conn, ticket, holder=None, sees_all=True)
    bundle = await bundle_of(db, number)
    entries = b"".join([piece async for piece in publishing.list_of(db, draw)])
    return bundle, entries, canonical(proof)
