"""Tickets as the redemption service keeps them against the raffles that hold them.

While a raffle is open its listener decides by its own rules, so an event is told again. After the close the list is
frozen or about to be: who is in a draw, or was, is for people to decide.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from gasolinera.ops.reconciling_kinds import difference
from gasolinera.ops.reconciling_models import Comparison, Difference, Fact, Moment, Telling

_OPEN: Final = "OPEN"


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """`status` on the raffle's side: ACTIVE and CANCELLED are of its ticket, REFUSED and REVOKED what it remembers."""

    key: str
    at: datetime
    status: str
    raffle_code: str | None
    user_id: UUID | None
    issuance_id: UUID | None
    is_disqualified: bool = False


class Raffle(msgspec.Struct, frozen=True, kw_only=True):
    """`said`: what it takes, in one text."""

    key: str
    at: datetime
    is_open: bool
    said: str


def judge_ticket(own: Ticket | None, held: Ticket | None, moment: Moment) -> Difference | None:
    """`own` as its holder is shown it, `held` as a raffle knows it."""
    is_held = held is not None and held.status == "ACTIVE"
    if own is None:
        assert held is not None
        return _found("ticket_unknown", held) if is_held else None
    if own.status in ("ENTERED", "USED"):
        return _judge_held(own, held, moment) if held is not None and is_held else _judge_sent(own, held, moment)
    if held is None or not is_held:
        return None
    if own.status == "CANCELLED":
        return None if held.is_disqualified else _judge_revoked(own, held, moment)
    return _found("choice_lost", held, status=own.status)


def _judge_held(own: Ticket, held: Ticket, moment: Moment) -> Difference | None:
    if (own.raffle_code, own.user_id, own.issuance_id) != (held.raffle_code, held.user_id, held.issuance_id):
        return _found("ticket_that_differs", held, shown=own.raffle_code)
    is_again_open = own.status == "USED" and _state(own, moment) == _OPEN
    return _found("drawn_but_open", own) if is_again_open else None


def _judge_sent(own: Ticket, held: Ticket | None, moment: Moment) -> Difference:
    """A ticket that its holder believes to be in a raffle, or in its draw, and that is not."""
    state = _state(own, moment)
    if held is not None and (held.status == "REVOKED" or held.raffle_code == own.raffle_code):
        if held.status == "REFUSED" or (held.status == "CANCELLED" and state == "CANCELLED"):
            raffle_event = Telling(
                "raffle",
                "tickets.refused",
                str(held.issuance_id),
                "redemption",
                "take_refused_tickets",
                own.raffle_code,
            )
            return _found("refusal_not_told", held, raffle_event, status=own.status)
        return _found("revoked_but_entered", own)
    if state is None:
        return _found("raffle_unknown", own)
    if own.status == "ENTERED" and state == _OPEN:
        return _found("entry_missing", own, _ticket_event("issued", own))
    return _found("entry_missing_after_close", own, state=state)


def _judge_revoked(own: Ticket, held: Ticket, moment: Moment) -> Difference:
    if _state(held, moment) == _OPEN and own.raffle_code == held.raffle_code:
        return _found("revocation_not_told", own, _ticket_event("revoked", own))
    return _found("revocation_not_told_in_time", held)


def judge_raffle(raffle: Raffle | None, known: Raffle | None, _moment: Moment) -> Difference | None:
    """What a raffle takes, against what the redemption service offers its tickets to."""
    if raffle is None:
        assert known is not None
        return difference("offered_raffle_unknown", known.key, known.at) if known.is_open else None
    if known is None:
        is_told = not raffle.is_open
    else:
        is_told = known.said == raffle.said if raffle.is_open else not known.is_open
    if is_told:
        return None
    telling = Telling("raffle", "raffle.changed", raffle.key, "redemption", "take_raffle_changed")
    state = "open" if raffle.is_open else "over"
    return difference("raffle_not_told", raffle.key, raffle.at, telling=telling, state=state)


def judge_draw(drawn: Fact | None, known: Fact | None, _moment: Moment) -> Difference | None:
    if drawn is None:
        assert known is not None
        return difference("draw_unknown", known.key, known.at)
    if known is not None:
        return None
    telling = Telling("raffle", "raffle.drawn", drawn.key, "redemption", "note_drawn")
    return difference("draw_not_told", drawn.key, drawn.at, telling=telling)


def _state(ticket: Ticket, moment: Moment) -> str | None:
    """Of its raffle; None: there is no such raffle."""
    return moment.raffles.get(ticket.raffle_code or "")


def _ticket_event(what: str, own: Ticket) -> Telling:
    issuance = str(own.issuance_id)
    return Telling("redemption", f"tickets.{what}", issuance, "raffle", "take_ticket_events", own.raffle_code)


def _found(kind: str, ticket: Ticket, telling: Telling | None = None, **facts: str | None) -> Difference:
    known = {
        "status": ticket.status,
        "raffle_code": ticket.raffle_code,
        "issuance_id": str(ticket.issuance_id),
        **facts,
    }
    return difference(kind, ticket.key, ticket.at, telling=telling, **known)


COMPARISONS: Final = (
    Comparison("tickets", "redemption", "raffle", Ticket, Ticket, judge_ticket),
    Comparison("raffles", "raffle", "redemption", Raffle, Raffle, judge_raffle),
    Comparison("draws", "raffle", "redemption", Fact, Fact, judge_draw),
)
