"""The station's pages besides the till: today's list, the queue of a browser, and the pump's code with its driver."""

import re
from typing import Any
from uuid import uuid4

from tests.coupon.at_hand import make_campaign, make_coupon
from tests.redemption.desk import ATTENDANT, Conn, Desk, totals_disagree, user
from tests.redemption.tills import Till
from tests.web.looking import ANA, EMPLOYEE, LUIS, OTHER_EMPLOYEE, STATION_ADMIN


def redeemed(desk: Desk, code: str, amount: str, **more: Any) -> str:
    asked = {"code": code, "fuel_type": "REGULAR", "dispenser_code": "D03", "amount": amount} | more
    answer = desk.post("", ATTENDANT, asked)
    assert answer.status_code == 201, answer.text
    return answer.json()["transaction_reference"]


def cells(page: str) -> list[str]:
    return re.findall(r"/till/receipts/(RDM-[0-9-]+)", page)


def test_today_has_the_stations_figures_by_its_own_clock_and_nobody_elses(desk: Desk, admin: Conn) -> None:
    number = make_campaign(admin, "TEN")
    first = redeemed(desk, make_coupon(admin, number), "100")
    second = redeemed(desk, make_coupon(admin, number), "300", fuel_type="PREMIUM", dispenser_code="D09")
    old = redeemed(desk, make_coupon(admin, number), "700")
    admin.execute("SET session_replication_role = replica")
    admin.execute(
        "UPDATE redemption_schema.redemptions SET created_at = now() - interval '25 hours'"
        " WHERE transaction_reference = %s",
        (old,),
    )
    admin.execute("SET session_replication_role = origin")
    till = Till(desk.client, admin, EMPLOYEE)
    page = till.get("/till/today").text
    assert cells(page) == [second, first]
    # 10 % of 400 is 40.
    assert "MXN\xa040.00" in page
    assert "MXN\xa0360.00" in page
    assert cells(till.get("/till/today?sort=amount").text) == [first, second]
    assert cells(till.get("/till/today?fuel=PREMIUM").text) == [second]
    assert cells(till.get("/till/today?q=d09").text) == [second]
    assert cells(till.get(f"/till/today?q={first}").text) == [first]
    # They were served by a colleague.
    nobody = till.get("/till/today?who=me").text
    assert "Ningún canje de hoy coincide" in nobody
    assert "Ningún canje de hoy coincide" in till.get("/till/today?q=%25").text
    assert "Hoy todavía no hay canjes" in Till(desk.client, admin, OTHER_EMPLOYEE).get("/till/today").text
    lines = till.get("/till/today.csv?fuel=PREMIUM").text.splitlines()
    assert len(lines) == 2
    assert second in lines[1]
    assert "30.00" in lines[1]
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d,", lines[1])
    assert till.get("/till/today?sort=worst").headers["location"] == "/till/today"
    assert till.get("/till/today?cursor=zzz").status_code == 422


def test_a_refused_guess_leaves_no_trace_on_the_tills_pages(desk: Desk, admin: Conn) -> None:
    known = make_coupon(admin, make_campaign(admin, "TEN"))
    admin.execute(
        "UPDATE coupon_schema.coupons SET status = 'CANCELLED', status_reason = 'x' WHERE coupon_code = %s", (known,)
    )
    till = Till(desk.client, admin, EMPLOYEE)
    for pump, code in (("Q1", "7K2M9QXD4T5WP"), ("Q2", known)):
        till.get("/till")
        guess = {"fuel_type": "REGULAR", "dispenser_code": pump, "amount": "100", "key": uuid4().hex, "code": code}
        assert till.post("/till/redeem", guess).status_code == 409
        assert "Hoy todavía no" in till.get("/till/today").text, pump
        assert "MXN" not in till.page, pump
        assert f'value="{pump}"' not in till.get("/till/pump").text


def test_a_long_day_is_read_in_pages(desk: Desk, admin: Conn) -> None:
    number = make_campaign(admin, "TEN")
    for amount in range(1, 29):
        redeemed(desk, make_coupon(admin, number, user(100 + amount)), str(amount * 10))
    till = Till(desk.client, admin, EMPLOYEE, "en")
    seen: list[str] = []
    path = "/till/today?sort=-amount"
    while path:
        page = till.get(path).text
        seen += cells(page)
        found = re.search(r'rel="next" href="([^"]+)"', page)
        path = found[1].replace("&amp;", "&") if found else ""
    assert len(seen) == len(set(seen)) == 28


