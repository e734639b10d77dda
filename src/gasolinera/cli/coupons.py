"""`gasolinera coupons`: issue them in bulk, and write them as a table or as sheets to print."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path
from typing import Annotated, TypeVar
from uuid import UUID

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from gasolinera.cli.connect import reachable_settings
from gasolinera.cli.data import AsJson, write_json
from gasolinera.cli.sheets import Language, Output
from gasolinera.config import Settings
from gasolinera.coupon import exporting, issuing
from gasolinera.coupon.issuing import Issuer
from gasolinera.coupon.models_coupons import MAX_BATCH, Batch, BatchStatus, NewBatch
from gasolinera.coupon.printing import Paper, sheets
from gasolinera.database import Database, RequestContext, open_database
from gasolinera.errors import ConflictError, InputError
from gasolinera.keyring import load_keyring
from gasolinera.logs import configure_logs

app = typer.Typer(help="Issue coupons in bulk, and write them as tables and sheets.", no_args_is_help=True)
_PAUSE_S = 0.5
Result = TypeVar("Result")

Campaign = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="The campaign's code.")]
BatchId = Annotated[UUID | None, typer.Option("--batch", help="Only this batch, by its id.")]


@app.command("issue")
def issue_command(
    campaign: Campaign,
    count: Annotated[int, typer.Argument(min=1, max=MAX_BATCH, help="How many coupons.")],
    *,
    valid_from: Annotated[datetime | None, typer.Option(help="UTC. Default: the campaign's.")] = None,
    valid_until: Annotated[datetime | None, typer.Option(help="UTC. Default: the campaign's.")] = None,
    max_usage: Annotated[int, typer.Option(min=1, max=1000, help="How often each can be used.")] = 1,
    wait: Annotated[bool, typer.Option(help="Issue here until all are there; else workers do.")] = True,
    as_json: AsJson = False,
) -> None:
    """Issue coupons of a campaign with its terms of now. What is interrupted is gone on with by any worker, or by
    `resume`.
    """
    wanted = {
        "campaign_code": campaign,
        "count": count,
        "valid_from": None if valid_from is None else f"{valid_from.isoformat()}Z",
        "valid_until": None if valid_until is None else f"{valid_until.isoformat()}Z",
        "max_usage": max_usage,
    }
    try:
        new = msgspec.convert(wanted, NewBatch)
    except msgspec.ValidationError as error:
        raise InputError("coupon.request", f"no coupons can be issued like this: {error}") from None

    async def work(settings: Settings, db: Database) -> Batch:
        async with db.transaction(RequestContext(actor="command:coupons issue")) as conn:
            batch = await issuing.open_batch(conn, new)
        sys.stderr.write(f"batch {batch.batch_id}\n")
        return await _issue(settings, db, batch) if wait else batch

    _tell(_run(work), as_json=as_json)


@app.command("resume")
def resume_command(
    batch_id: Annotated[UUID, typer.Argument(metavar="BATCH", help="The batch's id.")], *, as_json: AsJson = False
) -> None:
    """Go on with a batch, beside whoever is at it."""

    async def work(settings: Settings, db: Database) -> Batch:
        async with db.connection() as conn:
            batch = await issuing.get_batch(conn, batch_id)
        return await _issue(settings, db, batch)

    _tell(_run(work), as_json=as_json)


@app.command("export")
def export_command(
    campaign: Annotated[str | None, typer.Argument(metavar="[CAMPAIGN]", help="The campaign's code.")] = None,
    *,
    batch_id: BatchId = None,
    language: Language = "en",
    output: Output = None,
) -> None:
    """Write the coupons of a campaign or of a batch as a table. Who has it has the coupons; the log says that it was
    written.
    """
    if (campaign is None) == (batch_id is None):
        raise InputError("coupon.export_of_what", "name a campaign, or a batch with --batch")
    context = RequestContext(actor="command:coupons export")

    async def pieces(db: Database) -> AsyncGenerator[bytes]:
        if batch_id is not None:
            batch = await exporting.begin_export_of_batch(db, batch_id, context)
            found = exporting.batch_as_csv(db, batch, language=language)
        else:
            assert campaign is not None, "one of the two is named"
            await exporting.begin_export_of_campaign(db, campaign, context)
            found = exporting.campaign_as_csv(db, campaign, language=language)
        async for piece in found:
            yield piece

    async def work(_settings: Settings, db: Database) -> None:
        found = pieces(db)
        head = await anext(found)  # what is refused leaves no empty file
        with nullcontext(sys.stdout.buffer) if output is None else output.open("wb") as target:
            target.write(head)
            async for piece in found:
                target.write(piece)

    _run(work)


@app.command("print")
def print_command(
    batch_id: Annotated[UUID, typer.Argument(metavar="BATCH", help="The batch's id.")],
    *,
    first: Annotated[int, typer.Option(min=1, help="The number to begin with, from one on.")] = 1,
    count: Annotated[int | None, typer.Option(min=1, help="How many. Default: all from there on.")] = None,
    paper: Annotated[Paper, typer.Option(help="The size of the sheets.", case_sensitive=False)] = "LETTER",
    language: Language = "es",
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder of the PDF files.")] = Path(),
) -> None:
    """Write sheets to print and cut, ten coupons a page, a thousand coupons a file. Prints the names of the files."""
    context = RequestContext(actor="command:coupons print")

    async def work(_settings: Settings, db: Database) -> None:
        async with db.connection() as conn:
            batch = await issuing.get_batch(conn, batch_id)
        end = batch.requested_count if count is None else min(batch.requested_count, first + count - 1)
        if first > end:
            raise InputError("coupon.number", f"the batch has {batch.requested_count} coupons")
        output.mkdir(parents=True, exist_ok=True)
        written = 0
        for start in range(first, end + 1, exporting.MAX_PRINTED):
            size = min(exporting.MAX_PRINTED, end + 1 - start)
            try:
                taken = await exporting.take_for_print(db, batch_id, first=start, count=size, context=context)
            except ConflictError:
                continue  # none of these is good any more; that none at all is, is told below
            path = output / f"coupons-{batch_id}-{start:07}.pdf"
            path.write_bytes(sheets(taken.campaign, taken.coupons, paper=paper, language=language))
            sys.stdout.write(f"{path}\n")
            written += 1
        if not written:
            raise ConflictError("coupon.not_issued", "the batch has no good coupons with these numbers")

    _run(work)


def _run(work: Callable[[Settings, Database], Awaitable[Result]]) -> Result:
    async def with_database(settings: Settings) -> Result:
        async with open_database(settings, "coupon") as db:
            return await work(settings, db)

    with reachable_settings() as settings:
        configure_logs(settings)
        return asyncio.run(with_database(settings))


async def _issue(settings: Settings, db: Database, batch: Batch) -> Batch:
    """Until the batch is complete, other processes' chunks included; with a bar where somebody looks."""
    issuer = Issuer(db, load_keyring(settings))
    console = Console(stderr=True)
    columns = TextColumn("issuing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console) if console.is_terminal else nullcontext() as progress:
        task = None if progress is None else progress.add_task("", total=batch.requested_count)
        while batch.status is BatchStatus.ISSUING:
            if not await issuer.issue_chunk(batch.batch_id) and not await issuer.finish_batches():
                await asyncio.sleep(_PAUSE_S)  # the rest is in the hands of others
            async with db.connection() as conn:
                batch = await issuing.get_batch(conn, batch.batch_id)
            if progress is not None and task is not None:
                progress.update(task, completed=batch.issued_count)
    return batch


def _tell(batch: Batch, *, as_json: bool) -> None:
    """Raises ConflictError `coupon.batch_cancelled` for one that somebody else ended."""
    _show(batch, as_json=as_json)
    if batch.status is BatchStatus.CANCELLED:
        raise ConflictError("coupon.batch_cancelled", "the batch was cancelled before all of its coupons were issued")


def _show(batch: Batch, *, as_json: bool) -> None:
    if as_json:
        write_json(batch)
    else:
        sys.stdout.write(f"{batch.batch_id}  {batch.status}  {batch.issued_count:,} of {batch.requested_count:,}\n")
