"""What somebody wants to be told, by which channel, and when not. Without a word everything is wanted."""

from datetime import time
from uuid import UUID
from zoneinfo import available_timezones

from gasolinera.auth import queries_notifications as queries
from gasolinera.auth.models_notifications import Category, Channel, Choice, Preferences
from gasolinera.database import Connection
from gasolinera.errors import InputError

CHOOSABLE = tuple(category for category in Category if category is not Category.SECURITY)


async def get_preferences(conn: Connection, user_id: UUID) -> Preferences:
    unwanted, quiet_hours = await queries.get_preferences(conn, user_id)
    return Preferences(
        [
            Choice(category, channel, (category, channel) not in unwanted)
            for category in CHOOSABLE
            for channel in Channel
        ],
        quiet_hours,
    )


async def change_preferences(conn: Connection, user_id: UUID, wish: Preferences) -> Preferences:
    """Choices that are not named stay; quiet hours become those of the wish. Raises InputError."""
    if any(choice.category is Category.SECURITY for choice in wish.choices):
        raise InputError("notification.always_told", "messages of security cannot be turned off")
    named = [(choice.category, choice.channel) for choice in wish.choices]
    if len(set(named)) < len(named):
        raise InputError("notification.ambiguous", "a category and channel is named twice")
    quiet = wish.quiet_hours
    if quiet is not None and quiet.time_zone not in available_timezones():
        raise InputError("notification.time_zone", "there is no such time zone", "such as America/Mexico_City")
    if quiet is not None and quiet.begins == quiet.ends:
        raise InputError("notification.quiet_hours", "quiet hours begin and end at different times")
    await queries.put_preferences(conn, user_id, wish.choices)
    if quiet is None:
        await queries.delete_quiet_hours(conn, user_id)
    else:
        begins, ends = time.fromisoformat(quiet.begins), time.fromisoformat(quiet.ends)
        await queries.put_quiet_hours(conn, user_id, quiet.time_zone, begins=begins, ends=ends)
    return await get_preferences(conn, user_id)
