"""The session of a browser: good while its token lives, over the moment that it is ended, and never an app's."""

import asyncio
from collections.abc import Generator

import pytest

from gasolinera.auth.page_sessions import find_page_caller
from gasolinera.config import Settings
from gasolinera.database import open_database
from gasolinera.permissions import Caller, Role
from gasolinera.web.cookies import hash_session
from tests.auth import journeys
from tests.auth.browsing import another, browsing, log_in, look, send, went_to
from tests.auth.journeys import ANA, Client, Conn, good, let_pass, post, problem

SESSION = "__Host-session"


@pytest.fixture
def browser(settings: Settings) -> Generator[Client]:
    with browsing(settings) as opened:
        yield opened


def caller_of(settings: Settings, token: str) -> Caller | None:
    async def main() -> Caller | None:
        async with open_database(settings, "auth") as db, db.connection() as conn:
            token_hash = hash_session(token)
            return None if token_hash is None else await find_page_caller(conn, token_hash)

    return asyncio.run(main())


def test_a_cookie_names_its_session_for_many_pages_until_it_is_ended(
    browser: Client, settings: Settings, admin: Conn
) -> None:
    log_in(browser, admin)
    token = browser.cookies[SESSION]
    for _ in range(2):
        found = caller_of(settings, token)
        assert found is not None
        assert (str(found.user_id), found.role, found.has_second_factor) == (ANA, Role.CUSTOMER, False)
    went_to(send(browser, "/logout", {}), "/?said=bye")
    assert caller_of(settings, token) is None


def test_what_a_browser_holds_gives_no_access_token(browser: Client, settings: Settings, admin: Conn) -> None:
    log_in(browser, admin)
    token = browser.cookies[SESSION]
    refused = post(browser, "/refresh", {"refresh_token": token})
    assert problem(refused) == problem(post(browser, "/refresh", {"refresh_token": "x" * 43})) == (401, "token.unknown")
    assert caller_of(settings, token) is not None


def test_what_an_app_holds_opens_no_page(browser: Client, settings: Settings, admin: Conn) -> None:
    tokens = journeys.log_in(browser, admin)
    assert caller_of(settings, tokens["refresh_token"]) is None
    pages = another(browser)
    pages.cookies.set(SESSION, tokens["refresh_token"], domain="testserver.local", path="/")
    went_to(pages.get("/me", follow_redirects=False), "/login?next=/me")
    send(pages, "/logout", {})
    good(post(browser, "/refresh", {"refresh_token": tokens["refresh_token"]}))


def test_what_no_session_has_is_nobody(settings: Settings) -> None:
    for token in ("", "x", "ñ", "a" * 5000, "\0"):
        assert caller_of(settings, token) is None


def test_a_session_of_an_account_that_is_deactivated_is_over_and_can_be_left(
    browser: Client, settings: Settings, admin: Conn
) -> None:
    log_in(browser, admin)
    token = browser.cookies[SESSION]
    admin.execute("UPDATE auth_schema.users SET is_active = false WHERE public_id = %s", (ANA,))
    assert caller_of(settings, token) is None
    went_to(send(browser, "/logout", {}), "/?said=bye")
    admin.execute("UPDATE auth_schema.users SET is_active = true WHERE public_id = %s", (ANA,))
    assert caller_of(settings, token) is None


def test_a_login_in_the_place_of_another_ends_that_one(browser: Client, settings: Settings, admin: Conn) -> None:
    log_in(browser, admin)
    first = browser.cookies[SESSION]
    let_pass(admin, 1)
    log_in(browser, admin, journeys.ANA_PHONE)
    assert browser.cookies[SESSION] != first
    assert caller_of(settings, first) is None
    look(browser, "/me")
