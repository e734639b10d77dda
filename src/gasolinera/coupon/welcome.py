"""Coupons for new users, and what becomes of coupons when their owner is erased."""

from uuid import UUID

import msgspec

from gasolinera.coupon import queries_issuing as queries
from gasolinera.coupon import queries_personal
from gasolinera.coupon.errors_coupons import unknown_campaign
from gasolinera.coupon.models_coupons import WelcomeCampaign
from gasolinera.database import Connection
from gasolinera.events import Consumer, Event
from gasolinera.permissions import Role


class _User(msgspec.Struct, frozen=True):
    public_id: UUID


class _NewUser(_User, frozen=True):
    role: Role = Role.CUSTOMER


async def welcome_user(conn: Connection, event: Event) -> None:
    """A new customer is owed a coupon of each campaign that welcomes now; it is issued within moments.

    Raises msgspec.ValidationError for an event that is not what the catalogue says.
    """
    user = msgspec.convert(event.data, _NewUser)
    if user.role is Role.CUSTOMER:
        await queries.grant_welcome(conn, user.public_id)


async def forget_user(conn: Connection, event: Event) -> None:
    """Nobody uses the coupons of an erased person; with which device, and from where, is forgotten. A second time
    changes nothing. Raises as `welcome_user`.
    """
    user_id = msgspec.convert(event.data, _User).public_id
    await queries_personal.note_erasure(conn, user_id, event.time)
    await queries.withdraw_from_user(conn, user_id)
    await queries_personal.forget_person(conn, user_id)


async def set_welcome(conn: Connection, campaign_code: str, *, is_on: bool) -> None:
    """Whether new users get a coupon of it; again changes nothing. Raises UnknownError."""
    change = queries.set_welcome if is_on else queries.unset_welcome
    if not await change(conn, campaign_code):
        raise unknown_campaign()


async def list_welcome(conn: Connection) -> tuple[WelcomeCampaign, ...]:
    return tuple(await queries.list_welcome(conn))


COUPON_CONSUMERS: tuple[Consumer, ...] = (
    Consumer("coupon", frozenset({"user.registered"}), welcome_user),
    Consumer("coupon", frozenset({"user.erased"}), forget_user, "forget_coupons_of_user"),
)
