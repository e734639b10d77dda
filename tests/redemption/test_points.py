"""Points expire oldest first as an independent model says, add up under concurrency, and move once a reference."""

from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from gasolinera.config import Settings
from gasolinera.permissions import Role
from gasolinera.redemption.points import EXPIRE_POINTS
from tests.redemption.holders import ANA, BEA, Admin, People, good, hear, met, problem, run_job
from tests.schema.redemption_steps import completed, move

KNOWN = UUID("a0000000-0000-4000-8000-000000000055")  # a driver of the sample data, without points
_references = count(1)


@pytest.fixture
def people(settings: Settings) -> Generator[People]:
    with met(settings) as found:
        yield found


def book(conn: Admin, user: UUID, kind: str, points: int, *, expires: bool = False) -> int:
    """Its number in the account."""
    row = conn.execute(
        """
        INSERT INTO redemption_schema.points_ledger
               (user_id, entry_type, points, source_reference, description, expires_at)
        VALUES (%s, %s, %s, %s, 'test', CASE WHEN %s THEN now() + interval '1 year' END) RETURNING entry_number
        """,
        (user, kind, points, f"reference {next(_references)}", expires),
    ).fetchone()
    assert row is not None
    return int(row[0])


def let_end(admin: Admin, user: UUID, *numbers: int) -> None:
    """The time of these earnings is over since a second."""
    admin.execute(
        "UPDATE redemption_schema.points_expirations SET expires_at = now() - interval '1 second'"
        " WHERE user_id = %s AND entry_number = ANY (%s)",
        (user, list(numbers)),
    )


def entries(admin: Admin, user: UUID = ANA) -> list[tuple[str, int, int]]:
    return admin.execute(
        "SELECT entry_type, points, balance_after FROM redemption_schema.points_ledger WHERE user_id = %s"
        " ORDER BY entry_number",
        (user,),
    ).fetchall()


# Oldest first


class Gain:
    def __init__(self, number: int, points: int, *, expires: bool) -> None:
        self.number = number
        self.left = points
        self.expires = expires


class Model:
    """One gain after the other, spent from the front: nothing is summed up."""

    def __init__(self) -> None:
        self.gains: deque[Gain] = deque()

    @property
    def balance(self) -> int:
        return sum(gain.left for gain in self.gains)

    def spend(self, points: int) -> None:
        for gain in self.gains:
            used = min(points, gain.left)
            gain.left -= used
            points -= used
        assert points == 0


_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("gain"), st.sampled_from(["EARNED", "BONUS"]), st.integers(1, 50), st.booleans()),
        st.tuples(st.just("gain"), st.just("ADJUSTED"), st.integers(1, 50), st.just(value=False)),
        st.tuples(st.just("spend"), st.sampled_from(["REDEEMED", "ADJUSTED"]), st.floats(0.01, 1)),
        st.tuples(st.just("end"), st.lists(st.floats(0, 0.999), min_size=1, max_size=3)),
        st.tuples(st.just("run")),
    ),
    max_size=30,
)


@given(steps=_STEPS)
@hypothesis_settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_left_of_each_gain_is_what_a_queue_says(
    admin: Admin, as_role: Callable[[str], Admin], steps: list[tuple[Any, ...]]
) -> None:
    app = as_role("redemption_app")
    user, model, due = uuid4(), Model(), list[Gain]()
    for step in steps:
        if step[0] == "gain":
            number = book(app, user, step[1], step[2], expires=step[3])
            model.gains.append(Gain(number, step[2], expires=step[3]))
        elif step[0] == "spend":
            points = int(step[2] * model.balance)
            if points:
                book(app, user, step[1], -points)
                model.spend(points)
        elif step[0] == "end":
            ending = [gain for gain in model.gains if gain.expires]
            chosen = [ending[int(share * len(ending))] for share in step[1]] if ending else []
            let_end(admin, user, *(gain.number for gain in chosen))
            due += chosen
        else:
            app.execute("SELECT redemption_schema.expire_points(1000)")
            for gain in due:
                gain.left, gain.expires = 0, False
            due.clear()
        found = app.execute(
            "SELECT entry_number, remainder FROM redemption_schema.points_remainders(ARRAY[%s]::uuid[]) ORDER BY 1",
            (user,),
        ).fetchall()
        assert found == [(gain.number, gain.left) for gain in model.gains]
        account = app.execute("SELECT balance FROM redemption_schema.points_accounts WHERE user_id = %s", (user,))
        assert (account.fetchone() or (0,))[0] == model.balance
    app.close()


