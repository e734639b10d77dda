"""The way into a raffle without buying anything, which the law of prize draws asks for: one ticket, and its receipt."""

from uuid import UUID

from gasolinera.database import Connection
from gasolinera.errors import ConflictError, TooManyError, UnknownError
from gasolinera.keyring import Keyring
from gasolinera.redemption import queries_tickets as queries
from gasolinera.redemption.models_tickets import FreeEntry, Issuance
from gasolinera.redemption.receipts import issue_receipt


async def enter_free(conn: Connection, keyring: Keyring, user_id: UUID, raffle_code: str) -> FreeEntry:
    """As many a person and a day as the raffle gives; a day begins in the raffle's zone. Locks the person's entries.

    Raises ConflictError `free_entry.closed`, TooManyError `free_entry.limit`, ConfigError `keys.purpose_missing`.
    """
    found = await queries.enter_free(conn, user_id, raffle_code)
    if found.outcome == "LIMIT":
        assert found.retry_after_s is not None
        raise TooManyError(
            "free_entry.limit",
            "this person had the free entries of this day",
            "the next day begins in the raffle's zone",
            retry_after_s=found.retry_after_s,
        )
    if found.issuance_id is None:
        raise ConflictError("free_entry.closed", "this raffle gives no free entries now")
    issuance = await get_issuance(conn, found.issuance_id, user_id)
    return FreeEntry(
        raffle_code=raffle_code,
        ticket_number=issuance.numbers[0],
        issuance_id=issuance.issuance_id,
        receipt=issue_receipt(issuance, keyring),
    )


async def get_issuance(conn: Connection, issuance_id: UUID, user_id: UUID | None) -> Issuance:
    """Of anybody where no user is named. Raises UnknownError `tickets.unknown_issuance`."""
    found = await queries.get_issuance(conn, issuance_id, user_id)
    if found is None:
        raise UnknownError("tickets.unknown_issuance", "no tickets were issued under this id")
    return found
