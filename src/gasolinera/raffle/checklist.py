"""A raffle from draft to prizes as a list of steps: what is done, what is missing, what comes next. Pure."""

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from gasolinera.raffle.models import ManagedRaffle, RaffleStatus
from gasolinera.raffle.models_draws import DrawStatus, PublishedDraw
from gasolinera.raffle.models_evidence import EvidenceReport
from gasolinera.raffle.models_winners import WinnerStatus
from gasolinera.raffle.queries_pages_office import OfficeFacts

_CLOSED: Final = (RaffleStatus.CLOSED, RaffleStatus.DRAWING, RaffleStatus.COMPLETED)
_UNFINISHED: Final = (WinnerStatus.SELECTED, WinnerStatus.NOTIFIED, WinnerStatus.CLAIMED)


class StepState(StrEnum):
    """LACKING something, READY to be taken, WAITING for time, LATER than others; OFF never comes."""

    DONE = "DONE"
    LACKING = "LACKING"
    READY = "READY"
    WAITING = "WAITING"
    LATER = "LATER"
    FAILED = "FAILED"
    OFF = "OFF"


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """`missing`: names of what it lacks, each of which has its words."""

    name: str
    state: StepState
    missing: tuple[str, ...] = ()


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """All that a raffle's steps are told from. `draw`: the one that counts, else the last void one."""

    raffle: ManagedRaffle
    facts: OfficeFacts
    draw: PublishedDraw | None = None
    evidence: EvidenceReport | None = None


def steps_of(known: Known) -> tuple[Step, ...]:
    """In the order in which they are taken."""
    makers: tuple[Callable[[Known], Step], ...] = (
        _about,
        _terms,
        _dates,
        _prizes,
        _players,
        _opening,
        _entries,
        _closing,
        _freeze,
        _evidence,
        _draw,
        _winners,
    )
    found = tuple(make(known) for make in makers)
    if known.raffle.status is not RaffleStatus.CANCELLED:
        return found
    return tuple(
        one if one.state is StepState.DONE else Step(name=one.name, state=StepState.OFF, missing=()) for one in found
    )


def next_step(steps: tuple[Step, ...]) -> Step | None:
    """Where somebody has to do something, else what is waited for."""
    for states in ((StepState.FAILED, StepState.LACKING, StepState.READY), (StepState.WAITING,)):
        for step in steps:
            if step.state in states:
                return step
    return None


def _judged(name: str, missing: tuple[str, ...]) -> Step:
    return Step(name=name, state=StepState.LACKING if missing else StepState.DONE, missing=missing)


def _missing(*parts: tuple[str, bool]) -> tuple[str, ...]:
    return tuple(name for name, is_missing in parts if is_missing)


def _about(known: Known) -> Step:
    one = known.raffle
    lacks = (("organizer", one.organizer), ("permit", one.permit_number), ("terms-url", one.terms_url))
    return _judged("about", _missing(*((name, value is None) for name, value in lacks)))


def _terms(known: Known) -> Step:
    return _judged("terms", _missing(("terms", known.raffle.terms_version is None)))


def _dates(known: Known) -> Step:
    one = known.raffle
    is_past = one.status is RaffleStatus.DRAFT and one.closes_at is not None and one.closes_at <= known.facts.now
    return _judged(
        "dates",
        _missing(
            ("opens-at", one.opens_at is None),
            ("closes-at", one.closes_at is None),
            ("draw-at", one.draw_at is None),
            ("past", is_past),
        ),
    )


def _prizes(known: Known) -> Step:
    return _judged("prizes", _missing(("prize", not known.raffle.prizes)))


def _players(_known: Known) -> Step:
    """Always said: a draft is made with the usual rules."""
    return Step(name="players", state=StepState.DONE)


def _opening(known: Known) -> Step:
    if known.raffle.status is not RaffleStatus.DRAFT:
        was_opened = known.raffle.opened_at is not None
        return Step(name="opening", state=StepState.DONE if was_opened else StepState.OFF)
    missing = tuple(name for make in (_about, _terms, _dates, _prizes) for name in make(known).missing)
    return Step(name="opening", state=StepState.LATER if missing else StepState.READY, missing=missing)


def _entries(known: Known) -> Step:
    one = known.raffle
    if one.status in _CLOSED:
        state = StepState.DONE
    elif one.status is not RaffleStatus.OPEN:
        state = StepState.LATER
    else:
        state = StepState.DONE if _is_past(one.closes_at, known) else StepState.WAITING
    return Step(name="entries", state=state)


def _closing(known: Known) -> Step:
    one = known.raffle
    if one.status in _CLOSED:
        state = StepState.DONE
    elif one.status is RaffleStatus.OPEN and _is_past(one.closes_at, known):
        state = StepState.READY
    else:
        state = StepState.LATER
    return Step(name="closing", state=state)


def _freeze(known: Known) -> Step:
    if known.raffle.status not in _CLOSED:
        return Step(name="freeze", state=StepState.LATER)
    if known.raffle.tickets == 0 and (known.draw is None or known.draw.status is DrawStatus.VOID):
        return Step(name="freeze", state=StepState.FAILED, missing=("entries",))
    if known.draw is None:
        return Step(name="freeze", state=StepState.READY)
    if known.draw.status is DrawStatus.VOID:
        return Step(name="freeze", state=StepState.READY, missing=("frozen-anew",))
    return Step(name="freeze", state=StepState.DONE)


def _evidence(known: Known) -> Step:
    draw, told = known.draw, known.evidence
    if draw is None or told is None or draw.status is DrawStatus.VOID or told.draw_number != draw.draw_number:
        return Step(name="evidence", state=StepState.LATER)
    if told.held or draw.status is DrawStatus.DRAWN:
        return Step(name="evidence", state=StepState.DONE)
    if known.facts.now < told.evidence_until:
        return Step(name="evidence", state=StepState.WAITING)
    if told.is_required:
        return Step(name="evidence", state=StepState.FAILED, missing=("evidence",))
    return Step(name="evidence", state=StepState.DONE)


def _draw(known: Known) -> Step:
    draw = known.draw
    if draw is None or draw.status is DrawStatus.VOID:
        return Step(name="draw", state=StepState.LATER)
    if draw.status is DrawStatus.DRAWN:
        return Step(name="draw", state=StepState.DONE)
    state = StepState.READY if draw.beacon_round_at <= known.facts.now else StepState.WAITING
    return Step(name="draw", state=state)


def _winners(known: Known) -> Step:
    if known.raffle.status is not RaffleStatus.COMPLETED:
        return Step(name="winners", state=StepState.LATER)
    open_cases = sum(known.facts.winners.get(str(status), 0) for status in _UNFINISHED)
    return Step(name="winners", state=StepState.READY if open_cases else StepState.DONE)


def _is_past(moment: datetime | None, known: Known) -> bool:
    return moment is not None and moment <= known.facts.now
