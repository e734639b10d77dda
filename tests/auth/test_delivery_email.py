"""Email, over a real SMTP server that says no at first."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from uuid import uuid4

import pytest
from pydantic import SecretStr

from gasolinera.auth.delivery import make_channels, send_due
from gasolinera.auth.delivery_email import SmtpServer, make_email, send_email
from gasolinera.auth.senders import DeliveryError
from gasolinera.config import Settings
from gasolinera.database import Database
from gasolinera.errors import ConfigError
from tests.auth.journeys import ANA, Conn
from tests.auth.test_notifications import AT_ONCE, event, run, states, tell


class MailServer:
    """A real SMTP server on a free port, which says no to the first recipients that it is told to."""

    def __init__(self, refusals: int = 0) -> None:
        self.refusals = refusals
        self.received: list[EmailMessage] = []

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def say(line: str) -> None:
            writer.write(f"{line}\r\n".encode())
            await writer.drain()

        await say("220 ready")
        while line := await reader.readline():
            verb = line[:4].upper().strip().decode()
            if verb == "RCPT" and self.refusals:
                self.refusals -= 1
                await say("451 later")
            elif verb == "DATA":
                await say("354 go on")
                raw = (await reader.readuntil(b"\r\n.\r\n"))[:-5].replace(b"\r\n..", b"\r\n.")
                found = message_from_bytes(raw, policy=policy.default)
                assert isinstance(found, EmailMessage)
                self.received.append(found)
                await say("250 taken")
            elif verb == "QUIT":
                await say("221 bye")
                break
            else:
                await say("250 ok")
        writer.close()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[str]:
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        async with server:
            yield f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def test_email_goes_through_a_mail_server_that_is_away_for_a_while(settings: Settings, admin: Conn) -> None:
    server = MailServer(refusals=1)

    async def work(db: Database) -> None:
        async with server.running() as url:
            with_mail = settings.model_copy(update={"smtp_url": SecretStr(url)})
            channels = make_channels(with_mail, db)
            await tell(db, event("user.registered", {"public_id": ANA, "role": "CUSTOMER", "active": True}))
            while await send_due(db, channels, retries=AT_ONCE):
                pass

    run(settings, work)
    assert states(admin)["EMAIL"] == ("SENT", 2)
    (mail,) = server.received
    assert mail["To"] == "ana.garcia@example.com"
    assert mail["Subject"] == "Te damos la bienvenida a Gasolinera JSM"
    assert mail.get_content().startswith("Hola, Ana:")
    row = admin.execute("SELECT notification_id FROM auth_schema.notifications WHERE channel = 'EMAIL'").fetchone()
    assert row is not None
    assert mail["Message-ID"] == f"<{row[0]}@gasolinera-jsm.mx>"


def test_a_mail_server_that_nobody_answers_for_is_a_failure_without_an_address() -> None:
    email = make_email(uuid4(), "a@example.com", subject="a\r\nBcc: b@example.com", text="t", language="es")
    assert "\n" not in email.subject

    async def main() -> None:
        with pytest.raises(DeliveryError) as refused:
            await send_email(SmtpServer.parse("smtp://127.0.0.1:1", "x@example.com"), email)
        assert "example.com" not in str(refused.value)

    asyncio.run(main())


@pytest.mark.parametrize("url", ["http://mail", "smtp://", "smtp://host:99999"])
def test_an_address_of_a_mail_server_that_is_none_is_told_at_the_start(url: str) -> None:
    with pytest.raises(ConfigError):
        SmtpServer.parse(url, "x@example.com")
