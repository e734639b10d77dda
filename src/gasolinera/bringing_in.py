"""Bringing a table in, whatever its rows are: what is kept of it, what is refused, and the report of both."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime

import msgspec

from gasolinera.database import Connection
from gasolinera.errors import GasolineraError, InputError
from gasolinera.tabular import RowFault, Sheet

MAX_REFUSED = 500  # rows that only the tables refuse: each costs a dozen statements to find


class SheetResult(msgspec.Struct, frozen=True):
    """rows_read = inserted + updated + unchanged + rows with a fault. `is_kept`: the tables hold it now."""

    is_kept: bool
    rows_read: int
    inserted: int
    updated: int
    unchanged: int
    rejected: int
    faults: tuple[RowFault, ...]


class KnownRow(msgspec.Struct, frozen=True):
    """What a row of the table would change, as it is before: `code` names it in the table."""

    code: str
    updated_at: datetime


def digest_of(known: Sequence[KnownRow]) -> str:
    """The same as long as none of them is changed, and none appears: with what somebody was shown it is compared with
    what would be changed now.
    """
    return hashlib.sha256(msgspec.json.encode(sorted((row.code, row.updated_at) for row in known))).hexdigest()


class Tally(msgspec.Struct):
    """What the rows have come to so far; begins with the faults that reading found."""

    faults: list[RowFault]
    inserted: int = 0
    updated: int = 0

    def refuse(self, fault: RowFault) -> None:
        """Raises InputError `sheet.too_many_faults`."""
        self.faults.append(fault)
        if len(self.faults) > MAX_REFUSED:
            message = f"more than {MAX_REFUSED} rows are refused"
            raise InputError("sheet.too_many_faults", message, "correct the first ones and try again") from None


async def bring_in(
    conn: Connection, sheet: Sheet, work: Callable[[Tally], Awaitable[None]], *, is_dry_run: bool, keeps_good: bool
) -> SheetResult:
    """Let `work` write the rows, and keep what it wrote: nothing on a dry run, nor when a row is faulty unless
    `keeps_good`. Needs a transaction. Raises what `work` raises; then nothing of its writing stays.
    """
    tally = Tally(list(sheet.faults))
    attempt = conn.transaction()
    await attempt.start()
    try:
        await work(tally)
    except BaseException:
        await attempt.rollback()
        raise
    is_kept = not is_dry_run and (keeps_good or not tally.faults)
    await (attempt.commit() if is_kept else attempt.rollback())
    rejected = len({fault.row for fault in tally.faults})
    return SheetResult(
        is_kept=is_kept,
        rows_read=sheet.rows_read,
        inserted=tally.inserted,
        updated=tally.updated,
        unchanged=sheet.rows_read - rejected - tally.inserted - tally.updated,
        rejected=rejected,
        faults=tuple(sorted(tally.faults, key=lambda fault: (fault.row, fault.column))),
    )


def refused_row(number: int, constraint: str, refusals: Mapping[str, Callable[[], GasolineraError]]) -> RowFault:
    """A row that broke a constraint, in the words that the one who asks by a request would hear."""
    make = refusals.get(constraint)
    if make is None:
        return RowFault(number, "", "database.constraint", "a value is not one of those that are allowed")
    error = make()
    return RowFault(number, "", error.code, error.message)