def test_the_job_takes_what_is_left_of_each_account_and_never_looks_at_it_again(
    admin: Admin, settings: Settings
) -> None:
    first = book(admin, ANA, "EARNED", 100, expires=True)
    book(admin, ANA, "EARNED", 40, expires=True)
    book(admin, ANA, "REDEEMED", -70)
    other = book(admin, BEA, "BONUS", 10, expires=True)
    let_end(admin, ANA, first)
    let_end(admin, BEA, other)
    assert run_job(settings, EXPIRE_POINTS) == "2 earnings of points have ended"
    assert entries(admin)[-1] == ("EXPIRED", -30, 40)
    assert entries(admin, BEA)[-1] == ("EXPIRED", -10, 0)
    assert run_job(settings, EXPIRE_POINTS) == "0 earnings of points have ended"


def test_an_earning_that_was_spent_ends_without_an_entry(admin: Admin, settings: Settings) -> None:
    first = book(admin, ANA, "EARNED", 100, expires=True)
    book(admin, ANA, "REDEEMED", -100)
    let_end(admin, ANA, first)
    assert run_job(settings, EXPIRE_POINTS) == "1 earnings of points have ended"
    assert len(entries(admin)) == 2


def test_more_accounts_than_a_batch_end_in_one_run(admin: Admin, settings: Settings) -> None:
    admin.execute(
        "INSERT INTO redemption_schema.points_ledger (user_id, entry_type, points, source_reference, created_at,"
        " expires_at) SELECT gen_random_uuid(), 'EARNED', 5, 'old', now() - interval '2 days', now() - interval '1 day'"
        " FROM generate_series(1, 2500)"
    )
    assert run_job(settings, EXPIRE_POINTS) == "2500 earnings of points have ended"
    left = admin.execute(
        "SELECT count(*) FROM redemption_schema.points_accounts AS a WHERE EXISTS (SELECT FROM"
        " redemption_schema.points_ledger AS l WHERE l.user_id = a.user_id AND l.source_reference = 'old')"
        " AND a.balance <> 0"
    ).fetchone()
    assert left == (0,)


# Redeeming and adjusting


def redeem(people: People, points: int, reference: str = "car-wash-1", user: UUID = ANA) -> Any:
    return people.post("/points/redemptions", {"points": points, "reference": reference}, user)


def test_points_are_spent_once_a_reference_and_never_more_than_there_are(people: People, admin: Admin) -> None:
    book(admin, ANA, "EARNED", 100)
    first = good(redeem(people, 60), 201)
    assert (first["points"], first["balance_after"]) == (-60, 40)
    assert good(redeem(people, 60), 201) == first
    assert problem(redeem(people, 50)) == (409, "points.reference_used")
    assert problem(redeem(people, 41, "car-wash-2")) == (409, "points.too_few")
    assert problem(redeem(people, 1, user=BEA)) == (409, "points.too_few")
    assert problem(redeem(people, 0)) == (422, "request.invalid")
    assert [points for _, points, _ in entries(admin)] == [100, -60]


def test_what_is_over_cannot_be_spent_before_the_job_comes(people: People, admin: Admin) -> None:
    first = book(admin, ANA, "EARNED", 100, expires=True)
    book(admin, ANA, "EARNED", 20)
    let_end(admin, ANA, first)
    good(redeem(people, 20), 201)
    assert problem(redeem(people, 1, "car-wash-2")) == (409, "points.too_few")
    assert entries(admin)[-2:] == [("EXPIRED", -100, 20), ("REDEEMED", -20, 0)]