def test_a_browsers_queue_is_sent_once_and_told_the_truth(desk: Desk, admin: Conn) -> None:
    code = make_coupon(admin, make_campaign(admin, "TEN"))
    till = Till(desk.client, admin, EMPLOYEE)
    assert "no acepta cupones" in till.get("/till/offline").text
    entry = {"key": uuid4().hex, "code": code, "fuel_type": "REGULAR", "dispenser_code": "d1", "amount": "100"}
    first = till.post("/till/offline", entry).json()
    again = till.post("/till/offline", entry).json()
    assert first == again
    assert (first["state"], "a cobrar MXN\xa090.00" in first["text"]) == ("done", True)
    refused = till.post("/till/offline", entry | {"key": uuid4().hex}).json()
    assert (refused["state"], "no se puede canjear" in refused["text"]) == ("refused", True)
    malformed = till.post("/till/offline", entry | {"amount": "x"}).json()
    assert (malformed["state"], "importe solo con números" in malformed["text"]) == ("refused", True)
    assert totals_disagree(admin) == []
    assert "encargado de la estación" in till.page
    assert "Ninguna terminal" in Till(desk.client, admin, STATION_ADMIN).get("/till/offline").text


def test_a_pumps_code_is_shown_scanned_paid_with_a_coupon_and_followed(desk: Desk, admin: Conn) -> None:
    code = make_coupon(admin, make_campaign(admin, "TEN"))
    till = Till(desk.client, admin, EMPLOYEE)
    till.get("/till/pump")
    wrong = till.post("/till/pump", till.hidden() | {"dispenser_code": "D03", "currency": "MXN", "amount": "0"})
    assert (wrong.status_code, 'id="amount-error"' in wrong.text) == (422, True)
    asked = {"dispenser_code": "d03", "currency": "MXN", "amount": "600,00", "fuel_type": "REGULAR"}
    asked |= till.hidden()
    path = till.post("/till/pump", asked).headers["location"]
    # Pressed twice it is one code; of another purchase there is another one.
    assert till.post("/till/pump", asked).headers["location"] == path
    assert till.post("/till/pump", asked | {"amount": "700"}).headers["location"] != path
    nonce = path.rpartition("/")[2]
    assert "data:image/svg+xml;base64," in till.get(path).text
    assert till.get(f"{path}/state").json()["state"] == "waiting"
    assert Till(desk.client, admin, OTHER_EMPLOYEE).get(path).status_code == 404

    ana = Till(desk.client, admin, ANA)
    ana.get(f"/pump?coupon={code}")
    scanned = ana.post("/pump", {"link": f"https://jsm.example/p/{nonce}", "coupon": code})
    assert scanned.headers["location"] == f"/p/{nonce}?coupon={code}"
    assert "Es mi compra" in ana.get(scanned.headers["location"]).text
    taken = ana.post(f"/p/{nonce}/scan", {"code": code})
    assert f'value="{code}"' in ana.get(taken.headers["location"]).text
    assert till.get(f"{path}/state").json()["state"] == "scanned"
    luis = Till(desk.client, admin, LUIS)
    luis.get(f"/p/{nonce}")
    assert "Otra persona ya escaneó" in luis.post(f"/p/{nonce}/scan", {}).text

    for empty in ({"code": ""}, {"code": " ", "act": "with"}):
        forgotten = ana.post(f"/p/{nonce}/activate", empty)
        assert (forgotten.status_code, 'id="code-error"' in forgotten.text) == (422, True)
    refused = ana.post(f"/p/{nonce}/activate", {"code": "7K2M9QXD4T5WP"})
    assert (refused.status_code, "no se puede canjear" in refused.text) == (409, True)
    done = ana.post(f"/p/{nonce}/activate", {"code": code}).headers["location"]
    # 10 % of 600 is 60.
    assert "MXN\xa0540.00" in ana.get(done).text
    assert ana.get(f"/p/{nonce}").headers["location"] == done
    assert luis.get(done).status_code == 404
    assert "El cliente confirmó" in till.get(path).text
    assert totals_disagree(admin) == []


def test_what_is_no_pumps_code_is_told_at_the_field(desk: Desk, admin: Conn) -> None:
    ana = Till(desk.client, admin, ANA, "en")
    ana.get("/pump")
    answer = ana.post("/pump", {"link": "https://elsewhere.example/x"})
    assert (answer.status_code, "not the code of a pump" in answer.text) == (422, True)
    assert "https://elsewhere.example/x" in answer.text
    large = ana.post("/pump/photo?coupon=7K2M9QXD4T5WP", {}, {"photo": ("a.jpg", b"x" * 11_000_000, "image/jpeg")})
    assert (large.status_code, 'id="photo-error"' in large.text) == (422, True)
    assert 'name="coupon" value="7K2M9QXD4T5WP"' in large.text
    unknown = uuid4()
    ana.get(f"/p/{unknown}")
    assert "no such pump code" in ana.post(f"/p/{unknown}/scan", {}).text
