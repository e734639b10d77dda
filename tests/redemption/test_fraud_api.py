"""Over HTTP: who may see and judge what, rules are checked and versioned, a simulation tells and leaves nothing."""

from collections.abc import Callable, Generator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from gasolinera.config import Settings
from gasolinera.keyring import Keyring
from gasolinera.permissions import Caller, Role
from gasolinera.security import issue_access_token
from tests.applications import create_app
from tests.redemption.attempts import DRIVER, Connection, attempt

Headers = dict[str, str]
Connect = Callable[[str], Connection]
BASE = "/api/redemptions/fraud"
RULE: dict[str, Any] = {
    "kind": "USER_VELOCITY",
    "parameters": {"window_minutes": 60, "max_count": 5},
    "points": 45,
    "version": 1,
}


def user(number: int) -> UUID:
    return UUID(f"a0000000-0000-4000-8000-{number:012}")


class Chain:
    """The application, and the headers of those who ask it."""

    def __init__(self, app: Litestar, client: TestClient[Litestar]) -> None:
        self.client = client
        self._keyring: Keyring = app.state["keyring"]
        self.system = self.headers(Caller(role=Role.SYSTEM_ADMIN, user_id=user(1), has_second_factor=True))
        self.second = self.headers(Caller(role=Role.SYSTEM_ADMIN, user_id=user(2), has_second_factor=True))
        self.manager = self._employed(11, "JSM001", Role.STATION_ADMIN)
        self.other_manager = self._employed(12, "JSM005", Role.STATION_ADMIN)
        self.attendant = self._employed(22, "JSM001", Role.EMPLOYEE)
        self.customer = self.headers(Caller(role=Role.CUSTOMER, user_id=user(51)))

    def _employed(self, number: int, station: str, role: Role) -> Headers:
        return self.headers(
            Caller(
                role=role,
                user_id=user(number),
                station_code=station,
                employee_number=f"EMP{number:06}",
                has_second_factor=True,
            )
        )

    def headers(self, caller: Caller) -> Headers:
        token = issue_access_token(self._keyring, caller, now=datetime.now(UTC)).token
        return {"authorization": f"Bearer {token}"}

    def get(self, path: str, who: Headers) -> Any:
        return self.client.get(BASE + path, headers=who)

    def post(self, path: str, who: Headers, body: dict[str, Any] | None = None) -> Any:
        return self.client.post(BASE + path, json=body, headers=who)

    def put(self, path: str, who: Headers, body: dict[str, Any]) -> Any:
        return self.client.put(BASE + path, json=body, headers=who)

    def take(self, detection: UUID, who: Headers) -> Any:
        return self.post(f"/reviews/{detection}/take", who)

    def resolve(self, detection: UUID, who: Headers, resolution: str, **more: Any) -> Any:
        body = {"resolution": resolution, "notes": "Looked at the cameras."} | more
        return self.post(f"/reviews/{detection}/resolve", who, body)


@pytest.fixture
def chain(settings: Settings) -> Generator[Chain]:
    app = create_app(settings)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield Chain(app, client)


@pytest.fixture
def app(as_role: Connect) -> Connection:
    return as_role("redemption_app")


def problem(response: Any) -> tuple[int, str]:
    return response.status_code, response.json().get("code", "")


def blocked(app: Connection, who: UUID = DRIVER, employee: str = "EMP000022", **facts: Any) -> UUID:
    """The detection of an attempt that is one too many."""
    for _ in range(5):
        attempt(app, user=who, employee=employee, **facts)
    last = attempt(app, user=who, employee=employee, **facts)
    assert last.decision == "BLOCKED"
    return last.detection_id


# The queue


def test_the_queue_shows_the_worst_first_page_by_page_and_a_manager_the_own_station_alone(
    chain: Chain, app: Connection, admin: Connection
) -> None:
    admin.execute("TRUNCATE redemption_schema.fraud_reviews CASCADE")
    worst, elsewhere = blocked(app), blocked(app, uuid4(), station="JSM005")
    attempt(app, amount=77, user=user(77))
    attempt(app, amount=77, user=user(77))  # flagged
    seen: list[dict[str, Any]] = []
    page = chain.get("/reviews?limit=1", chain.system).json()
    while True:
        seen += page["items"]
        if page["next_cursor"] is None:
            break
        page = chain.get(f"/reviews?limit=1&cursor={page['next_cursor']}", chain.system).json()
    assert [one["risk_score"] for one in seen] == [85, 85, 25]
    assert [one["detection_id"] for one in seen[:2]] == [str(worst), str(elsewhere)]
    assert seen[0]["details"]["user_hour"] == {"before": 5, "max": 5, "version": 1}
    own = chain.get("/reviews", chain.manager).json()["items"]
    assert {one["station_code"] for one in own} == {"JSM001"}
    assert len(own) == 2
    assert problem(chain.get(f"/reviews/{elsewhere}", chain.manager)) == (404, "fraud.review_unknown")
    assert problem(chain.get("/reviews?cursor=bm9uZQ", chain.system)) == (422, "request.cursor")