def test_many_spend_expire_and_earn_at_once_and_the_ledger_adds_up(
    people: People, admin: Admin, settings: Settings
) -> None:
    ending = [book(admin, ANA, "EARNED", 30, expires=True) for _ in range(10)]
    let_end(admin, ANA, *ending[:5])

    def act(number: int) -> int:
        if number % 4 == 0:
            run_job(settings, EXPIRE_POINTS)
            return 0
        return int(redeem(people, 20, f"wash-{number}").status_code)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(act, range(16)))
    balance = 0
    for _, points, after in entries(admin):
        balance += points
        assert after == balance >= 0
    kinds = [kind for kind, _, _ in entries(admin)]
    assert kinds.count("EXPIRED") == 5
    # 150 points were good: seven times 20.
    assert (answers.count(201), kinds.count("REDEEMED"), balance) == (7, 7, 10)


def test_an_adjustment_needs_a_reason_a_second_factor_and_an_administrator(people: People, admin: Admin) -> None:
    path = f"/points/users/{KNOWN}/adjustments"
    body = {"points": 50, "reference": "complaint-17", "reason": "the pump counted wrongly"}
    assert good(people.manage("POST", path, body), 201)["balance_after"] == 50
    assert good(people.manage("POST", path, body), 201)["balance_after"] == 50
    assert problem(people.manage("POST", path, body | {"points": -51, "reference": "x"})) == (409, "points.too_few")
    assert problem(people.manage("POST", path, body | {"points": 0, "reference": "y"})) == (422, "points.zero")
    assert problem(people.manage("POST", path, body | {"reason": " "})) == (422, "request.invalid")
    assert problem(people.post(path, body)) == (403, "auth.not_permitted")
    assert problem(people.manage("POST", f"/points/users/{ANA}/adjustments", body)) == (404, "user.unknown")
    weak = people.headers(UUID("a0000000-0000-4000-8000-000000000001"), Role.SYSTEM_ADMIN, second_factor=False)
    answer = people.client.post(f"/api{path}", json=body, headers=weak | {"idempotency-key": "k"})
    assert problem(answer) == (403, "auth.second_factor_needed")
    row = admin.execute(
        "SELECT entry_type, description, actor FROM redemption_schema.points_ledger WHERE user_id = %s", (KNOWN,)
    ).fetchall()
    assert row == [("ADJUSTED", "the pump counted wrongly", "a0000000-0000-4000-8000-000000000001")]


# Seeing


