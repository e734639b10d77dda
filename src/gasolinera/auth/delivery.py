"""Notifications leave: claimed in batches, sent without holding a connection, tried again, given up in the end.

A claim ends by itself, so that what a sender that died had is sent by another. Its message has the same id each time,
which a gateway and a mail server use to show it once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Final

import asyncpg
import msgspec
import structlog

from gasolinera.auth import queries_notifications as queries
from gasolinera.auth.delivery_email import Email, SmtpServer, make_email, send_email
from gasolinera.auth.models import Message
from gasolinera.auth.models_notifications import Action, Channel, Claimed
from gasolinera.auth.notifications import WORDING
from gasolinera.auth.senders import DeliveryError, Send, make_courier
from gasolinera.config import Environment, Settings
from gasolinera.database import Database
from gasolinera.polling import RetryPolicy, poll

SendEmail = Callable[[Email], Awaitable[None]]
_BATCH: Final = 20
_CLAIM_S: Final = 120.0  # longer than any sender takes
_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

RETRIES: Final = RetryPolicy(attempts=8, first_s=30.0, longest_s=6 * 3600.0)


class Channels(msgspec.Struct, frozen=True):
    """How messages leave this process. `email` None: there is no mail server, and nothing to send by."""

    sms: Send
    email: SendEmail | None


def make_channels(settings: Settings, db: Database) -> Channels:
    """Raises ConfigError where production has no gateway."""
    sms = make_courier(settings, db).send
    if settings.smtp_url is not None:
        server = SmtpServer.parse(settings.smtp_url.get_secret_value(), settings.email_from)
        return Channels(sms, partial(send_email, server))
    return Channels(sms, None if settings.environment is Environment.PRODUCTION else _into_inbox(db))


def _into_inbox(db: Database) -> SendEmail:
    async def send(email: Email) -> None:
        try:
            async with db.connection() as conn:
                await queries.put_email_into_inbox(
                    conn, email.message_id, email.to, subject=email.subject, text=email.text
                )
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
            raise DeliveryError(type(error).__name__) from error

    return send


async def send_notifications(settings: Settings, db: Database, stop: asyncio.Event) -> None:
    """Send what is due until `stop`. Any number of processes may do it at once."""
    channels = make_channels(settings, db)
    await poll("notifications", partial(send_due, db, channels), stop)


async def send_due(db: Database, channels: Channels, *, retries: RetryPolicy = RETRIES) -> int:
    """One batch; says how many were due."""
    async with db.transaction() as conn:
        due = await queries.claim_notifications(conn, limit=_BATCH, claim_s=_CLAIM_S, max_attempts=retries.attempts)
    await asyncio.gather(*(_send(db, channels, one, retries) for one in due if one.action is Action.SEND))
    return len(due)


async def _send(db: Database, channels: Channels, claimed: Claimed, retries: RetryPolicy) -> None:
    try:
        if claimed.channel is Channel.SMS:
            await channels.sms(_as_text_message(claimed))
        elif channels.email is None:
            raise DeliveryError("no mail server is set up")
        else:
            await channels.email(_as_email(claimed))
    except DeliveryError as error:
        is_last = claimed.attempts >= retries.attempts
        again_in_s = None if is_last else retries.delay_s(claimed.attempts)
        _log.warning(
            "notification_not_delivered",
            notification_id=str(claimed.notification_id),
            channel=claimed.channel.value,
            reason=str(error),
            attempts=claimed.attempts,
            given_up=is_last,
        )
        async with db.transaction() as conn:
            await queries.record_failure(conn, claimed, str(error) or "unknown", again_in_s)
        return
    async with db.transaction() as conn:
        await queries.record_sent(conn, claimed)


def _as_text_message(claimed: Claimed) -> Message:
    assert claimed.phone_number is not None, "whoever has no number is skipped"
    text = WORDING.text(claimed.language, f"{claimed.template}-sms", claimed.arguments.named())
    return Message(claimed.notification_id, claimed.phone_number, text)


def _as_email(claimed: Claimed) -> Email:
    assert claimed.email is not None, "whoever has no address is skipped"

    def text(name: str, arguments: Mapping[str, str | int]) -> str:
        return WORDING.text(claimed.language, name, arguments)

    arguments = claimed.arguments.named()
    return make_email(
        claimed.notification_id,
        claimed.email,
        subject=text(f"{claimed.template}-title", arguments),
        text="\n\n".join(
            (
                text("email-greeting", {"name": claimed.first_name or ""}),
                text(f"{claimed.template}-body", arguments),
                f"--\n{text('email-footer', {})}",
            )
        ),
        language=claimed.language,
    )
