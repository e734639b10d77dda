"""The life of a view: an advertisement with a token, the start, the player's reports, the end; by the server's clock.

What a step comes to is returned, not raised: what it recorded holds. `refuse` makes the error of it afterwards.
"""

import hashlib
import math
import secrets
from collections.abc import Callable, Mapping
from uuid import UUID

from gasolinera.ads import queries_views as queries
from gasolinera.ads.models_serving import ChosenAd, Viewer
from gasolinera.ads.models_views import (
    ServedAd,
    ServeWish,
    ShownAd,
    View,
    ViewPosition,
    ViewProgress,
    ViewReport,
    ViewRules,
    ViewStart,
)
from gasolinera.ads.queries_views import Told
from gasolinera.ads.serving import choose_ad
from gasolinera.database import Connection, Database, RequestContext
from gasolinera.errors import ConflictError, GasolineraError, GoneError, InputError, TooManyError, UnknownError
from gasolinera.jobs import Job, in_batches
from gasolinera.paging import Page, decode_cursor, page_of

LONGEST_CHAIN = 10
_AT_ONCE = 500


def _running() -> ConflictError:
    hint = "end it, or wait until it is over: GET /api/ads/views/current shows it"
    return ConflictError("ads.view_running", "another view of this person is under way", hint)


def _not_shown() -> ConflictError:
    return ConflictError("ads.not_shown", "this advertisement is shown no more", "ask for another one")


def _no_chain() -> ConflictError:
    hint = "its time is over, it was cancelled, it earned no tickets, or this step was done"
    return ConflictError("ads.nothing_to_multiply", "the tickets of this redemption cannot be multiplied now", hint)


VIEW_REFUSALS: Mapping[str, Callable[[], GasolineraError]] = {
    "ad_engagements_started_user_id_idx": _running,
    "ad_engagements_may_be_shown_check": _not_shown,
    "ad_frequency_counters_engagement_cap_check": lambda: ConflictError(
        "ads.seen_enough", "this advertisement was shown to this person as often as it may be", "ask for another one"
    ),
    "ad_engagements_completed_step_idx": _no_chain,
    "ad_view_rules_score_check": lambda: InputError(
        "ads.rules", "a view is looked at from a lower score on than it is rejected"
    ),
}


async def serve(conn: Connection, user_id: UUID, wish: ServeWish) -> ServedAd:
    """An advertisement for a viewer, and the token that starts one view of it: the only place where it is readable.

    Raises UnknownError `ads.unknown_redemption`, `ads.nothing_to_show`, ConflictError `ads.nothing_to_multiply`.
    """
    prepared = await queries.prepare_serving(conn, user_id, wish.reference)
    if wish.reference is not None:
        if not prepared.is_known:
            hint = "one that was just completed takes a moment to be known here"
            raise UnknownError("ads.unknown_redemption", "there is no such redemption of this person", hint)
        if not prepared.is_open or not prepared.base_tickets or prepared.chain_step > LONGEST_CHAIN:
            raise _no_chain()
    viewer = Viewer(
        user_id=user_id,
        station_code=prepared.station_code or wish.station_code,
        city=wish.city,
        state=wish.state,
        fuel_type=prepared.fuel_type or wish.fuel_type,
        language=wish.language,
        segments=(prepared.segment,),
        transaction_reference=wish.reference,
        not_again=prepared.turned_away,
    )
    ad = await choose_ad(conn, viewer)
    if ad is None:
        raise UnknownError("ads.nothing_to_show", "there is no advertisement for this person now", "try again later")
    token = secrets.token_urlsafe(32)
    expires_at = await queries.hand_out_token(
        conn, hash_token(token), ad.advertisement_id, user_id, wish.reference, prepared.chain_step
    )
    base_tickets = prepared.base_tickets or 0
    return ServedAd(
        token=token,
        expires_at=expires_at,
        reference=wish.reference,
        chain_step=prepared.chain_step,
        base_tickets=base_tickets,
        bonus_tickets=min(base_tickets * (ad.ticket_multiplier - 1), ad.max_bonus_tickets),
        needed_percentage=ad.completion_threshold_percent,
        advertisement=_shown(ad),
    )


def _shown(ad: ChosenAd) -> ShownAd:
    return ShownAd(
        advertisement_id=ad.public_id,
        advertiser_name=ad.advertiser_name,
        title=ad.title,
        description=ad.description,
        ad_format=ad.ad_format,
        body_text=ad.body_text,
        media_url=ad.media_url,
        media_type=ad.media_type,
        media_sha256=ad.media_sha256,
        media_bytes=ad.media_bytes,
        click_url=ad.click_url,
        duration_s=ad.duration_s,
        skip_after_s=ad.skip_after_s,
    )


def hash_token(token: str) -> bytes:
    """SHA-256 is enough for 256 random bits: nobody guesses them."""
    return hashlib.sha256(token.encode()).digest()