@pytest.mark.parametrize("who", ["attendant", "customer"])
def test_who_serves_or_drives_sees_and_changes_nothing_of_it(chain: Chain, app: Connection, who: str) -> None:
    headers: Headers = getattr(chain, who)
    detection = blocked(app)
    for path in ("/reviews", f"/reviews/{detection}", "/rules", "/audit"):
        assert chain.get(path, headers).status_code == 403, path
    assert chain.take(detection, headers).status_code == 403
    assert chain.put("/rules/user_hour", headers, RULE).status_code == 403
    assert chain.post("/simulations", headers, {}).status_code == 403
    assert chain.get("/reviews", {}).status_code == 401


def test_who_manages_a_station_neither_reads_nor_changes_the_chains_rules(chain: Chain) -> None:
    assert chain.get("/rules", chain.manager).status_code == 403
    assert chain.put("/rules/user_hour", chain.manager, RULE).status_code == 403


def test_a_review_is_taken_by_one_and_resolved_by_that_one_once(chain: Chain, app: Connection) -> None:
    detection = blocked(app)
    assert problem(chain.resolve(detection, chain.system, "DISMISS")) == (409, "fraud.review_not_taken")
    taken = chain.take(detection, chain.system)
    assert (taken.status_code, taken.json()["taken_by"]) == (200, str(user(1)))
    assert chain.take(detection, chain.system).status_code == 200
    assert problem(chain.take(detection, chain.second)) == (409, "fraud.review_taken")
    assert problem(chain.resolve(detection, chain.second, "CONFIRM")) == (409, "fraud.review_not_taken")
    resolved = chain.resolve(detection, chain.system, "INCONCLUSIVE").json()
    assert (resolved["status"], resolved["reviewed_by"]) == ("INCONCLUSIVE", str(user(1)))
    assert problem(chain.resolve(detection, chain.system, "CONFIRM")) == (409, "fraud.review_resolved")
    assert problem(chain.take(detection, chain.second)) == (409, "fraud.review_resolved")
    listed = chain.get("/reviews?status=INCONCLUSIVE", chain.system).json()["items"]
    assert [one["detection_id"] for one in listed] == [str(detection)]


def test_a_review_that_lay_for_half_an_hour_may_be_taken_over(chain: Chain, app: Connection, admin: Connection) -> None:
    detection = blocked(app)
    chain.take(detection, chain.system)
    admin.execute("UPDATE redemption_schema.fraud_reviews SET taken_at = taken_at - interval '31 minutes'")
    assert chain.take(detection, chain.second).json()["taken_by"] == str(user(2))
    assert problem(chain.resolve(detection, chain.system, "DISMISS")) == (409, "fraud.review_not_taken")


def test_nobody_reviews_the_own_attempt_nor_one_that_he_served(chain: Chain, app: Connection) -> None:
    assert problem(chain.take(blocked(app, user(11)), chain.manager)) == (403, "fraud.own_case")
    assert problem(chain.take(blocked(app, uuid4(), "EMP000011"), chain.manager)) == (403, "fraud.own_case")


def test_who_is_released_goes_on_under_review_until_it_ends(chain: Chain, app: Connection, admin: Connection) -> None:
    detection = blocked(app)
    assert chain.take(detection, chain.manager).status_code == 200
    assert problem(chain.resolve(detection, chain.manager, "RELEASE")) == (403, "fraud.release")
    admin.execute("UPDATE redemption_schema.fraud_reviews SET taken_at = taken_at - interval '31 minutes'")
    chain.take(detection, chain.system)
    assert chain.resolve(detection, chain.system, "RELEASE", release_hours=2).json()["status"] == "FALSE_ALARM"
    after = attempt(app)
    assert (after.risk_score, after.decision) == (85, "ALLOWED_WITH_REVIEW")
    admin.execute("UPDATE redemption_schema.fraud_standings SET created_at = created_at - interval '3 hours',"
                  " valid_until = valid_until - interval '3 hours'")  # fmt: skip
    assert attempt(app).decision == "BLOCKED"


def test_a_confirmed_fraud_counts_against_the_next_attempts_of_its_driver(
    chain: Chain, app: Connection, admin: Connection
) -> None:
    detection = blocked(app)
    chain.take(detection, chain.manager)
    assert chain.resolve(detection, chain.manager, "CONFIRM").json()["status"] == "CONFIRMED"
    admin.execute("DELETE FROM redemption_schema.redemptions WHERE user_id = %s", (DRIVER,))
    assert attempt(app).rule_points == {"confirmed_before": 40}
    assert attempt(app, user=uuid4()).rule_points == {}


# Rules


def test_a_changed_rule_holds_for_the_next_attempt_and_is_audited(chain: Chain, app: Connection) -> None:
    for _ in range(2):
        assert attempt(app).risk_score == 0
    changed = chain.put("/rules/user_hour", chain.system, RULE | {"parameters": {"window_minutes": 60, "max_count": 2}})
    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    assert attempt(app).rule_points == {"user_hour": 45}
    entry = chain.get("/audit?subject=user_hour", chain.system).json()["items"][0]
    assert (entry["event_type"], entry["actor"]) == ("RULE_UPDATE", str(user(1)))
    assert (entry["old_values"]["parameters"]["max_count"], entry["new_values"]["parameters"]["max_count"]) == (5, 2)


