"""The back office's advertisements: made with their media, seen as viewers see them, approved by a second person."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Final, TypeAlias
from uuid import UUID, uuid4

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter
from litestar.response import Redirect, Stream, Template

from gasolinera.ads import advertisements, media
from gasolinera.ads.api_campaigns import user_id
from gasolinera.ads.api_media import given
from gasolinera.ads.forms_office import AdForm, ReviewForm, ad_change, filled_ad, new_ad
from gasolinera.ads.models_ads import Ad, AdStatus, ApprovalStatus, Review
from gasolinera.ads.models_serving import AdFormat, ContentRating
from gasolinera.ads.pages_office import (
    MANAGE,
    READ,
    ROOT,
    WORDING,
    Said,
    office_page,
    one_of,
    texts,
)
from gasolinera.authentication import requires
from gasolinera.database import Database, RequestContext
from gasolinera.errors import GasolineraError, InputError
from gasolinera.idempotency import once
from gasolinera.permissions import Caller, Permission
from gasolinera.web.confirming import Question, confirm_page, is_confirmed
from gasolinera.web.forms import Form, read_form
from gasolinera.web.refusing import refused, tell, words_of

APPROVE: Final = [requires(Permission.ADS_APPROVE, second_factor=True, fresh=True)]
_LIST: Final = f"{ROOT}/advertisements"
_ONE: Final = f"{_LIST}/{{ad_id:uuid}}"
_HISTORY: Final = 8
_FORM_BYTES: Final = 100_000  # beside the file
_FIELDS: Final[Mapping[str, str]] = {
    "ad.title": "title",
    "ad.description": "description",
    "ad.body_text": "body_text",
    "ad.content": "ad_format",
    "ad.media": "media",
    "ad.media_type": "media",
    "ad.media_url": "media_url",
    "ad_media.kind": "media",
    "ad_media.size": "media",
    "ad.click_url": "click_url",
    "ad.skip_after_s": "skip_after_s",
    "ad.campaign": "campaign_code",
}

AdId: TypeAlias = Annotated[UUID, PathParameter()]
Work: TypeAlias = Callable[[], Awaitable[None]]


@get(_ONE, guards=READ, include_in_schema=False)
async def ad_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    ad_id: AdId,
    said: Said = None,  # noqa: ARG001  read by the page
) -> Template:
    return await _ad_page(request, db, caller, ad_id)


async def _ad_page(
    request: Request[Any, Any, Any],
    db: Database,
    caller: Caller,
    ad_id: UUID,
    *,
    refusal: str | None = None,
    form: Form | None = None,
) -> Template:
    async with db.connection() as conn:
        ad = await advertisements.get_ad(conn, ad_id)
        history = await advertisements.audit(conn, ad_id, cursor=None, limit=_HISTORY)
    is_own = caller.user_id in (ad.created_by, ad.changed_by)
    values = {
        "ad": ad,
        "picture": None if ad.media_sha256 is None or ad.media_url else f"{ROOT}/media/{ad.media_sha256}",
        "history": history,
        "is_own": is_own,
        "is_waiting": ad.submitted_at is not None and ad.approval_status is ApprovalStatus.PENDING,
        "may_change": caller.reach(Permission.ADS_MANAGE) is not None and caller.has_second_factor,
        "may_approve": caller.reach(Permission.ADS_APPROVE) is not None and caller.has_second_factor,
        "refusal": refusal,
        "form": form or Form(),
    }
    status = 422 if form is not None else 200 if refusal is None else 409
    return office_page(request, "ad.html", values, status=status)


@get(f"{ROOT}/media/{{sha256:str}}", guards=READ, include_in_schema=False)
async def media_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    sha256: Annotated[str, PathParameter(pattern=r"^[0-9a-f]{64}$(?!\n)")],
) -> Response[Any] | Stream:
    """For the preview: those too that nobody has approved yet."""
    headers = request.headers
    return await given(
        db,
        sha256,
        may_see_all=True,
        if_none_match=headers.get("if-none-match"),
        byte_range=headers.get("range"),
    )


def _form_page(request: Request[Any, Any, Any], form: Form, ad: Ad | None, code: str, status: int = 200) -> Template:
    values = {
        "form": form,
        "ad": ad,
        "campaign_code": code,
        "formats": list(AdFormat),
        "ratings": list(ContentRating),
        "new_key": str(uuid4()),
        "media_mb": media.MAX_MEDIA_BYTES // 10**6,
    }
    return office_page(request, "ad_form.html", values, status=status)


@get(f"{_LIST}/new", guards=MANAGE, include_in_schema=False)
async def new_route(
    request: Request[Any, Any, Any],
    campaign: Annotated[str, QueryParameter(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{2,49}$(?!\n)")],
) -> Template:
    usual = {"ad_format": "IMAGE", "duration_s": "15", "completion_threshold_percent": "80", "ticket_multiplier": "2"}
    form = Form(usual | {"content_rating": "EVERYONE"}, {"languages": ("es",)})
    return _form_page(request, form, None, campaign.upper())


@post(
    f"{_LIST}/new",
    guards=MANAGE,
    status_code=200,
    include_in_schema=False,
    opt={"timeout_s": 60},
    request_max_body_size=media.MAX_MEDIA_BYTES + _FORM_BYTES,
)
async def create_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
) -> Template | Redirect:
    form = await read_form(request)
    code = form.value("campaign_code").upper()
    parsed = await _read(request, db, context, caller, form)
    if parsed is None:
        return _form_page(request, form, None, code, 422)
    made: list[str] = []

    async def create() -> None:
        async with db.transaction(context) as conn:

            async def make() -> str:
                return str(await advertisements.create_ad(conn, new_ad(parsed), created_by=user_id(caller)))

            made.append(await once(conn, db.service, request, form.fields, make))

    refusal = await refused(request, create())
    if refusal is not None:
        tell(request, form, refusal, WORDING, _FIELDS)
        return _form_page(request, form, None, code, 422)
    return Redirect(f"{_LIST}/{made[0]}?said=ad-drafted", status_code=303)


async def _read(
    request: Request[Any, Any, Any], db: Database, context: RequestContext, caller: Caller, form: Form
) -> AdForm | None:
    """What was uploaded is kept before the rest is looked at: it stays when something else is wrong."""
    form.values["description"] = " ".join(form.value("description").split())
    file = form.files.get("media")
    if file is not None:
        try:
            examined = await media.examine(await file.read(), declared=file.content_type)
        except GasolineraError as error:
            tell(request, form, error, WORDING, _FIELDS)
        else:
            async with db.transaction(context) as conn:
                stored = await media.keep(conn, examined, uploaded_by=user_id(caller))
            form.values |= {"media_sha256": stored.sha256, "media_url": "", "media_type": "", "media_bytes": ""}
    faults = dict(form.errors)
    form.errors.clear()
    parsed = form.parsed(AdForm)
    form.errors |= faults
    return None if form.errors else parsed


@get(f"{_ONE}/edit", guards=MANAGE, include_in_schema=False)
async def edit_route(request: Request[Any, Any, Any], db: NamedDependency[Database], ad_id: AdId) -> Template:
    async with db.connection() as conn:
        ad = await advertisements.get_ad(conn, ad_id)
    return _form_page(request, filled_ad(ad), ad, ad.campaign_code)


@post(
    f"{_ONE}/edit",
    guards=MANAGE,
    status_code=200,
    include_in_schema=False,
    opt={"timeout_s": 60},
    request_max_body_size=media.MAX_MEDIA_BYTES + _FORM_BYTES,
)
async def change_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    ad_id: AdId,
) -> Template | Redirect:
    form = await read_form(request)
    async with db.connection() as conn:
        ad = await advertisements.get_ad(conn, ad_id)
    parsed = await _read(request, db, context, caller, form)
    if parsed is None:
        return _form_page(request, form, ad, ad.campaign_code, 422)

    async def change() -> None:
        async with db.transaction(context) as conn:
            await advertisements.change_ad(conn, ad_id, ad_change(parsed), version=parsed.version)

    refusal = await refused(request, change())
    if refusal is not None:
        tell(request, form, refusal, WORDING, _FIELDS)
        return _form_page(request, form, ad, ad.campaign_code, 422)
    return Redirect(f"{_LIST}/{ad_id}?said=ad-changed", status_code=303)


async def _done(
    request: Request[Any, Any, Any], db: Database, caller: Caller, ad_id: UUID, work: Work, said: str
) -> Template | Redirect:
    refusal = await refused(request, work())
    if refusal is not None:
        return await _ad_page(request, db, caller, ad_id, refusal=words_of(request, WORDING, refusal))
    return Redirect(f"{_LIST}/{ad_id}?said={said}", status_code=303)


@post(f"{_ONE}/submission", guards=MANAGE, status_code=200, include_in_schema=False)
async def submit_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    ad_id: AdId,
) -> Template | Redirect:
    await read_form(request)

    async def submit() -> None:
        async with db.transaction(context) as conn:
            await advertisements.submit_ad(conn, ad_id)

    return await _done(request, db, caller, ad_id, submit, "ad-submitted")


@post(f"{_ONE}/review", guards=APPROVE, status_code=200, include_in_schema=False)
async def review_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    ad_id: AdId,
) -> Template | Redirect:
    """Of what was looked at: a version that changed meanwhile is refused. A rejection has a reason."""
    form = await read_form(request)
    form.values["reason"] = " ".join(form.value("reason").split())
    is_approved = form.value("answer") == "approve"
    parsed = form.parsed(ReviewForm)
    if parsed is None or (not is_approved and parsed.reason is None):
        if parsed is not None:
            form.refuse(texts(request, "reason-needed"), "reason")
        return await _ad_page(request, db, caller, ad_id, form=form)

    async def review() -> None:
        wish = Review(is_approved=is_approved, reason=None if is_approved else parsed.reason)
        async with db.transaction(context) as conn:
            await advertisements.review_ad(conn, ad_id, wish, version=parsed.version, reviewed_by=user_id(caller))

    said = "ad-approved" if is_approved else "ad-rejected"
    return await _done(request, db, caller, ad_id, review, said)


@post(f"{_ONE}/status", guards=MANAGE, status_code=200, include_in_schema=False)
async def status_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    ad_id: AdId,
) -> Template | Redirect:
    """The archive is the end, and asks."""
    form = await read_form(request)
    wanted = one_of(AdStatus, form.value("status"))
    if wanted is None:
        raise InputError("ad.status", "there is no such status")
    if wanted is AdStatus.ARCHIVED and not is_confirmed(form):
        question = Question(
            title=texts(request, "ask-archive-title"),
            text=texts(request, "ask-archive"),
            yes=texts(request, "ad-to-ARCHIVED"),
            back=f"{_LIST}/{ad_id}",
        )
        return confirm_page(request, question, {"status": str(wanted)}, form)

    async def change() -> None:
        async with db.transaction(context) as conn:
            await advertisements.change_status(conn, ad_id, wanted)

    return await _done(request, db, caller, ad_id, change, f"ad-{wanted.lower()}")


HANDLERS: Final = (
    ad_route,
    media_route,
    new_route,
    create_route,
    edit_route,
    change_route,
    submit_route,
    review_route,
    status_route,
)