def test_the_statement_has_every_entry_once_the_newest_first(people: People, admin: Admin) -> None:
    for points in range(1, 8):
        book(admin, ANA, "EARNED", points)
    book(admin, BEA, "EARNED", 99)
    seen: list[int] = []
    cursor = None
    while True:
        page = good(people.get("/points/statement?limit=3" + (f"&cursor={cursor}" if cursor else "")))
        seen += [one["points"] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == [7, 6, 5, 4, 3, 2, 1]
    other = f"/api/points/statement?user_id={ANA}"
    assert problem(people.client.get(other, headers=people.headers(BEA))) == (403, "auth.not_permitted")
    assert len(good(people.client.get(other, headers=people.administrator))["items"]) == 7


def test_the_balance_says_what_is_left_of_what_ends_soon(people: People, admin: Admin) -> None:
    first = book(admin, ANA, "EARNED", 100, expires=True)
    book(admin, ANA, "EARNED", 50, expires=True)
    book(admin, ANA, "REDEEMED", -70)
    admin.execute("SELECT set_config('gasolinera.maintenance', 'on', false)")
    admin.execute(
        "UPDATE redemption_schema.points_ledger SET expires_at = now() + interval '3 days'"
        " WHERE user_id = %s AND entry_number = %s",
        (ANA, first),
    )
    shown = good(people.get("/points"))
    assert (shown["balance"], [one["points"] for one in shown["expiring"]]) == (80, [30])
    assert [one["points"] for one in good(people.get("/points?days=366"))["expiring"]] == [30, 50]
    assert good(people.get("/points", BEA)) == {"user_id": str(BEA), "balance": 0, "expiring": []}


# Earning


def test_a_completed_redemption_earns_by_the_rule_of_its_currency_once(
    people: People, admin: Admin, as_role: Callable[[str], Admin], settings: Settings
) -> None:
    app = as_role("redemption_app")
    reference = completed(app, holder=ANA)  # 500 MXN
    hear(settings, "redemption.completed", reference, {"reference": reference})
    assert entries(admin) == [("EARNED", 500, 500)]
    good(people.manage("PUT", "/points/rules/MXN", {"points_per_unit": "0.333", "valid_days": 10}))
    second = completed(app, holder=ANA)
    hear(settings, "redemption.completed", second, {"reference": second})
    assert entries(admin)[-1] == ("EARNED", 166, 666), "rounded down"
    days = admin.execute(
        "SELECT round(extract(epoch FROM expires_at - created_at) / 86400) FROM redemption_schema.points_ledger"
        " WHERE user_id = %s ORDER BY entry_number",
        (ANA,),
    ).fetchall()
    assert [int(one) for (one,) in days] == [365, 10]
    good(people.manage("PUT", "/points/rules/MXN", {"points_per_unit": "1", "valid_days": 10, "is_enabled": False}))
    third = completed(app, holder=ANA)
    hear(settings, "redemption.completed", third, {"reference": third})
    assert len(entries(admin)) == 2


def test_a_cancelled_redemption_loses_its_points_again_as_far_as_they_are_there(
    admin: Admin, as_role: Callable[[str], Admin], settings: Settings
) -> None:
    app = as_role("redemption_app")
    reference = completed(app, holder=ANA)
    hear(settings, "redemption.completed", reference, {"reference": reference})
    book(app, ANA, "REDEEMED", -450)
    move(app, reference, "CANCELLED")
    hear(settings, "redemption.cancelled", reference, {"reference": reference})
    assert entries(admin) == [("EARNED", 500, 500), ("REDEEMED", -450, 50), ("ADJUSTED", -50, 0)]
    hear(settings, "redemption.completed", reference, {"reference": reference})
    assert len(entries(admin)) == 3, "an old word that comes again earns nothing"


@pytest.mark.parametrize(
    ("spent", "expires", "left"),
    [
        (0, False, [478]),  # its own points go, and not those that end before them
        (100, False, [378]),
        (478, False, []),
        (600, False, []),  # 378 were left of its own, and nothing of others for what was spent of it
        (0, True, [478]),  # what expired is not taken from others
        (600, True, []),
    ],
)
def test_a_cancelled_redemption_takes_its_own_points_before_others(
    people: People, admin: Admin, as_role: Callable[[str], Admin], settings: Settings, *,
    spent: int, expires: bool, left: list[int],
) -> None:  # fmt: skip
    app = as_role("redemption_app")
    older = book(app, ANA, "BONUS", 478)
    reference = completed(app, holder=ANA)
    hear(settings, "redemption.completed", reference, {"reference": reference})
    if spent:
        book(app, ANA, "REDEEMED", -spent)
    if expires:
        let_end(admin, ANA, older + 1)
        run_job(settings, EXPIRE_POINTS)
    move(app, reference, "CANCELLED")
    for _ in range(2):
        hear(settings, "redemption.cancelled", reference, {"reference": reference})
    remainders = app.execute(
        "SELECT entry_number, remainder FROM redemption_schema.points_remainders(ARRAY[%s]::uuid[])"
        " WHERE remainder > 0",
        (ANA,),
    ).fetchall()
    assert remainders == [(older, points) for points in left]
    assert good(people.get("/points"))["balance"] == sum(left)


def test_what_was_spent_of_a_cancelled_redemption_is_taken_from_later_gains(
    admin: Admin, as_role: Callable[[str], Admin], settings: Settings
) -> None:
    app = as_role("redemption_app")
    reference = completed(app, holder=ANA)
    hear(settings, "redemption.completed", reference, {"reference": reference})
    book(app, ANA, "REDEEMED", -450)
    book(app, ANA, "BONUS", 1000)
    move(app, reference, "CANCELLED")
    hear(settings, "redemption.cancelled", reference, {"reference": reference})
    assert entries(admin)[3:] == [("ADJUSTED", -50, 1000), ("ADJUSTED", -450, 550)]


@pytest.mark.parametrize("rate", ["0", "0.000000", "1000.000001", "-1", "1e3"])
def test_a_rule_must_make_sense(people: People, rate: str) -> None:
    status, code = problem(people.manage("PUT", "/points/rules/MXN", {"points_per_unit": rate, "valid_days": 1}))
    assert (status, code in ("points.rate", "request.invalid")) == (422, True)