def test_a_change_of_an_old_version_of_another_kind_or_of_no_rule_is_refused(chain: Chain) -> None:
    assert chain.put("/rules/user_hour", chain.system, RULE | {"points": 44}).status_code == 200
    assert problem(chain.put("/rules/user_hour", chain.system, RULE)) == (409, "fraud.stale")
    other = RULE | {"kind": "DEVICE_VELOCITY", "version": 2}
    assert problem(chain.put("/rules/user_hour", chain.system, other)) == (409, "fraud.other_kind")
    assert problem(chain.put("/rules/nothing_here", chain.system, RULE)) == (404, "fraud.rule_unknown")
    assert problem(chain.put("/rules/user_hour", chain.system, RULE | {"version": 0})) == (409, "fraud.rule_exists")


@pytest.mark.parametrize(
    "parameters",
    [
        {"window_minutes": 60},
        {"window_minutes": 60, "max_count": 5, "max_users": 1},
        {"window_minutes": 60, "max_users": 5},
        {"window_minutes": 0, "max_count": 5},
        {"window_minutes": 10081, "max_count": 5},
    ],
)
def test_parameters_that_are_not_the_kinds_own_or_out_of_bounds_are_refused(
    chain: Chain, parameters: dict[str, int]
) -> None:
    body = RULE | {"parameters": parameters}
    assert problem(chain.put("/rules/user_hour", chain.system, body)) == (422, "fraud.parameters")
    simulated = {"rules": [{"rule_name": "new_rule", "kind": "USER_VELOCITY", "parameters": parameters, "points": 9}]}
    assert problem(chain.post("/simulations", chain.system, simulated)) == (422, "fraud.parameters")


def test_there_are_fifty_rules_at_most(chain: Chain) -> None:
    known = len(chain.get("/rules", chain.system).json()["rules"])
    new = RULE | {"version": 0}
    made = [chain.put(f"/rules/rule_{number}", chain.system, new).status_code for number in range(50 - known)]
    assert set(made) == {200}
    assert problem(chain.put("/rules/one_more", chain.system, new)) == (409, "fraud.too_many_rules")


def test_thresholds_rise_and_hold_at_once(chain: Chain, app: Connection) -> None:
    wrong = {"flagged_from": 50, "review_from": 40, "blocked_from": 80, "version": 1}
    assert problem(chain.put("/thresholds", chain.system, wrong)) == (422, "fraud.thresholds")
    good = {"flagged_from": 20, "review_from": 22, "blocked_from": 25, "version": 1}
    assert chain.put("/thresholds", chain.system, good).json()["version"] == 2
    assert problem(chain.put("/thresholds", chain.system, good)) == (409, "fraud.stale")
    attempt(app, amount=500)
    assert attempt(app, amount=500).decision == "BLOCKED"


# Simulation


def test_a_simulation_says_what_other_rules_would_have_done_and_writes_nothing(
    chain: Chain, app: Connection, admin: Connection
) -> None:
    for _ in range(6):
        attempt(app, user=user(88))
    count = """
        SELECT (SELECT count(*) FROM redemption_schema.fraud_detection_log),
               (SELECT count(*) FROM redemption_schema.fraud_reviews),
               (SELECT sum(version) FROM redemption_schema.fraud_rules)
    """
    before = admin.execute(count.encode()).fetchone()
    same = chain.post("/simulations", chain.system, {"newest": 6})
    assert same.status_code == 200, same.text
    assert (same.json()["assessed"], same.json()["changed"]) == (6, 0)
    assert same.json()["was"] == same.json()["would_be"] == {"ALLOWED": 5, "BLOCKED": 1}
    wish = {
        "newest": 6,
        "rules": [
            {"rule_name": "user_burst", "kind": "USER_VELOCITY", "points": 40, "is_enabled": False,
             "parameters": {"window_minutes": 10, "max_count": 5}},
            {"rule_name": "user_hour", "kind": "USER_VELOCITY", "points": 45,
             "parameters": {"window_minutes": 60, "max_count": 3}},
        ],
    }  # fmt: skip
    other = chain.post("/simulations", chain.system, wish).json()
    assert other["would_be"] == {"ALLOWED": 3, "ALLOWED_WITH_REVIEW": 3}
    assert other["changed"] == 3
    assert [(one["was"], one["would_be"]) for one in other["changes"]] == [
        ("BLOCKED", "ALLOWED_WITH_REVIEW"),
        ("ALLOWED", "ALLOWED_WITH_REVIEW"),
        ("ALLOWED", "ALLOWED_WITH_REVIEW"),
    ]
    assert chain.post("/simulations", chain.system, {"newest": 6, "station_code": "JSM012"}).json()["assessed"] == 0
    assert admin.execute(count.encode()).fetchone() == before
