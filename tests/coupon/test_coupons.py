"""Coupons after they were issued, over HTTP: the owner's, handed out, withdrawn, expired."""

import asyncio
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from gasolinera.config import Settings
from gasolinera.coupon.codes import code_of
from gasolinera.coupon.coupons import COUPON_JOBS
from gasolinera.database import open_database
from gasolinera.permissions import Caller, Role
from gasolinera.security import issue_access_token
from tests.applications import create_app
from tests.schema.coupon_rows import new_campaign

Admin = psycopg.Connection[Any]
Headers = dict[str, str]
FAR = "2100-01-01"


def user(number: int) -> str:
    """Customers of the sample data: 51 to 70."""
    return f"a0000000-0000-4000-8000-{number:012}"


class Chain:
    """The application, and the headers of those who ask it."""

    def __init__(self, app: Litestar, client: TestClient[Litestar]) -> None:
        self.app = app
        self.client = client
        self.system = self.headers(Caller(role=Role.SYSTEM_ADMIN, user_id=UUID(user(1)), has_second_factor=True))
        self.manager = self.headers(
            Caller(
                role=Role.STATION_ADMIN,
                user_id=UUID(user(11)),
                station_code="JSM001",
                employee_number="EMP000011",
                has_second_factor=True,
            )
        )

    def headers(self, caller: Caller) -> Headers:
        token = issue_access_token(self.app.state["keyring"], caller, now=datetime.now(UTC)).token
        return {"authorization": f"Bearer {token}"}

    def customer(self, number: int) -> Headers:
        return self.headers(Caller(role=Role.CUSTOMER, user_id=UUID(user(number))))

    def get(self, path: str, who: Headers | None = None) -> Any:
        return self.client.get(f"/api/coupons{path}", headers=who or self.system)

    def post(self, path: str, body: dict[str, Any], who: Headers | None = None) -> Any:
        key = {"idempotency-key": str(uuid4())} if path == "/batches" else {}
        return self.client.post(f"/api/coupons{path}", json=body, headers=(who or self.system) | key)

    def send_list(self, text: str, query: str = "") -> Any:
        headers = self.system | {"content-type": "text/csv"}
        return self.client.post(f"/api/coupons/assign{query}", content=text.encode(), headers=headers)


@pytest.fixture
def chain(settings: Settings) -> Generator[Chain]:
    app = create_app(settings)
    with TestClient(app, raise_server_exceptions=False) as opened:
        yield Chain(app, opened)


def problem(response: Any) -> tuple[int, str]:
    return response.status_code, response.json().get("code", "")


def made(admin: Admin, campaign: int, number: int, **values: Any) -> str:
    """A coupon with a good code; gives the code."""
    code = code_of(number)
    filled: dict[str, Any] = {"user": None, "status": "ACTIVE", "until": FAR, "uses": 1, "reason": None, **values}
    if filled["status"] in ("SUSPENDED", "CANCELLED"):
        filled["reason"] = "test"
    admin.execute(
        """
        INSERT INTO coupon_schema.coupons (
            coupon_code, campaign_id, user_id, status, status_reason, discount_type, discount_value, currency,
            valid_from, valid_until, max_usage)
        VALUES (%(code)s, %(campaign)s, %(user)s, %(status)s, %(reason)s, 'FIXED_AMOUNT', 10, 'MXN', '2020-01-01',
                %(until)s, %(uses)s)
        """,
        {**filled, "code": code, "campaign": campaign},
    )
    return code


def log_of(admin: Admin, code: str) -> list[Any]:
    return admin.execute(
        "SELECT action, campaign_code, reason, actor FROM coupon_schema.coupon_audit_log"
        " WHERE coupon_code = %s ORDER BY id",
        (code,),
    ).fetchall()


def test_a_coupon_is_suspended_released_and_cancelled_and_the_log_says_who_and_why(chain: Chain, admin: Admin) -> None:
    code = made(admin, new_campaign(admin), 1)
    typed = f"{code[:4].lower()}-{code[4:]}"
    suspended = chain.post(f"/{typed}/suspend", {"reason": "seen twice"})
    assert (suspended.status_code, suspended.json()["status"], suspended.json()["status_reason"]) == (
        200,
        "SUSPENDED",
        "seen twice",
    )
    assert problem(chain.post(f"/{code}/suspend", {"reason": "again"})) == (409, "coupon.status")
    released = chain.post(f"/{code}/release", {"reason": "was two people"})
    assert (released.json()["status"], released.json()["status_reason"]) == ("ACTIVE", None)
    assert chain.post(f"/{code}/cancel", {"reason": "wrong price"}).json()["status"] == "CANCELLED"
    assert problem(chain.post(f"/{code}/release", {"reason": "no"})) == (409, "coupon.status")
    assert log_of(admin, code) == [
        ("COUPON_SUSPENDED", "TEST", "seen twice", user(1)),
        ("COUPON_RELEASED", "TEST", "was two people", user(1)),
        ("COUPON_CANCELLED", "TEST", "wrong price", user(1)),
    ]


