"""The second factor through HTTP: enrolment, stepping up, replays, locks, recovery codes, races, and disabling."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest

from gasolinera.config import Settings
from gasolinera.keyring import load_keyring
from gasolinera.security import verify_access_token
from tests.auth.administrators import ADMINISTRATOR, ADMINISTRATOR_PHONE, App, bearer, enrolled, set_by_hand
from tests.auth.journeys import Client, Conn, events_of, good, let_pass, log_in, post, problem


@pytest.fixture
def token(client: Client, admin: Conn) -> str:
    return str(log_in(client, admin, ADMINISTRATOR_PHONE)["access_token"])


def is_strong(settings: Settings, token: str) -> bool:
    keyring = load_keyring(settings)
    return verify_access_token(keyring, token, keyring.clock()).has_second_factor


def verify(client: Client, token: str, code: str) -> Any:
    return post(client, "/second-factor/verify", {"code": code}, token)


def other(code: str) -> str:
    return f"{(int(code) + 500_000) % 1_000_000:06}"


def test_a_factor_counts_once_a_code_of_it_was_shown(
    client: Client, token: str, admin: Conn, settings: Settings
) -> None:
    first = good(post(client, "/second-factor/enrol", {}, token), 201)
    app = App(good(post(client, "/second-factor/enrol", {}, token), 201)["uri"])
    stale = App(first["uri"]).code()
    assert problem(post(client, "/second-factor/confirm", {"code": stale}, token)) == (401, "second_factor.wrong")
    assert problem(verify(client, token, app.code())) == (409, "second_factor.none")
    confirmed = good(post(client, "/second-factor/confirm", {"code": app.code()}, token))
    assert (len(set(confirmed["recovery_codes"])), is_strong(settings, confirmed["access_token"])) == (10, True)
    assert client.get("/api/auth/users", headers=bearer(confirmed["access_token"])).status_code == 200
    assert problem(post(client, "/second-factor/enrol", {}, token)) == (409, "second_factor.enabled")
    row = admin.execute(
        "SELECT second_factor_secret, last_login_at IS NOT NULL FROM auth_schema.users WHERE public_id = %s",
        (ADMINISTRATOR,),
    ).fetchone()
    assert row is not None
    assert (len(row[0]), row[1]) == (48, True)
    assert ("SECOND_FACTOR_ENABLED", True, None) in events_of(admin, ADMINISTRATOR)


def test_a_login_is_weak_until_the_code_and_its_refreshes_stay_strong(
    client: Client, token: str, admin: Conn, settings: Settings
) -> None:
    app, _ = enrolled(client, token)
    let_pass(admin, 2)
    again = log_in(client, admin, ADMINISTRATOR_PHONE)
    assert (again["second_factor_required"], is_strong(settings, again["access_token"])) == (True, False)
    weak = client.get("/api/auth/users", headers=bearer(again["access_token"]))
    assert problem(weak) == (403, "auth.second_factor_needed")
    assert is_strong(settings, good(verify(client, again["access_token"], app.code()))["access_token"])
    refreshed = good(post(client, "/refresh", {"refresh_token": again["refresh_token"]}))
    assert (refreshed["second_factor_required"], is_strong(settings, refreshed["access_token"])) == (False, True)


def test_a_code_is_good_once_even_for_eight_at_the_same_moment(client: Client, token: str) -> None:
    app, _ = enrolled(client, token)
    code = app.code()
    with ThreadPoolExecutor(8) as pool:
        answers = [one.status_code for one in pool.map(verify, [client] * 8, [token] * 8, [code] * 8)]
    assert Counter(answers)[200] == 1, answers
    assert set(answers) <= {200, 401, 423}


def test_the_fifth_wrong_code_locks_whatever_logins_come_between(client: Client, token: str, admin: Conn) -> None:
    app, _ = enrolled(client, token)
    wrong = other(app.code())
    for _ in range(4):
        assert problem(verify(client, token, wrong)) == (401, "second_factor.wrong")
    let_pass(admin, 2)
    token = log_in(client, admin, ADMINISTRATOR_PHONE)["access_token"]
    assert problem(verify(client, token, wrong)) == (423, "account.locked")
    assert problem(verify(client, token, app.code())) == (423, "account.locked")
    assert [event for event, _, _ in events_of(admin, ADMINISTRATOR)].count("SECOND_FACTOR_FAILED") == 5
    set_by_hand(admin, "UPDATE auth_schema.users SET locked_until = now() - interval '1 s' WHERE locked_until > now()")
    good(verify(client, token, app.code()))


def test_a_recovery_code_is_good_once_and_new_ones_end_the_old(client: Client, token: str) -> None:
    app, confirmed = enrolled(client, token)
    first, second, *_ = confirmed["recovery_codes"]
    assert good(verify(client, token, first.lower()))["recovery_codes_left"] == 9
    assert problem(verify(client, token, first)) == (401, "second_factor.wrong")
    made = good(post(client, "/second-factor/recovery-codes", {"code": app.code()}, token), 201)["recovery_codes"]
    assert problem(verify(client, token, second)) == (401, "second_factor.wrong")
    assert good(verify(client, token, made[0].replace("-", "")))["recovery_codes_left"] == 9


def test_one_recovery_code_at_the_same_moment_is_used_once(client: Client, token: str) -> None:
    _, confirmed = enrolled(client, token)
    code = confirmed["recovery_codes"][0]
    with ThreadPoolExecutor(4) as pool:
        answers = [one.status_code for one in pool.map(verify, [client] * 4, [token] * 4, [code] * 4)]
    assert sorted(answers) == [200, 401, 401, 401]


def test_disabling_takes_a_code_and_ends_what_sessions_had_proved(
    client: Client, admin: Conn, settings: Settings
) -> None:
    opened = log_in(client, admin)
    app, confirmed = enrolled(client, opened["access_token"])
    strong = confirmed["access_token"]
    wrong = post(client, "/second-factor/disable", {"code": other(app.code())}, strong)
    assert problem(wrong) == (401, "second_factor.wrong")
    good(post(client, "/second-factor/disable", {"code": app.code()}, strong), 204)
    assert problem(post(client, "/second-factor/enrol", {}, strong)) == (401, "auth.access_ended")
    refreshed = good(post(client, "/refresh", {"refresh_token": opened["refresh_token"]}))
    assert not is_strong(settings, refreshed["access_token"])
    assert admin.execute("SELECT count(*) FROM auth_schema.recovery_codes").fetchone() == (0,)


def test_an_administrator_keeps_one_where_one_is_demanded(client: Client, token: str) -> None:
    app, confirmed = enrolled(client, token)
    refused = post(client, "/second-factor/disable", {"code": app.code()}, confirmed["access_token"])
    assert problem(refused) == (409, "second_factor.required")
    good(verify(client, token, app.code()))


def test_an_ended_session_proves_nothing(client: Client, token: str, admin: Conn, settings: Settings) -> None:
    app, _ = enrolled(client, token)
    keyring = load_keyring(settings)
    caller = verify_access_token(keyring, token, keyring.clock())
    row = admin.execute(
        "SELECT outcome FROM auth_schema.prove_second_factor(%s, %s, NULL, 1, NULL, 'STEP_UP')",
        (caller.user_id, UUID(int=1)),
    ).fetchone()
    assert row == ("ENDED",)
    good(verify(client, token, app.code()))


@pytest.mark.parametrize(
    "code", ["", "12345", "1234567", "12345\n", "\uff11\uff12\uff13\uff14\uff15\uff16", "ABCD-EFGH", "x" * 500]
)
def test_what_is_no_code_is_said_so(client: Client, token: str, code: str) -> None:
    assert problem(verify(client, token, code)) == (422, "request.invalid")
