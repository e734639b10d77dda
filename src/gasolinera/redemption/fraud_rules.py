"""Rules and thresholds: reading and changing them, and what others would have done."""

from collections import Counter

from gasolinera.database import Connection
from gasolinera.paging import Page, Position, decode_cursor, page_of
from gasolinera.redemption import queries_fraud as queries
from gasolinera.redemption.errors_fraud import (
    other_kind,
    stale_rules,
    too_many_rules,
    unfit_parameters,
    unknown_rule,
    wrong_order,
)
from gasolinera.redemption.models_fraud import (
    MAX_RULES,
    SHOWN_CHANGES,
    FraudAuditEntry,
    FraudRule,
    RuleBook,
    RuleWish,
    SimulatedRule,
    SimulatedThresholds,
    Simulation,
    SimulationWish,
    Thresholds,
    ThresholdsWish,
)

_LAST = 2**63 - 1


class FraudAuditPosition(Position, frozen=True):
    id: int


async def read_rules(conn: Connection) -> RuleBook:
    return RuleBook(
        tuple(await queries.list_rules(conn)),
        await queries.get_thresholds(conn),
        tuple(await queries.list_parameters(conn)),
    )


async def put_rule(conn: Connection, name: str, wish: RuleWish) -> FraudRule:
    """Makes a rule (version 0) or changes one, for every assessment that begins after the commit.

    Raises UnknownError, ConflictError when somebody else changed it or there are too many; the constraint refuses
    parameters that do not fit.
    """
    if wish.version == 0:
        made = await queries.add_rule(conn, name, wish)
        if made is None:
            raise too_many_rules()
        return made
    changed = await queries.change_rule(conn, name, wish)
    if changed is not None:
        return changed
    known = await queries.get_rule(conn, name)
    if known is None:
        raise unknown_rule()
    raise other_kind() if known.kind is not wish.kind else stale_rules()


async def put_thresholds(conn: Connection, wish: ThresholdsWish) -> Thresholds:
    """Raises ConflictError when somebody else changed them; the constraint refuses a wrong order."""
    changed = await queries.change_thresholds(conn, wish)
    if changed is None:
        raise stale_rules()
    return changed


async def simulate(conn: Connection, wish: SimulationWish) -> Simulation:
    """What the changed rules would have done with the newest redemptions, each by what was known when it was made.

    Redemptions that were cancelled since count as they are now, and stations lie where they are now. Raises InputError
    for parameters that do not fit, or a wrong order of thresholds. Reads only: give it a transaction that cannot write.
    """
    await _check(conn, wish)
    changed = {rule.rule_name: rule for rule in wish.rules}
    kept = [rule for rule in await queries.list_rules(conn) if rule.rule_name not in changed]
    if len(kept) + len(changed) > MAX_RULES:
        raise too_many_rules()
    thresholds = wish.thresholds
    if thresholds is None:
        now = await queries.get_thresholds(conn)
        thresholds = SimulatedThresholds(
            flagged_from=now.flagged_from, review_from=now.review_from, blocked_from=now.blocked_from
        )
    found = await queries.simulate(
        conn, [*kept, *changed.values()], thresholds, station_code=wish.station_code, newest=wish.newest
    )
    differing = [one for one in found if one.was is not one.would_be]
    return Simulation(
        assessed=len(found),
        was=Counter(one.was for one in found if one.was is not None),
        would_be=Counter(one.would_be for one in found),
        changed=len(differing),
        changes=tuple(differing[:SHOWN_CHANGES]),
    )


async def _check(conn: Connection, wish: SimulationWish) -> None:
    rules: tuple[SimulatedRule, ...] = wish.rules
    unfit = await queries.unfit_rules(conn, rules) if rules else []
    if unfit:
        raise unfit_parameters(*(rule.rule_name for rule in unfit))
    limits = wish.thresholds
    if limits is not None and not limits.flagged_from <= limits.review_from <= limits.blocked_from:
        raise wrong_order()


async def list_audit(
    conn: Connection,
    subject: str | None,
    *,
    event_type: str | None = None,
    is_up: bool = False,
    cursor: str | None,
    limit: int,
) -> Page[FraudAuditEntry]:
    """Newest first, or with `is_up` oldest first. Raises InputError `request.cursor`."""
    position = decode_cursor(FraudAuditPosition, cursor)
    if is_up:
        after = 0 if position is None else position.id
        found = await queries.list_audit_up(conn, subject, event_type, after=after, limit=limit + 1)
    else:
        before = _LAST if position is None else position.id
        found = await queries.list_audit(conn, subject, event_type, before=before, limit=limit + 1)
    return page_of(found, limit=limit, position=lambda entry: FraudAuditPosition(entry.id))