async def start(conn: Connection, user_id: UUID, wish: ViewStart) -> Told:
    """Use the token, once. STARTED, or why not. Locks the token, the redemption, the viewer's running view."""
    return await queries.begin_view(
        conn, hash_token(wish.token), user_id, visible_percent=wish.visible_percent, is_muted=wish.is_muted
    )


async def report(conn: Connection, user_id: UUID, view_id: UUID, said: ViewReport) -> Told:
    """TAKEN or REPEATED, or why not. Locks the view, and as `complete` does where a skip comes after enough of it."""
    return await queries.report_view(conn, view_id, user_id, said)


async def complete(conn: Connection, user_id: UUID, view_id: UUID, said: ViewProgress) -> Told:
    """COMPLETED or REJECTED, also when it was asked before, or why not. Locks the view, its redemption, its budget."""
    return await queries.finish_view(conn, view_id, user_id, said)


def refuse(told: Told) -> View:
    """The view, where the step was taken. Raises what its outcome means otherwise.

    UnknownError `ads.view_unknown`, GoneError `ads.token_over`, `ads.view_over`, ConflictError `ads.token_used`,
    `ads.view_running`, `ads.nothing_to_multiply`, `ads.not_shown`, `ads.not_skippable`, `ads.not_watched`, TooManyError
    `ads.reports`.
    """
    view = told.view
    match told.outcome:
        case "NO_TOKEN":
            raise GoneError("ads.token_over", "this advertisement can be started no more", "ask for another one")
        case "TOKEN_USED":
            raise ConflictError("ads.token_used", "this advertisement was started before", "ask for another one")
        case "NOTHING_TO_MULTIPLY":
            raise _no_chain()
        case "RUNNING":
            raise _running()
        case "BUDGET_SPENT":
            raise _not_shown()
        case "UNKNOWN":
            raise UnknownError("ads.view_unknown", "there is no such view of this person")
        case _:
            assert view is not None, "whatever is left is about a view"
    match told.outcome:
        case "ENDED":
            raise GoneError("ads.view_over", "this view is over", f"it is {view.status.lower()}")
        case "NOT_SKIPPABLE":
            raise ConflictError(
                "ads.not_skippable", "this advertisement cannot be skipped now", "ABANDON ends the view"
            )
        case "NOT_WATCHED":
            hint = f"{math.ceil(view.lacking_s)} s are missing"
            raise ConflictError("ads.not_watched", "not enough of this advertisement was watched yet", hint)
        case "TOO_MANY":
            raise TooManyError("ads.reports", "this view was reported of too often", "end it", retry_after_s=60)
        case _:
            return view


async def current(conn: Connection, user_id: UUID) -> View:
    """Raises UnknownError `ads.view_unknown`."""
    return _found(await queries.current_view(conn, user_id))


async def get_view(conn: Connection, user_id: UUID, view_id: UUID) -> View:
    """Raises UnknownError `ads.view_unknown`."""
    return _found(await queries.get_view(conn, user_id, view_id))


def _found(view: View | None) -> View:
    if view is None:
        raise UnknownError("ads.view_unknown", "there is no such view of this person")
    return view


async def history(conn: Connection, user_id: UUID, *, cursor: str | None, limit: int) -> Page[View]:
    """The newest first. Raises InputError `request.cursor`."""
    after = decode_cursor(ViewPosition, cursor)
    if after is not None and not 1900 < after.started_at.year < 9000:
        raise InputError("request.cursor", "the cursor is not one that a page of this list gave")
    found = await queries.list_views(conn, user_id, after, limit + 1)
    return page_of(found, limit=limit, position=lambda view: ViewPosition(view.started_at, view.view_id))


async def get_rules(conn: Connection) -> ViewRules:
    return await queries.get_rules(conn)


async def put_rules(conn: Connection, rules: ViewRules) -> ViewRules:
    """For what is decided from now on. Breaks ad_view_rules_score_check where a score contradicts the other."""
    return await queries.put_rules(conn, rules)


async def _expire(db: Database, _arguments: Mapping[str, str]) -> str:
    context = RequestContext(actor="job:ads.expire_views")
    views = await in_batches(db, queries.expire_views, _AT_ONCE, "{} views so far", context=context)
    # One at a time: two that settle several views could each hold a share of a budget that the other waits for.
    settled = await in_batches(db, queries.settle_silent_views, 1, "{} views settled so far", context=context)
    tokens = await in_batches(db, queries.forget_tokens, _AT_ONCE, "{} tokens so far", context=context)
    return f"{views} views expired, {settled} settled, {tokens} tokens forgotten"


EXPIRE_VIEWS = Job(
    name="ads.expire_views",
    service="ads",
    summary="End views that nobody is at any more, and forget tokens that nobody used.",
    run=_expire,
    schedule="* * * * *",
)
