"""Asking another service over HTTP: against a real server that answers, fails, hangs, and recovers."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import msgspec
import pytest

from gasolinera.calls import Patience, UserSummary, no_users, remote_users
from gasolinera.errors import UnavailableError
from gasolinera.permissions import Role

SOMEBODY = UUID("0198a5b2-7c11-7d3e-9a53-1f2e3d4c5b6a")
IMPATIENT = Patience(try_s=0.3, tries=3, wait_s=0.01, failures=3, rest_s=1)


class Peer(msgspec.Struct):
    """The other side as a test sets it: `status` 0 never answers, -1 hangs up."""

    status: int = 200
    body: bytes = b""
    slow_bytes: bool = False
    requests: list[str] = msgspec.field(default_factory=list[str])

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).decode():
                self.requests.append(head)
                if self.status == 0:
                    await asyncio.sleep(60)
                if self.status == -1:
                    break
                length = len(self.body)
                writer.write(f"HTTP/1.1 {self.status} X\r\ncontent-length: {length}\r\n\r\n".encode())
                if self.slow_bytes:
                    for at in range(length):
                        writer.write(self.body[at : at + 1])
                        await writer.drain()
                        await asyncio.sleep(0.1)
                else:
                    writer.write(self.body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def listening(peer: Peer) -> AsyncGenerator[str]:
    server = await asyncio.start_server(peer.serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def user(role: str = "EMPLOYEE", *, active: bool = True) -> bytes:
    return json.dumps({"public_id": str(SOMEBODY), "role": role, "active": active}).encode()


def token_for(service: str) -> str:
    return f"token-for-{service}"


async def found(peer: Peer, patience: Patience = IMPATIENT) -> UserSummary | None:
    async with listening(peer) as url, remote_users(url, token_for, patience) as users:
        return await users.find(SOMEBODY)


def test_the_answer_is_typed_and_the_question_carries_the_service_token() -> None:
    peer = Peer(body=user())
    assert asyncio.run(found(peer)) == UserSummary(SOMEBODY, Role.EMPLOYEE, active=True)
    assert peer.requests[0].startswith(f"GET /api/auth/internal/users/{SOMEBODY} ")
    assert "authorization: bearer token-for-auth" in peer.requests[0].lower()


def test_nobody_is_known_only_when_the_service_says_so() -> None:
    assert asyncio.run(found(Peer(404, b'{"code": "user.unknown"}'))) is None
    wrong = [(404, b'{"code": "request.unknown_path"}'), (404, b"<html>"), (401, b"{}"), (200, b"[]"), (500, b"{}")]
    for status, body in wrong:
        with pytest.raises(UnavailableError) as caught:
            asyncio.run(found(Peer(status, body)))
        assert caught.value.code == "users.misunderstood"


@pytest.mark.parametrize("status", [0, -1, 502, 503, 504])
def test_a_peer_that_hangs_hangs_up_or_is_not_ready_is_asked_again_and_then_given_up(status: int) -> None:
    peer = Peer(status, b"{}")
    with pytest.raises(UnavailableError) as caught:
        asyncio.run(found(peer))
    assert caught.value.code == "users.unavailable"
    assert len(peer.requests) == IMPATIENT.tries


def test_an_answer_that_drips_ends_at_the_limit_of_a_try() -> None:
    peer = Peer(body=user(), slow_bytes=True)
    with pytest.raises(UnavailableError):
        asyncio.run(found(peer))


def test_a_peer_that_comes_back_between_two_tries_answers_the_first_question() -> None:
    async def recovering() -> UserSummary | None:
        peer = Peer(503, user())
        async with listening(peer) as url, remote_users(url, token_for, Patience(wait_s=0.5)) as users:
            asking = asyncio.create_task(users.find(SOMEBODY))
            await asyncio.sleep(0.1)
            assert len(peer.requests) == 1
            peer.status = 200
            return await asking

    assert asyncio.run(recovering()) is not None


def test_after_failures_in_a_row_nothing_is_asked_for_a_while_and_then_it_recovers() -> None:
    async def journey() -> None:
        peer = Peer(503, user())
        async with listening(peer) as url, remote_users(url, token_for, IMPATIENT) as users:
            for _ in range(IMPATIENT.failures):
                with pytest.raises(UnavailableError):
                    await users.find(SOMEBODY)
            asked = len(peer.requests)
            peer.status = 200
            with pytest.raises(UnavailableError):
                await users.find(SOMEBODY)
            assert len(peer.requests) == asked, "an open circuit asks nobody"
            await asyncio.sleep(IMPATIENT.rest_s + 0.05)
            assert await users.find(SOMEBODY) is not None
            assert await users.find(SOMEBODY) is not None

    asyncio.run(journey())


def test_a_process_without_an_auth_service_says_what_to_set() -> None:
    with pytest.raises(UnavailableError) as caught:
        asyncio.run(no_users().find(uuid4()))
    assert caught.value.code == "users.no_address"
    assert "GASOLINERA_AUTH_URL" in (caught.value.hint or "")
