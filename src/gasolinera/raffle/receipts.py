"""A participant's entries, and the signed receipt of each: what the operator will be held to in the draw.

The receipt follows from the entry and the key alone, so it is the same each time it is asked for, until the tickets
change or the key does.
"""

from typing import Final, Literal
from uuid import UUID

import msgspec

from gasolinera.database import Connection
from gasolinera.keyring import Keyring, signing_key
from gasolinera.paging import Page, decode_cursor, page_of
from gasolinera.raffle import errors
from gasolinera.raffle import queries_entries as queries
from gasolinera.raffle.documents import canonical, sign, time_text
from gasolinera.raffle.models import Entry, EntryPosition, RefusedTickets

FORMAT: Final = "gasolinera-entry-receipt-1"


class Operator(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key_id: int
    public_key: str


class EntryReceipt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The document of the format; times have whole seconds."""

    format: Literal["gasolinera-entry-receipt-1"]
    raffle: str
    issuance_id: str
    source: str
    entry_hash: str
    owner_tag: str
    numbers: tuple[str, ...]
    entered_at: str
    received_at: str
    operator: Operator


class SignedReceipt(msgspec.Struct, frozen=True):
    """`signature` is over the format's name, a zero byte and the document in canonical form."""

    receipt: EntryReceipt
    signature: str


def sign_receipt(entry: queries.OwnEntry, keyring: Keyring) -> SignedReceipt:
    """Raises ConfigError `keys.purpose_missing`."""
    key = keyring.current("raffle")
    signer = signing_key(key)
    document = EntryReceipt(
        format=FORMAT,
        raffle=entry.raffle_code,
        issuance_id=entry.issuance_id.hex,
        source=entry.source,
        entry_hash=entry.entry_hash,
        owner_tag=entry.owner_tag,
        numbers=entry.numbers,
        entered_at=time_text(entry.entered_at),
        received_at=time_text(entry.received_at),
        operator=Operator(key.id, signer.verify_key.encode().hex()),
    )
    return SignedReceipt(document, sign(signer, FORMAT, canonical(document)).hex())


async def get_receipt(
    conn: Connection, keyring: Keyring, code: str, issuance_id: UUID, user_id: UUID | None
) -> SignedReceipt:
    """Of anybody where no user is named. Raises UnknownError, also for an entry that has no tickets left."""
    found = await queries.get_entry(conn, code, issuance_id, user_id)
    if found is None:
        raise errors.unknown_entry()
    return sign_receipt(found, keyring)


async def list_entries(
    conn: Connection, user_id: UUID, code: str | None, *, cursor: str | None, limit: int
) -> Page[Entry]:
    """The newest first. Raises InputError `request.cursor`."""
    position = decode_cursor(EntryPosition, cursor)
    before = None if position is None else position.id
    found = await queries.list_entries(conn, user_id, code, before=before, limit=limit + 1)
    page = page_of(found, limit=limit, position=lambda one: EntryPosition(one.id))
    fields = Entry.__struct_fields__
    return Page(tuple(Entry(**{name: getattr(one, name) for name in fields}) for one in page.items), page.next_cursor)


async def list_refused(conn: Connection, user_id: UUID, *, cursor: str | None, limit: int) -> Page[RefusedTickets]:
    """The newest first. Raises InputError `request.cursor`."""
    position = decode_cursor(EntryPosition, cursor)
    before = None if position is None else position.id
    found = await queries.list_refused(conn, user_id, before=before, limit=limit + 1)
    page = page_of(found, limit=limit, position=lambda one: EntryPosition(one.id))
    fields = RefusedTickets.__struct_fields__
    items = tuple(RefusedTickets(**{name: getattr(one, name) for name in fields}) for one in page.items)
    return Page(items, page.next_cursor)
