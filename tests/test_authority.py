"""What a process hears from the auth service elsewhere, and what happens when that answers nonsense or not at all."""

import asyncio
import threading
import time
from collections.abc import Generator
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from gasolinera.authentication import Gate, hash_api_key
from gasolinera.authority import (
    Authority,
    KeyHolder,
    PublishedKeys,
    Revocations,
    as_json_web_keys,
    remote_authority,
)
from gasolinera.config import Environment, Settings
from gasolinera.errors import ConfigError, GasolineraError
from gasolinera.key_file import new_keys
from gasolinera.keyring import Keyring, PublicKey
from gasolinera.permissions import Caller, Role
from gasolinera.security import issue_access_token, verify_access_token
from gasolinera.serving import served_parts
from gasolinera.web.cookies import hash_session


def test_production_serves_nothing_that_cannot_ask_the_auth_service(settings: Settings) -> None:
    production = settings.model_copy(update={"environment": Environment.PRODUCTION})
    with pytest.raises(ConfigError) as refused:
        served_parts(production, ["station"])
    assert refused.value.code == "config.no_auth"
    assert served_parts(production, ["auth", "station"])
    assert served_parts(production.model_copy(update={"auth_url": "https://auth.example"}), ["station"])


class Elsewhere(BaseHTTPRequestHandler):
    """An auth service whose answers are what the test says; `drips`: one byte a second, for ever."""

    status = 200
    body = b""
    drips = False

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.send_header("content-length", str(1000 if self.drips else len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)
        with suppress(OSError):
            while self.drips:
                self.wfile.write(b" ")
                self.wfile.flush()
                time.sleep(0.5)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  its name there
        """Nobody reads it."""


@pytest.fixture
def elsewhere() -> Generator[tuple[type[Elsewhere], str]]:
    handler = type("Handler", (Elsewhere,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield handler, f"http://127.0.0.1:{server.server_address[1]}"
    handler.drips = False
    server.shutdown()
    thread.join()
    server.server_close()


def jwks(*keys: PublicKey) -> bytes:
    return msgspec.json.encode(as_json_web_keys(keys))


@pytest.mark.parametrize(
    ("status", "body", "drips"),
    [
        (200, jwks(PublicKey("bad", "AAAA")), False),
        (200, jwks(PublicKey("bad", "not base64url!")), False),
        (200, b'{"keys": []}', False),
        (200, b"\xff", False),
        (404, b"", False),
        (200, b"", True),
    ],
)
def test_bad_public_keys_end_neither_the_listening_nor_what_is_known(
    elsewhere: tuple[type[Elsewhere], str],
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    body: bytes,
    drips: bool,
) -> None:
    monkeypatch.setattr("gasolinera.authority._WHOLE_ANSWER_S", 0.7)
    handler, address = elsewhere
    there, here = (Keyring(new_keys([purpose], datetime.now(UTC))) for purpose in ("token", "service"))
    caller = Caller(role=Role.CUSTOMER, user_id=uuid4(), session_id=uuid4())
    shown = issue_access_token(there, caller, now=datetime.now(UTC)).token

    async def ask() -> None:
        async with remote_authority(address, lambda _: "x") as authority:
            published = PublishedKeys(here, authority.public_keys)
            handler.body = jwks(*there.public_keys())
            await published.keep()
            assert verify_access_token(here, shown, datetime.now(UTC)) == caller
            handler.status, handler.body, handler.drips = status, body, drips
            monkeypatch.setattr("gasolinera.authority.JWKS_GOOD_FOR_S", 0.0)
            async with asyncio.timeout(2):
                await published.keep()
            assert verify_access_token(here, shown, datetime.now(UTC)) == caller

    asyncio.run(ask())


def test_a_stranger_may_not_ask_the_database_about_ever_new_keys_and_pushes_out_no_good_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gasolinera.authentication._MAX_KNOWN_API_KEYS", 5)
    monkeypatch.setattr("gasolinera.authentication._API_KEY_GOOD_FOR_S", 1.0)
    good = f"gjsm_{'a' * 8}_{'g' * 43}"
    holder = KeyHolder(
        partner_code="POS", prefix="a" * 8, scopes=frozenset(), station_code=None, requests_per_minute=1000,
        expires_at=time.time() + 60,
    )  # fmt: skip
    asked: list[bytes] = []

    async def find(digest: bytes) -> KeyHolder | None:
        asked.append(digest)
        return holder if digest == hash_api_key(good) else None

    async def no_news(_cursor: str | None) -> Revocations:
        return Revocations((), "1")

    async def find_nobody(_token_hash: bytes) -> None:
        return None

    gate = Gate(Keyring(()), Authority(revocations=no_news, find_api_key=find, find_session=find_nobody), frozenset())

    async def ask(api_key: str, address: str = "192.0.2.1") -> str:
        try:
            return (await gate.identify_partner(api_key, address)).partner_code or ""
        except GasolineraError as refused:
            return refused.code

    async def attack() -> None:
        assert await ask(good) == "POS"
        answers = [await ask(f"gjsm_{number:08}_{'x' * 43}") for number in range(40)]
        assert (answers[:29], answers[29:]) == (["auth.api_key_invalid"] * 29, ["rate.limited"] * 11)
        assert len(asked) == 30
        assert await ask(good) == "POS"
        assert len(asked) == 30  # remembered all the while
        await asyncio.sleep(1.05)
        assert await ask(good) == "POS"  # asked anew, and not counted
        assert await ask(f"gjsm_{'n' * 8}_{'x' * 43}", "192.0.2.2") == "auth.api_key_invalid"

    asyncio.run(attack())


def test_a_stranger_may_not_ask_the_database_about_ever_new_sessions_and_keeps_nobody_out_who_is_known() -> None:
    asked: list[bytes] = []

    async def find(token_hash: bytes) -> Caller | None:
        asked.append(token_hash)
        return Caller(role=Role.CUSTOMER) if token_hash == hash_session("good") else None

    async def no_news(_cursor: str | None) -> Revocations:
        return Revocations((), "1")

    async def no_key(_digest: bytes) -> None:
        return None

    gate = Gate(Keyring(()), Authority(revocations=no_news, find_api_key=no_key, find_session=find), frozenset())

    async def ask(session: str, address: str = "192.0.2.1") -> str:
        try:
            found = await gate.identify_session(session, address)
        except GasolineraError as refused:
            return refused.code
        return "nobody" if found is None else found.caller.role

    async def attack() -> None:
        assert await ask("good") == "CUSTOMER"
        assert [await ask("over") for _ in range(5)] == ["nobody"] * 5
        assert len(asked) == 2
        answers = [await ask(f"junk-{number}") for number in range(40)]
        assert answers == ["nobody"] * 30 + ["rate.limited"] * 10
        assert len(asked) == 32
        assert await ask("good") == "CUSTOMER"
        assert await ask("junk", "192.0.2.2") == "nobody"

    asyncio.run(attack())