def test_codes_that_are_none_and_codes_that_are_nobodys_are_answered_alike(chain: Chain) -> None:
    for code in (code_of(99), "0000000000001", "HELLO", "x" * 60):
        assert problem(chain.get(f"/{code}")) == (404, "coupon.unknown")
        assert problem(chain.post(f"/{code}/cancel", {"reason": "x"})) == (404, "coupon.unknown")


def test_only_administrators_of_the_chain_find_and_change_coupons(chain: Chain, admin: Admin) -> None:
    code = made(admin, new_campaign(admin), 1, user=user(51))
    for who in (chain.customer(51), chain.manager):
        assert chain.get("/", who).status_code == 403
        assert chain.get(f"/{code}", who).status_code == 403
        assert chain.post(f"/{code}/cancel", {"reason": "x"}, who).status_code == 403
        assert chain.post("/batches", {"campaign_code": "TEST", "count": 1}, who).status_code == 403
    assert admin.execute("SELECT status FROM coupon_schema.coupons WHERE coupon_code = %s", (code,)).fetchone() == (
        "ACTIVE",
    )


def test_a_search_goes_through_all_pages_and_keeps_to_its_filters(chain: Chain, admin: Admin) -> None:
    campaign, other = new_campaign(admin), new_campaign(admin, "OTHER")
    mine = [made(admin, campaign, number) for number in range(1, 8)]
    owned = [made(admin, campaign, 20, user=user(51)), made(admin, other, 21, user=user(51))]
    suspended = made(admin, other, 30, status="SUSPENDED")

    def found(query: str) -> list[str]:
        codes: list[str] = []
        cursor = ""
        while True:
            page = chain.get(f"/?limit=3&{query}{cursor}").json()
            codes += [item["coupon_code"] for item in page["items"]]
            if page["next_cursor"] is None:
                return codes
            cursor = f"&cursor={page['next_cursor']}"

    assert found("campaign=TEST") == [owned[0], *reversed(mine)]
    assert found("campaign=TEST&is_assigned=false") == list(reversed(mine))
    assert found(f"user_id={user(51)}&campaign=OTHER") == [owned[1]]
    assert found("campaign=OTHER&status=SUSPENDED") == [suspended]
    assert problem(chain.get("/?status=SUSPENDED")) == (422, "coupon.search")
    assert problem(chain.get("/?cursor=abc")) == (422, "request.cursor")


def test_a_wallet_shows_the_own_coupons_and_what_ends_first_first(chain: Chain, admin: Admin) -> None:
    campaign = new_campaign(admin, "WALLET", name="Cartera")
    late = made(admin, campaign, 1, user=user(200), until="2100-01-01", uses=3)
    early = made(admin, campaign, 2, user=user(200), until="2099-01-01")
    same = made(admin, campaign, 3, user=user(200), until="2099-01-01")
    gone = made(admin, campaign, 4, user=user(200), status="CANCELLED", until="2098-01-01")
    made(admin, campaign, 5, user=user(201))
    made(admin, campaign, 6)
    page = chain.get("/mine?limit=2", chain.customer(200)).json()
    rest = chain.get(f"/mine?limit=2&cursor={page['next_cursor']}", chain.customer(200)).json()
    assert [c["coupon_code"] for c in page["items"] + rest["items"]] == [early, same, late]
    assert rest["next_cursor"] is None
    last = rest["items"][0]
    assert (last["campaign_name"], last["uses_left"], last["is_usable"], last["is_signed"]) == (
        "Cartera",
        3,
        True,
        False,
    )
    assert "id" not in last
    everything = chain.get("/mine?with_past=true", chain.customer(200)).json()["items"]
    assert [c["coupon_code"] for c in everything] == [gone, early, same, late]
    admin.execute("UPDATE coupon_schema.campaigns SET status = 'PAUSED' WHERE campaign_code = 'WALLET'")
    assert not any(c["is_usable"] for c in chain.get("/mine", chain.customer(200)).json()["items"])


def test_a_coupon_is_given_to_one_user_and_to_no_second_one(chain: Chain, admin: Admin) -> None:
    code = made(admin, new_campaign(admin), 1)
    assert problem(chain.post(f"/{code}/assign", {"user_id": user(999)})) == (422, "coupon.unknown_user")
    assert chain.post(f"/{code}/assign", {"user_id": user(51)}).json()["user_id"] == user(51)
    assert problem(chain.post(f"/{code}/assign", {"user_id": user(52)})) == (409, "coupon.taken")
    assert [row[0] for row in log_of(admin, code)] == ["COUPON_ASSIGNED"]


