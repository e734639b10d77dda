"""What people are told about which events: made by events, each once; listed, read, and forgotten after a while.

An event carries references alone. Its row keeps those; names, numbers and texts are looked up when they are needed.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from gasolinera.auth import queries_notifications as queries
from gasolinera.auth.models_notifications import (
    Arguments,
    Category,
    Channel,
    Notification,
    NotificationPosition,
    StoredNotification,
    Told,
)
from gasolinera.database import Connection, Database
from gasolinera.errors import UnknownError
from gasolinera.events import Consumer, Event
from gasolinera.jobs import Job
from gasolinera.paging import Page, page_of
from gasolinera.wording import load_wording

WORDING = load_wording("gasolinera.auth")
_KEPT_DAYS: Final = 180


class Kind(msgspec.Struct, frozen=True):
    """`read` takes the data of the event; raises msgspec.ValidationError where the catalogue says otherwise."""

    template: str
    category: Category
    channels: tuple[Channel, ...]
    read: Callable[[Mapping[str, Any]], Told]
    always_in_app: bool = False


class _AboutUser(msgspec.Struct, frozen=True):
    public_id: UUID


class _AboutEmployment(msgspec.Struct, frozen=True):
    user_id: UUID
    station_code: str
    employee_number: str
    active: bool


class _AboutTickets(msgspec.Struct, frozen=True):
    user_id: UUID
    count: int
    raffle_code: str | None = None


class _AboutRedemption(msgspec.Struct, frozen=True):
    user_id: UUID
    station_code: str
    reference: str


class _AboutPrize(msgspec.Struct, frozen=True):
    user_id: UUID
    raffle_code: str
    ticket_number: str
    prize_name: str | None = None
    claim_deadline: datetime | None = None


def _of_user(data: Mapping[str, Any]) -> Told:
    return Told(msgspec.convert(data, _AboutUser).public_id, Arguments())


def _of_employment(data: Mapping[str, Any]) -> Told:
    found = msgspec.convert(data, _AboutEmployment)
    active = "yes" if found.active else "no"
    return Told(found.user_id, Arguments(found.station_code, found.employee_number, active))


def _of_tickets(data: Mapping[str, Any]) -> Told:
    found = msgspec.convert(data, _AboutTickets)
    return Told(found.user_id, Arguments(count=found.count, raffle_code=found.raffle_code or "none"))


def _of_redemption(data: Mapping[str, Any]) -> Told:
    found = msgspec.convert(data, _AboutRedemption)
    return Told(found.user_id, Arguments(station_code=found.station_code, reference=found.reference))


def _of_prize(data: Mapping[str, Any]) -> Told:
    found = msgspec.convert(data, _AboutPrize)
    until = found.claim_deadline
    return Told(
        found.user_id,
        Arguments(
            raffle_code=found.raffle_code,
            ticket_number=found.ticket_number,
            prize_name=found.prize_name or "-",
            claim_deadline="-" if until is None else f"{until.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
        ),
    )


_APP, _SMS, _EMAIL = Channel.IN_APP, Channel.SMS, Channel.EMAIL
KINDS: Final[Mapping[str, Kind]] = {
    "user.registered": Kind("welcome", Category.ACCOUNT, (_APP, _EMAIL), _of_user),
    # Whoever gains or loses rights at a station is told at once, also one who did not ask for it.
    "employee.changed": Kind("employment", Category.SECURITY, (_APP, _SMS), _of_employment),
    "tickets.issued": Kind("tickets", Category.TICKETS, (_APP,), _of_tickets),
    "redemption.completed": Kind("redemption", Category.PURCHASES, (_APP, _EMAIL), _of_redemption),
    # The days of the claim begin with it, and a prize is lost after them: the application tells it in any case.
    "raffle.winner.selected": Kind("winner", Category.PRIZES, (_APP, _SMS, _EMAIL), _of_prize, always_in_app=True),
    "prize.claimed": Kind("prize-claimed", Category.PRIZES, (_APP, _EMAIL), _of_prize),
}


async def notify(conn: Connection, event: Event) -> None:
    """One statement makes what the event's person wants to know of it, by channel. A second time it makes nothing."""
    kind = KINDS[event.type]
    told = kind.read(event.data)
    await queries.create_notifications(
        conn,
        event.id,
        told,
        template=kind.template,
        category=kind.category,
        channels=kind.channels,
        always_in_app=kind.always_in_app,
    )


async def forget_person(conn: Connection, event: Event) -> None:
    """An erased person has no notifications and no wishes about them."""
    await queries.forget_person(conn, msgspec.convert(event.data, _AboutUser).public_id)


async def list_notifications(
    conn: Connection, user_id: UUID, *, after: NotificationPosition | None, limit: int, only_unread: bool
) -> Page[Notification]:
    """The newest first, in the language of the reader."""
    found = await queries.list_notifications(
        conn, user_id, before_id=after.id if after else None, limit=limit + 1, only_unread=only_unread
    )
    page = page_of(found, limit=limit, position=lambda row: NotificationPosition(row.id))
    return Page(tuple(_as_read(row) for row in page.items), page.next_cursor)


def _as_read(row: StoredNotification) -> Notification:
    arguments = row.arguments.named()
    return Notification(
        notification_id=row.notification_id,
        category=row.category,
        title=WORDING.text(row.language, f"{row.template}-title", arguments),
        body=WORDING.text(row.language, f"{row.template}-body", arguments),
        created_at=row.created_at,
        read_at=row.read_at,
    )


async def mark_read(conn: Connection, user_id: UUID, notification_id: UUID) -> None:
    """Again: the first time stays. Raises UnknownError `notification.unknown`."""
    if not await queries.mark_read(conn, user_id, notification_id):
        raise UnknownError("notification.unknown", "there is no such notification")


async def mark_all_read(conn: Connection, user_id: UUID) -> int:
    """Says how many were unread."""
    return await queries.mark_all_read(conn, user_id)


async def _forget(db: Database, _arguments: Mapping[str, str]) -> str:
    async with db.transaction() as conn:
        forgotten = await queries.forget_notifications(conn, _KEPT_DAYS)
    return f"{forgotten} notifications older than {_KEPT_DAYS} days forgotten"


CONSUMERS: Final = (
    Consumer("auth", frozenset(KINDS), notify, "notify"),
    Consumer("auth", frozenset({"user.erased"}), forget_person, "forget_notifications"),
)
FORGET_NOTIFICATIONS: Final = Job(
    name="auth.forget_notifications",
    service="auth",
    summary="Delete notifications of more than half a year ago.",
    run=_forget,
    schedule="41 3 * * *",
)
