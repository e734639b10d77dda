"""The rules of fraud and their thresholds as forms, with what a change would have done, and who changed what."""

from typing import Annotated, Any, Final

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter
from litestar.response import Redirect, Template

from gasolinera.authentication import requires
from gasolinera.database import Database, RequestContext
from gasolinera.limits import Limit
from gasolinera.permissions import Permission
from gasolinera.redemption import fraud_rules
from gasolinera.redemption.errors_fraud import unknown_rule
from gasolinera.redemption.fraud_words import rule_label
from gasolinera.redemption.models_fraud import (
    Decision,
    FraudRule,
    RuleBook,
    RuleParameter,
    RuleWish,
    SimulatedRule,
    Simulation,
    SimulationWish,
    ThresholdsWish,
)
from gasolinera.redemption.pages_fraud import WORDING
from gasolinera.web.forms import Fault, Form, read_form
from gasolinera.web.pages import language_of, page
from gasolinera.web.refusing import refused, tell

_READ: Final = [requires(Permission.FRAUD_RULES)]
_CHANGE: Final = [requires(Permission.FRAUD_RULES, second_factor=True, fresh=True)]
_SIMULATED: Final = 500
RuleName = Annotated[str, PathParameter(pattern=r"^[a-z][a-z0-9_]{2,49}$(?!\n)")]


class RuleForm(msgspec.Struct, frozen=True, kw_only=True):
    points: Annotated[int, msgspec.Meta(ge=1, le=100)]
    is_enabled: bool = False
    version: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]


@get("/office/fraud/rules", guards=_READ, include_in_schema=False)
async def rules_route(request: Request[Any, Any, Any], db: NamedDependency[Database]) -> Template:
    return await _rules_page(request, db, None)


@post("/office/fraud/rules/thresholds", guards=_CHANGE, status_code=303, include_in_schema=False)
async def thresholds_route(
    request: Request[Any, Any, Any], db: NamedDependency[Database], context: NamedDependency[RequestContext]
) -> Template | Redirect:
    form = await read_form(request)
    wish = form.parsed(ThresholdsWish)
    if wish is None:
        return await _rules_page(request, db, form, status=422)

    async def work() -> None:
        async with db.transaction(context) as conn:
            await fraud_rules.put_thresholds(conn, wish)

    error = await refused(request, work())
    if error is not None:
        tell(request, form, error, WORDING, {"fraud.thresholds": "blocked_from"})
        return await _rules_page(request, db, form, status=int(error.status))
    return Redirect("/office/fraud/rules?said=thresholds", status_code=303)


@get("/office/fraud/rules/{name:str}", guards=_READ, include_in_schema=False)
async def rule_route(request: Request[Any, Any, Any], db: NamedDependency[Database], name: RuleName) -> Template:
    async with db.connection() as conn:
        book = await fraud_rules.read_rules(conn)
    return _rule_page(request, book, _rule_of(book, name), None)


@post(
    "/office/fraud/rules/{name:str}",
    guards=_CHANGE,
    status_code=303,
    opt={"limits": (Limit("user", 20, 60),)},
    include_in_schema=False,
)
async def change_rule_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    name: RuleName,
) -> Template | Redirect:
    """`go` is `try` for what the change would have done with the newest redemptions: then nothing is kept."""
    form = await read_form(request)
    async with db.connection() as conn:
        book = await fraud_rules.read_rules(conn)
    rule = _rule_of(book, name)
    wish = _wish(form, rule, [one for one in book.parameters if one.kind is rule.kind])
    if wish is None:
        return _rule_page(request, book, rule, form, status=422)
    tried: list[Simulation] = []

    async def work() -> None:
        if form.value("go") == "try":
            changed = SimulatedRule(
                rule_name=name,
                kind=wish.kind,
                parameters=wish.parameters,
                points=wish.points,
                is_enabled=wish.is_enabled,
            )
            async with db.connection() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
                tried.append(await fraud_rules.simulate(conn, SimulationWish(rules=(changed,), newest=_SIMULATED)))
            return
        async with db.transaction(context) as conn:
            await fraud_rules.put_rule(conn, name, wish)

    error = await refused(request, work())
    if error is not None:
        tell(request, form, error, WORDING)
        return _rule_page(request, book, rule, form, status=int(error.status))
    if tried:
        return _rule_page(request, book, rule, form, simulation=tried[0])
    return Redirect("/office/fraud/rules?said=rule", status_code=303)


def _wish(form: Form, rule: FraudRule, parameters: list[RuleParameter]) -> RuleWish | None:
    """The bounds of each parameter are those that the database says."""
    values: dict[str, int] = {}
    for one in parameters:
        typed = form.value(one.parameter)
        if not typed.lstrip("-").isascii() or not typed.lstrip("-").isdigit() or len(typed) > 9:
            form.errors[one.parameter] = Fault("field-number" if typed else "field-required")
            continue
        values[one.parameter] = int(typed)
        if values[one.parameter] < one.lowest:
            form.errors[one.parameter] = Fault("field-least", {"bound": str(one.lowest)})
        elif values[one.parameter] > one.highest:
            form.errors[one.parameter] = Fault("field-most", {"bound": str(one.highest)})
    read = form.parsed(RuleForm)
    if read is None or form.errors:
        return None
    return RuleWish(
        kind=rule.kind, parameters=values, points=read.points, is_enabled=read.is_enabled, version=read.version
    )


def _rule_of(book: RuleBook, name: str) -> FraudRule:
    """Raises UnknownError."""
    found = next((rule for rule in book.rules if rule.rule_name == name), None)
    if found is None:
        raise unknown_rule()
    return found


async def _rules_page(
    request: Request[Any, Any, Any], db: Database, form: Form | None, *, status: int = 200
) -> Template:
    async with db.connection() as conn:
        book = await fraud_rules.read_rules(conn)
    now = book.thresholds
    names = ("flagged_from", "review_from", "blocked_from", "version")
    language = language_of(request)
    values = {
        "book": book,
        "form": form or Form({name: str(getattr(now, name)) for name in names}),
        "labels": {rule.rule_name: rule_label(WORDING, language, rule.rule_name) for rule in book.rules},
    }
    return page(request, "redemption/fraud/rules.html", values, wording=WORDING, status=status)


def _rule_page(
    request: Request[Any, Any, Any],
    book: RuleBook,
    rule: FraudRule,
    form: Form | None,
    *,
    simulation: Simulation | None = None,
    status: int = 200,
) -> Template:
    begun = {"points": str(rule.points), "version": str(rule.version), "is_enabled": "on" if rule.is_enabled else ""}
    begun |= {name: str(value) for name, value in rule.parameters.items()}
    values = {
        "rule": rule,
        "label": rule_label(WORDING, language_of(request), rule.rule_name),
        "parameters": [one for one in book.parameters if one.kind is rule.kind],
        "form": form or Form(begun),
        "simulation": simulation,
        "decisions": list(Decision),
    }
    return page(request, "redemption/fraud/rule.html", values, wording=WORDING, status=status)


HANDLERS = (rules_route, thresholds_route, rule_route, change_rule_route)