def test_a_list_hands_out_coupons_and_reports_row_by_row(chain: Chain, admin: Admin) -> None:
    campaign = new_campaign(admin)
    free, other, theirs = (made(admin, campaign, number) for number in (1, 2, 3))
    admin.execute("UPDATE coupon_schema.coupons SET user_id = %s WHERE coupon_code = %s", (user(53), theirs))
    text = "\r\n".join(
        [
            "usuario,codigo_cupon",
            f"{user(51)},{free.lower()}",  # 2: done
            f"{user(52)},{theirs}",  # 3: another's
            f"{user(53)},{theirs[:4]}-{theirs[4:]}",  # 4: already so
            f"{user(54)},{code_of(77)}",  # 5: not there
            f"{user(54)},0000000000001",  # 6: no code at all
            f"{user(999)},{other}",  # 7: nobody
            "nobody,",  # 8: no id
            f"{user(55)},",  # 9: a new one
            f"{user(55)},",  # 10: the same again
        ]
    )
    kept_out = chain.send_list(text, "?campaign=TEST").json()
    assert kept_out["is_kept"] is False
    assert admin.execute("SELECT count(*) FROM coupon_schema.coupon_grants").fetchone() == (0,)
    result = chain.send_list(text, "?campaign=TEST&keep_good=true").json()
    assert {(fault["row"], fault["code"]) for fault in result["faults"]} == {
        (3, "coupon.taken"),
        (5, "coupon.unknown"),
        (6, "invalid"),
        (7, "coupon.unknown_user"),
        (8, "invalid"),
    }
    assert (result["rows_read"], result["updated"], result["inserted"], result["unchanged"]) == (9, 1, 1, 2)
    owners = dict(
        admin.execute(
            "SELECT coupon_code, user_id::text FROM coupon_schema.coupons WHERE campaign_id = %s", (campaign,)
        ).fetchall()
    )
    assert owners == {free: user(51), other: None, theirs: user(53)}
    granted = admin.execute("SELECT user_id::text, source, coupon_id FROM coupon_schema.coupon_grants").fetchall()
    assert granted == [(user(55), "LIST", None)]
    again = chain.send_list(f"user_id\n{user(55)}\n", "?campaign=TEST").json()
    assert (again["inserted"], again["unchanged"]) == (0, 1)


def test_a_list_for_a_campaign_that_is_not_open_owes_nobody_anything(chain: Chain, admin: Admin) -> None:
    new_campaign(admin, status="DRAFT")
    assert problem(chain.send_list(f"user_id\n{user(55)}\n", "?campaign=TEST")) == (409, "coupon.campaign_not_open")
    missing = chain.send_list(f"user_id\n{user(55)}\n").json()
    assert [(fault["row"], fault["code"]) for fault in missing["faults"]] == [(2, "missing")]


def test_two_lists_at_once_give_a_coupon_to_one_user(chain: Chain, admin: Admin) -> None:
    campaign = new_campaign(admin)
    codes = [made(admin, campaign, number) for number in range(1, 40)]

    def text(owner: str, order: list[str]) -> str:
        return "user_id,coupon_code\n" + "".join(f"{owner},{code}\n" for code in order)

    with ThreadPoolExecutor() as threads:
        results = [
            future.result().json()
            for future in (
                threads.submit(chain.send_list, text(user(51), codes), "?keep_good=true"),
                threads.submit(chain.send_list, text(user(52), codes[::-1]), "?keep_good=true"),
            )
        ]
    assert sum(result["updated"] for result in results) == len(codes)
    assert sum(result["rejected"] for result in results) == len(codes)


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00"])
def test_moments_at_the_ends_of_the_calendar_are_refused_and_break_nothing(
    chain: Chain, admin: Admin, moment: str
) -> None:
    new_campaign(admin)
    for name in ("valid_from", "valid_until"):
        assert chain.post("/batches", {"campaign_code": "TEST", "count": 1, name: moment}).status_code == 422


def test_coupons_whose_time_is_over_expire_in_bounded_batches_and_others_stay(settings: Settings, admin: Admin) -> None:
    campaign = new_campaign(admin)
    admin.execute(
        """
        INSERT INTO coupon_schema.coupons (
            coupon_code, campaign_id, status, status_reason, discount_type, discount_value, currency, valid_from,
            valid_until, max_usage, usage_count)
        SELECT 'EXPIRING' || lpad(i::text, 6, '0'), %s, s, CASE WHEN s = 'ACTIVE' THEN NULL ELSE 'x' END,
               'FIXED_AMOUNT', 1, 'MXN', '2020-01-01', CASE WHEN i <= 11000 THEN '2021-01-01' ELSE '2100-01-01' END
               ::timestamptz, 2, 0
          FROM generate_series(1, 11010) AS i,
               LATERAL (SELECT (ARRAY['ACTIVE', 'SUSPENDED', 'CANCELLED'])[1 + i %% 3]) AS w (s)
        """,
        (campaign,),
    )
    (job,) = COUPON_JOBS

    async def run() -> str:
        async with open_database(settings, "coupon") as db:
            await job.run(db, {})
            return await job.run(db, {})

    assert asyncio.run(run()) == "0 coupons expired"
    counts = dict(
        admin.execute(
            "SELECT status || ' ' || (valid_until < now()), count(*) FROM coupon_schema.coupons"
            " WHERE campaign_id = %s GROUP BY 1",
            (campaign,),
        ).fetchall()
    )
    # 11,000 over: every third one was cancelled before (3,667: those with i % 3 = 2), the others expire.
    assert counts == {
        "EXPIRED true": 7333,
        "CANCELLED true": 3667,
        "ACTIVE false": 4,
        "SUSPENDED false": 3,
        "CANCELLED false": 3,
    }
