"""Email over SMTP: one message a connection, in a thread, since the standard library's client waits."""

import asyncio
import smtplib
import ssl
from email.message import EmailMessage
from email.utils import format_datetime, localtime
from typing import Final, Self
from urllib.parse import unquote, urlsplit
from uuid import UUID

import msgspec

from gasolinera.auth.senders import DeliveryError
from gasolinera.errors import ConfigError

_TIMEOUT_S: Final = 10.0  # of each step of the talk
_WHOLE_S: Final = 60.0


class Email(msgspec.Struct, frozen=True, kw_only=True):
    message_id: UUID
    to: str
    subject: str
    text: str
    language: str


class SmtpServer(msgspec.Struct, frozen=True, kw_only=True):
    """`smtp://` begins TLS where the server offers it, and must before it logs in; `smtps://` is TLS from the start."""

    host: str
    port: int
    is_tls: bool
    user: str | None
    password: str | None
    sender: str

    @classmethod
    def parse(cls, url: str, sender: str) -> Self:
        """Raises ConfigError `smtp.address`, without showing the address."""
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError:
            port = 0
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname or port == 0:
            raise ConfigError("smtp.address", "GASOLINERA_SMTP_URL is not an address such as smtps://user@host:465")
        is_tls = parts.scheme == "smtps"
        return cls(
            host=parts.hostname,
            port=port or (465 if is_tls else 587),
            is_tls=is_tls,
            user=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            sender=sender,
        )


def make_email(message_id: UUID, to: str, *, subject: str, text: str, language: str) -> Email:
    """A name with a line end in it makes no header of its own."""
    return Email(message_id=message_id, to=to, subject=" ".join(subject.split()), text=text, language=language)


async def send_email(server: SmtpServer, email: Email) -> None:
    """Raises DeliveryError with a reason that names no address."""
    try:
        async with asyncio.timeout(_WHOLE_S):
            await asyncio.to_thread(_talk, server, _message(server, email))
    except smtplib.SMTPResponseException as error:
        raise DeliveryError(f"{type(error).__name__} {error.smtp_code}") from None
    except (smtplib.SMTPException, OSError, TimeoutError, UnicodeError) as error:
        raise DeliveryError(type(error).__name__) from None


def _talk(server: SmtpServer, message: EmailMessage) -> None:
    context = ssl.create_default_context()
    client = (
        smtplib.SMTP_SSL(server.host, server.port, timeout=_TIMEOUT_S, context=context)
        if server.is_tls
        else smtplib.SMTP(server.host, server.port, timeout=_TIMEOUT_S)
    )
    with client:
        client.ehlo()
        if not server.is_tls and client.has_extn("starttls"):
            client.starttls(context=context)
            client.ehlo()
        elif not server.is_tls and server.user:
            raise smtplib.SMTPNotSupportedError
        if server.user:
            client.login(server.user, server.password or "")
        client.send_message(message)


def _message(server: SmtpServer, email: Email) -> EmailMessage:
    message = EmailMessage()
    message["From"] = server.sender
    message["To"] = email.to
    message["Subject"] = email.subject
    message["Date"] = format_datetime(localtime())
    # The same at every try: what a server took twice a reader's program shows once.
    message["Message-ID"] = f"<{email.message_id}@{server.sender.rpartition('@')[2]}>"
    message["Content-Language"] = email.language
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(email.text)
    return message
