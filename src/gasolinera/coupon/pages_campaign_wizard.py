"""The wizard that makes a campaign, or changes one: a step a page, without a script, and a dry run at the end."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from litestar import Request, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.response import Redirect, Template

from gasolinera.authentication import requires
from gasolinera.coupon import campaign_steps as steps
from gasolinera.coupon import campaigns, trying
from gasolinera.coupon.api_campaigns import user_id
from gasolinera.coupon.models_campaigns import (
    ApprovalLimits,
    Audience,
    Campaign,
    CancellationPolicy,
    DiscountType,
    Period,
)
from gasolinera.coupon.models_pages import Trial
from gasolinera.coupon.pages_campaigns import FUELS, WORDING, CodeInPath
from gasolinera.database import Database, RequestContext
from gasolinera.permissions import Caller, Permission
from gasolinera.web.forms import Form, read_form
from gasolinera.web.pages import page
from gasolinera.web.refusing import refused, tell

ZONES: Final = (
    "America/Mexico_City",
    "America/Cancun",
    "America/Monterrey",
    "America/Chihuahua",
    "America/Hermosillo",
    "America/Tijuana",
    "America/Costa_Rica",
    "America/Guatemala",
    "America/El_Salvador",
    "America/Tegucigalpa",
    "America/Managua",
    "America/Panama",
)
_SEE: Final = [requires(Permission.CAMPAIGNS_MANAGE, second_factor=True)]
_MAKE: Final = [requires(Permission.CAMPAIGNS_MANAGE, second_factor=True, fresh=True)]


class _Asked(msgspec.Struct, frozen=True):
    """A step that somebody took; `campaign` None: of a new one."""

    request: Request[Any, Any, Any]
    db: Database
    context: RequestContext
    caller: Caller
    limits: ApprovalLimits
    campaign: Campaign | None


@get("/office/campaigns/new", guards=_SEE, include_in_schema=False, sync_to_thread=False)
def begin_route(request: Request[Any, Any, Any]) -> Template:
    return _step_page(request, steps.beginning(), steps.ORDER[0], None)


@post("/office/campaigns/new", guards=_MAKE, status_code=200, include_in_schema=False)
async def go_on_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    state: State,
) -> Template | Redirect:
    limits = campaigns.approval_limits(state["settings"])
    return await _go_on(_Asked(request, db, context, caller, limits, None))


@get("/office/campaigns/{code:str}/edit", guards=_SEE, include_in_schema=False)
async def edit_route(request: Request[Any, Any, Any], db: NamedDependency[Database], code: CodeInPath) -> Template:
    async with db.connection() as conn:
        campaign = await campaigns.get_campaign(conn, code.upper())
    return _step_page(request, steps.form_of(campaign), steps.ORDER[0], campaign)


@post("/office/campaigns/{code:str}/edit", guards=_MAKE, status_code=200, include_in_schema=False)
async def change_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    state: State,
    code: CodeInPath,
) -> Template | Redirect:
    async with db.connection() as conn:
        campaign = await campaigns.get_campaign(conn, code.upper())
    limits = campaigns.approval_limits(state["settings"])
    return await _go_on(_Asked(request, db, context, caller, limits, campaign))


async def _go_on(asked: _Asked) -> Template | Redirect:
    form, campaign = await read_form(asked.request), asked.campaign
    for name in ("campaign_code", "raffle_code"):
        form.values[name] = form.value(name).upper()
    if campaign is not None:
        form.values |= {"campaign_code": campaign.campaign_code, "currency": campaign.currency}
    step = form.value("step") if form.value("step") in steps.ORDER else steps.ORDER[0]
    wish = form.value("go")
    if wish in steps.STEPS:
        return _step_page(asked.request, form, wish, campaign)
    if step != "summary" and steps.check_step(form, step) is None:
        return _step_page(asked.request, form, step, campaign, status=422)
    following = steps.ORDER[min(steps.ORDER.index(step) + 1, len(steps.ORDER) - 1)]
    if following != "summary":
        return _step_page(asked.request, form, following, campaign)
    return await _conclude(asked, form, is_kept=wish == "save" and step == "summary")


async def _conclude(asked: _Asked, form: Form, *, is_kept: bool) -> Template | Redirect:
    """All steps were answered: tries the whole, or keeps it."""
    faulty, values = steps.whole(form)
    if faulty:
        return _step_page(asked.request, form, faulty, asked.campaign, status=422)
    trials: list[Trial] = []

    async def work() -> None:
        if is_kept:
            await _keep(asked, form, values)
        else:
            trials.append(await _try(asked, form, values))

    error = await refused(asked.request, work())
    if error is not None:
        tell(asked.request, form, error, WORDING, steps.FIELD_OF)
        field = steps.FIELD_OF.get(error.code)
        faulty = steps.step_of(field) if field else steps.ORDER[0]
        return _step_page(asked.request, form, faulty, asked.campaign, status=422)
    if is_kept:
        said = "created" if asked.campaign is None else "changed"
        return Redirect(f"/office/campaigns/{form.value('campaign_code')}?said={said}", status_code=303)
    return _step_page(asked.request, form, "summary", asked.campaign, trial=trials[0], read=values)


async def _try(asked: _Asked, form: Form, values: Mapping[str, Any]) -> Trial:
    if asked.campaign is None:
        new = steps.new_campaign(values)
        return await trying.try_new(asked.db, asked.context, new, asked.limits, created_by=user_id(asked.caller))
    code, change = asked.campaign.campaign_code, steps.change_of(values)
    return await trying.try_change(asked.db, asked.context, code, change, asked.limits, version=_version(form))


async def _keep(asked: _Asked, form: Form, values: Mapping[str, Any]) -> None:
    async with asked.db.transaction(asked.context) as conn:
        if asked.campaign is None:
            await campaigns.create_campaign(conn, steps.new_campaign(values), created_by=user_id(asked.caller))
            return
        code, change = asked.campaign.campaign_code, steps.change_of(values)
        await campaigns.change_campaign(conn, code, change, version=_version(form))


def _version(form: Form) -> int:
    """Of the campaign when the wizard began. Raises StaleError."""
    return campaigns.parse_version(f'"{form.value("version")}"')


def _step_page(
    request: Request[Any, Any, Any],
    form: Form,
    step: str,
    campaign: Campaign | None,
    *,
    trial: Trial | None = None,
    read: Mapping[str, Any] | None = None,
    status: int = 200,
) -> Template:
    """What other steps ask for goes along, unseen. `read`: the values of all steps, for the summary."""
    kept = [
        (name, value)
        for other, fields in steps.FIELDS.items()
        if other != step
        for name in fields
        for value in (form.lists.get(name, ()) if name in steps.LISTS else [form.value(name)])
        if value
    ]
    if form.value("version"):
        kept.append(("version", form.value("version")))
    values = {
        "form": form,
        "step": step,
        "order": steps.ORDER,
        "at": steps.ORDER.index(step),
        "kept": kept,
        "campaign": campaign,
        "trial": trial,
        "read": read or {},
        "discount_types": list(DiscountType),
        "audiences": list(Audience),
        "periods": list(Period),
        "policies": list(CancellationPolicy),
        "fuels": FUELS,
        "zones": ZONES if form.value("time_zone") in ZONES else (*ZONES, form.value("time_zone")),
    }
    return page(request, "coupon/campaigns/wizard.html", values, wording=WORDING, status=status)


HANDLERS = (begin_route, go_on_route, edit_route, change_route)
