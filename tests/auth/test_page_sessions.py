"""The session of a browser: good while its refresh token lives, over the moment that it is ended."""

import asyncio

from gasolinera.auth.page_sessions import find_page_caller
from gasolinera.config import Settings
from gasolinera.database import open_database
from gasolinera.permissions import Caller, Role
from tests.auth.journeys import ANA, Client, Conn, good, log_in, post


def caller_of(settings: Settings, token: str) -> Caller | None:
    async def main() -> Caller | None:
        async with open_database(settings, "auth") as db, db.connection() as conn:
            return await find_page_caller(conn, token)

    return asyncio.run(main())


def test_a_cookie_names_its_session_for_many_pages_until_it_is_ended(
    client: Client, settings: Settings, admin: Conn
) -> None:
    tokens = log_in(client, admin)
    for _ in range(2):
        found = caller_of(settings, tokens["refresh_token"])
        assert found is not None
        assert (str(found.user_id), found.role, found.has_second_factor) == (ANA, Role.CUSTOMER, False)
    good(post(client, "/logout", {}, tokens["access_token"]), 204)
    assert caller_of(settings, tokens["refresh_token"]) is None


def test_what_no_session_has_is_nobody(settings: Settings) -> None:
    for token in ("", "x", "ñ", "a" * 5000, "\0"):
        assert caller_of(settings, token) is None


def test_a_session_of_an_account_that_is_deactivated_is_over(client: Client, settings: Settings, admin: Conn) -> None:
    tokens = log_in(client, admin)
    admin.execute("UPDATE auth_schema.users SET is_active = false WHERE public_id = %s", (ANA,))
    assert caller_of(settings, tokens["refresh_token"]) is None
