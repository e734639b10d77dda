"""Many at the same moment, over real connections: no more tries, sessions or codes than one would have had alone."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

import asyncpg
import pytest

from gasolinera.auth import codes, profile, sessions
from gasolinera.auth.models import (
    AskedCode,
    Device,
    EndReason,
    Language,
    OpenSession,
    PhoneChanged,
    Refusal,
    RefusalKind,
    Registration,
)
from gasolinera.config import Settings
from gasolinera.database import Connection, Database, open_database
from gasolinera.keyring import Keyring, load_keyring
from tests.auth.journeys import ANA, ANA_PHONE, STRANGER_PHONE, Conn, events_of

Result = TypeVar("Result")
WAY = codes.CodeWay(None, "example.org", "SMS")
NOWHERE = Device(None, None)
LUIS = UUID("a0000000-0000-4000-8000-000000000052")
REGISTRATION = Registration(
    first_name="Elena", last_name="Vega", email=None, preferred_language=Language.ES, terms_version="2026-01"
)


@pytest.fixture
def keyring(settings: Settings) -> Keyring:
    return load_keyring(settings)


def run(settings: Settings, story: Callable[[Database], Awaitable[Result]]) -> Result:
    async def main() -> Result:
        many = settings.model_copy(update={"pool_max_size": 16})
        async with open_database(many, "auth") as db:
            return await story(db)

    return asyncio.run(main())


async def in_transaction(db: Database, use_case: Callable[[Connection], Awaitable[Result]]) -> Result:
    async with db.transaction() as conn:
        return await use_case(conn)


async def queued(db: Database, number: int, use_case: Callable[[Connection, int], Awaitable[Result]]) -> list[Result]:
    """All at once as far as sixteen connections go; nobody waits longer for one than the pool allows."""
    gate = asyncio.Semaphore(16)

    async def one(at: int) -> Result:
        async with gate, db.transaction() as conn:
            return await use_case(conn, at)

    return await asyncio.gather(*(one(at) for at in range(number)))


async def ask(db: Database, keyring: Keyring, phone: str = ANA_PHONE) -> tuple[str, str]:
    """A session to log in with, and its code."""
    asked = await in_transaction(db, lambda conn: codes.request_login(conn, keyring, phone, WAY))
    return session_and_code(asked)


def session_and_code(asked: AskedCode | Refusal) -> tuple[str, str]:
    assert isinstance(asked, AskedCode)
    assert asked.message is not None
    return asked.session.session_token, asked.message.text[-6:]


async def opened(db: Database, keyring: Keyring) -> OpenSession:
    session, code = await ask(db, keyring)
    found = await in_transaction(db, lambda conn: sessions.log_in(conn, keyring, session, code, NOWHERE))
    assert isinstance(found, OpenSession)
    return found


def kinds(outcomes: list[OpenSession | Refusal]) -> Counter[str]:
    return Counter(one.kind.value if isinstance(one, Refusal) else "GOOD" for one in outcomes)


def test_a_thousand_wrong_codes_at_once_are_three_tries(settings: Settings, keyring: Keyring, admin: Conn) -> None:
    async def story(db: Database) -> Counter[str]:
        session, code = await ask(db, keyring)
        guesses = [guess for guess in (f"{at:06}" for at in range(1001)) if guess != code][:1000]

        async def guess(conn: Connection, at: int) -> OpenSession | Refusal:
            return await sessions.log_in(conn, keyring, session, guesses[at], NOWHERE)

        return kinds(await queued(db, 1000, guess))

    assert run(settings, story) == {"WRONG": 3, "OVER": 997}
    row = admin.execute(
        "SELECT attempts, void_reason FROM auth_schema.otp_sessions ORDER BY id DESC LIMIT 1"
    ).fetchone()
    assert row == (3, "TRIES_USED_UP")
    failed = admin.execute(
        "SELECT failed_login_attempts FROM auth_schema.users WHERE public_id = %s", (ANA,)
    ).fetchone()
    assert failed == (3,)


def test_the_right_code_among_a_crowd_logs_in_once_at_most(settings: Settings, keyring: Keyring) -> None:
    async def story(db: Database) -> Counter[str]:
        session, code = await ask(db, keyring)

        async def try_it(conn: Connection, at: int) -> OpenSession | Refusal:
            return await sessions.log_in(conn, keyring, session, code, NOWHERE)

        return kinds(await queued(db, 50, try_it))

    assert run(settings, story) == {"GOOD": 1, "OVER": 49}


def test_a_phone_without_account_is_locked_by_five_failures_too(
    settings: Settings, keyring: Keyring, admin: Conn
) -> None:
    async def story(db: Database) -> list[Counter[str]]:
        found: list[Counter[str]] = []
        for _ in range(2):
            admin.execute("TRUNCATE auth_schema.otp_rate_limits, auth_schema.otp_sessions CASCADE")
            asked = await in_transaction(db, lambda conn: codes.request_login(conn, keyring, STRANGER_PHONE, WAY))
            assert isinstance(asked, AskedCode)
            assert asked.message is None, "nothing is sent"
            token = asked.session.session_token

            async def guess(conn: Connection, at: int, session: str = token) -> OpenSession | Refusal:
                return await sessions.log_in(conn, keyring, session, f"{at:06}", NOWHERE)

            found.append(kinds(await queued(db, 8, guess)))
        return found

    assert run(settings, story) == [{"WRONG": 3, "OVER": 5}, {"WRONG": 1, "LOCKED": 7}]


def test_one_phone_that_asks_many_times_at_once_gets_one_code(settings: Settings, keyring: Keyring) -> None:
    async def story(db: Database) -> int:
        async def request(conn: Connection, at: int) -> AskedCode | Refusal:
            return await codes.request_login(conn, keyring, ANA_PHONE, WAY)

        return sum(isinstance(one, AskedCode) for one in await queued(db, 40, request))

    assert run(settings, story) == 1


def test_a_refresh_token_shown_many_times_at_once_is_good_once_and_ends_its_session(
    settings: Settings, keyring: Keyring, admin: Conn
) -> None:
    async def story(db: Database) -> Counter[str]:
        token = (await opened(db, keyring)).refresh_token

        async def rotate(conn: Connection, at: int) -> OpenSession | Refusal:
            return await sessions.refresh(conn, token)

        return kinds(await queued(db, 40, rotate))

    assert run(settings, story) == {"GOOD": 1, "TOKEN_REUSED": 39}
    assert live_tokens(admin) == 0


def live_tokens(admin: Conn) -> int:
    row = admin.execute(
        "SELECT count(*) FROM auth_schema.refresh_tokens AS t JOIN auth_schema.users AS u ON u.id = t.user_id"
        " WHERE u.public_id = %s AND t.used_at IS NULL AND t.revoked_at IS NULL",
        (ANA,),
    ).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("how", ["one", "all"])
def test_no_refresh_slips_through_beside_a_logout(how: str, settings: Settings, keyring: Keyring, admin: Conn) -> None:
    """Every refresh runs at the same time as the end of its session: whoever comes first, nothing is live after."""

    async def story(db: Database) -> None:
        for _ in range(15):
            admin.execute("TRUNCATE auth_schema.otp_rate_limits, auth_schema.otp_sessions CASCADE")
            session = await opened(db, keyring)

            async def end(conn: Connection, of: OpenSession = session) -> None:
                if how == "one":
                    await sessions.log_out(conn, of.user.public_id, of.session_id)
                else:
                    await sessions.end_all_sessions(conn, of.user.public_id, EndReason.LOGOUT)

            rotated = in_transaction(db, lambda conn, of=session: sessions.refresh(conn, of.refresh_token))
            await asyncio.gather(rotated, in_transaction(db, end))
            assert live_tokens(admin) == 0

    run(settings, story)


def test_a_taken_number_stays_its_owners(settings: Settings, keyring: Keyring, admin: Conn) -> None:
    async def story(db: Database) -> str:
        asked = await in_transaction(db, lambda conn: codes.request_phone_change(conn, keyring, LUIS, ANA_PHONE, WAY))
        session, code = session_and_code(asked)
        with pytest.raises(asyncpg.UniqueViolationError) as refused:
            await in_transaction(
                db, lambda conn: profile.change_phone(conn, keyring, LUIS, None, session_token=session, code=code)
            )
        return str(refused.value.constraint_name)

    assert run(settings, story) == "users_phone_number_key"
    assert admin.execute(
        "SELECT public_id::text FROM auth_schema.users WHERE phone_number = %s", (ANA_PHONE,)
    ).fetchone() == (ANA,)


def test_whoever_answers_a_code_of_the_old_number_meets_no_deadlock(
    settings: Settings, keyring: Keyring, admin: Conn
) -> None:
    """Answering locks the session, then the user; the change of the number waits for the session, holding no user."""

    async def story(db: Database) -> Refusal | PhoneChanged:
        await ask(db, keyring)
        asked = await in_transaction(
            db, lambda conn: codes.request_phone_change(conn, keyring, UUID(ANA), STRANGER_PHONE, WAY)
        )
        session, code = session_and_code(asked)
        async with db.transaction() as answering:
            await answering.execute(
                "SELECT FROM auth_schema.otp_sessions WHERE phone_number = $1 FOR UPDATE", ANA_PHONE
            )
            change = asyncio.create_task(
                in_transaction(
                    db,
                    lambda conn: profile.change_phone(conn, keyring, UUID(ANA), None, session_token=session, code=code),
                )
            )
            for _ in range(500):
                if await answering.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                    break
                await asyncio.sleep(0.01)
            assert not change.done()
            locked = "SELECT FROM auth_schema.users WHERE phone_number = $1 FOR NO KEY UPDATE NOWAIT"
            await answering.execute(locked, ANA_PHONE)
        return await change

    assert isinstance(run(settings, story), PhoneChanged)
    rows = admin.execute(
        "SELECT purpose, void_reason FROM auth_schema.otp_sessions ORDER BY id DESC LIMIT 2"
    ).fetchall()
    assert rows == [("PHONE_CHANGE", None), ("LOGIN", "WITHDRAWN")]


def test_a_number_that_a_deactivated_account_would_move_to_is_on_record(
    settings: Settings, keyring: Keyring, admin: Conn
) -> None:
    """The account is deactivated between the request and the answer."""

    async def story(db: Database) -> Refusal | PhoneChanged:
        asked = await in_transaction(
            db, lambda conn: codes.request_phone_change(conn, keyring, UUID(ANA), STRANGER_PHONE, WAY)
        )
        session, code = session_and_code(asked)
        admin.execute("UPDATE auth_schema.users SET is_active = false WHERE public_id = %s", (ANA,))
        return await in_transaction(
            db,
            lambda conn: profile.change_phone(conn, keyring, UUID(ANA), None, session_token=session, code=code),
        )

    found = run(settings, story)
    assert isinstance(found, Refusal)
    assert found.kind is RefusalKind.INACTIVE
    assert events_of(admin, ANA)[-1] == ("LOGIN_REFUSED", False, "INACTIVE")


def test_logging_in_and_refreshing_are_one_statement_each(settings: Settings, keyring: Keyring) -> None:
    statements: list[str] = []

    async def story(db: Database) -> None:
        session, code = await ask(db, keyring)
        async with db.transaction() as conn:
            with conn.query_logger(lambda query: statements.append(query.query)):
                found = await sessions.log_in(conn, keyring, session, code, NOWHERE)
        assert isinstance(found, OpenSession)
        async with db.transaction() as conn:
            with conn.query_logger(lambda query: statements.append(query.query)):
                await sessions.refresh(conn, found.refresh_token)

    run(settings, story)
    assert len(statements) == 2
