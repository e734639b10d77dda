"""`gasolinera ads`: campaigns and advertisements at the command line, media brought in, and why somebody sees what."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar
from uuid import UUID

import asyncpg
import msgspec
import typer

from gasolinera.ads import advertisements, campaigns, media, serving
from gasolinera.ads.errors import AD_REFUSALS
from gasolinera.ads.models_ads import AdFilter, Review
from gasolinera.ads.models_campaigns import AdCampaignFilter, AdCampaignStatus
from gasolinera.ads.models_serving import ContentRating, Viewer
from gasolinera.cli import ads_report
from gasolinera.cli.connect import reachable_settings
from gasolinera.cli.data import AsJson, write_json
from gasolinera.database import Connection, RequestContext, open_database
from gasolinera.logs import configure_logs

app = typer.Typer(help="Advertising: campaigns, advertisements, media, what is served.", no_args_is_help=True)
media_app = typer.Typer(help="Media of advertisements.", no_args_is_help=True)
app.add_typer(media_app, name="media")
app.add_typer(ads_report.app, name="report")
_MANY = 10_000
_KINDS = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".wav": "audio/wav",
    ".ogg": "audio/ogg",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
    ".webm": "video/webm",
    ".html": "text/html",
}
Result = TypeVar("Result")

_AdId = Annotated[UUID, typer.Argument(metavar="AD", help="The advertisement's id.")]


@media_app.callback()
def _group() -> None:
    """Keeps `add` a command of its own while it is the only one."""


@app.command("campaigns")
def campaigns_command(
    *,
    status: Annotated[AdCampaignStatus | None, typer.Option(help="Only with this status.")] = None,
    as_json: AsJson = False,
) -> None:
    """List campaigns and what is spent of them."""

    async def work(conn: Connection) -> None:
        found = await campaigns.list_campaigns(conn, AdCampaignFilter(status=status), cursor=None, limit=_MANY)
        if as_json:
            write_json(found.items)
            return
        for one in found.items:
            spent = f"{one.spent:,.2f} of {one.total_budget:,.2f} {one.currency}"
            sys.stdout.write(f"{one.campaign_code:24}{one.status:11}{one.priority:3}  {spent:34}{one.name}\n")

    _run(work)


@app.command("list")
def list_command(
    campaign: Annotated[str | None, typer.Argument(metavar="[CAMPAIGN]", help="Only of this campaign.")] = None,
    *,
    waiting: Annotated[bool, typer.Option(help="Only those that wait for review.")] = False,
    as_json: AsJson = False,
) -> None:
    """List advertisements, the newest first."""

    async def work(conn: Connection) -> None:
        wanted = AdFilter(campaign_code=campaign, is_waiting=True if waiting else None)
        found = await advertisements.list_ads(conn, wanted, cursor=None, limit=_MANY)
        if as_json:
            write_json(found.items)
            return
        for one in found.items:
            sys.stdout.write(
                f"{one.public_id}  {one.ad_format:12}{one.status:9}{one.approval_status:9}"
                f"{one.duration_s:4} s  {one.campaign_code:24}{one.title}\n"
            )

    _run(work)


@app.command("show")
def show_command(
    which: Annotated[str, typer.Argument(metavar="CAMPAIGN|AD", help="A campaign's code or an advertisement's id.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Show everything about a campaign or an advertisement."""

    async def work(conn: Connection) -> None:
        try:
            public_id = UUID(which)
        except ValueError:
            _tell(await campaigns.get_campaign(conn, which.upper()), as_json=as_json)
        else:
            _tell(await advertisements.get_ad(conn, public_id), as_json=as_json)

    _run(work)


@app.command("approve")
def approve_command(
    ad_id: _AdId,
    *,
    by: Annotated[UUID, typer.Option(help="Who approves: the public id of a user, not of its maker.")],
    as_json: AsJson = False,
) -> None:
    """Approve an advertisement that is handed in, as it is now."""

    async def work(conn: Connection) -> None:
        read = await advertisements.get_ad(conn, ad_id)
        await advertisements.review_ad(conn, ad_id, Review(is_approved=True), version=read.version, reviewed_by=by)
        _tell(await advertisements.get_ad(conn, ad_id), as_json=as_json)

    _run(work, "ads approve")


@app.command("serve")
def serve_command(  # noqa: PLR0913  what is known of a viewer is an option each
    *,
    user: Annotated[UUID, typer.Option(help="The public id of the viewer, whose frequency caps count.")],
    explain: Annotated[bool, typer.Option(help="Tell of the others the first reason why not.")] = False,
    station: Annotated[str | None, typer.Option(help="Where the viewer is.")] = None,
    city: Annotated[str | None, typer.Option(help="The station's.")] = None,
    state: Annotated[str | None, typer.Option(help="The station's.")] = None,
    fuel: Annotated[str | None, typer.Option(help="REGULAR, PREMIUM or DIESEL.")] = None,
    language: Annotated[str, typer.Option(help="es or en.")] = "es",
    segment: Annotated[list[str] | None, typer.Option(help="A segment the viewer is in; may be repeated.")] = None,
    rating: Annotated[ContentRating, typer.Option(help="What may be shown at most.")] = ContentRating.EVERYONE,
    limit: Annotated[int, typer.Option(min=32, help="Of how many to tell.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Choose an advertisement as for this viewer now. Shows it to nobody and counts nothing."""
    viewer = Viewer(
        user_id=user,
        station_code=station,
        city=city,
        state=state,
        fuel_type=fuel,
        language=language,
        segments=tuple(segment or ()),
        highest_rating=rating,
    )

    async def work(conn: Connection) -> None:
        found = await serving.explain(conn, viewer, limit=limit)
        if as_json:
            write_json(found if explain else found.chosen)
            return
        chosen = found.chosen
        sys.stdout.write("nothing\n" if chosen is None else f"{chosen.public_id}  {chosen.title}\n")
        if explain:
            for reason, count in found.counts.items():
                sys.stdout.write(f"{reason:24}{count:8,}\n")
            for one in found.judged:
                sys.stdout.write(f"{one.public_id}  {one.reason:24}{one.campaign_code:24}{one.title}\n")

    _run(work)


@media_app.command("add")
def add_media_command(
    path: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="The file.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Keep a file as media, told by its content. Prints its hash and its address."""
    declared = _KINDS.get(path.suffix.lower(), "")

    async def work(conn: Connection) -> None:
        examined = await media.examine(path.read_bytes(), declared=declared)
        stored = await media.keep(conn, examined, uploaded_by=None)
        _tell(stored, as_json=as_json)

    _run(work, "ads media add")


def _run(work: Callable[[Connection], Awaitable[Result]], changes: str | None = None) -> Result:
    async def with_database() -> Result:
        context = None if changes is None else RequestContext(actor=f"command:{changes}")
        try:
            async with open_database(settings, "ads") as db, db.transaction(context) as conn:
                return await work(conn)
        except asyncpg.IntegrityConstraintViolationError as error:
            refusal = AD_REFUSALS.get(error.constraint_name or "")
            if refusal is None:
                raise
            raise refusal() from None

    with reachable_settings() as settings:
        configure_logs(settings)
        return asyncio.run(with_database())


def _tell(found: msgspec.Struct, *, as_json: bool) -> None:
    if as_json:
        write_json(found)
        return
    for name, value in msgspec.to_builtins(found).items():
        shown = "-" if value is None else msgspec.json.encode(value).decode() if isinstance(value, list) else value
        sys.stdout.write(f"{name:30}{shown}\n")
