"""One critical journey a service, with people, a station and a campaign that exist for this alone.

What is made is marked, and `verifying_cleanup` closes it again: it finds all of it by its marks. What tables keep for
ever stays: of each run a cancelled redemption and a cancelled coupon, and lines of audit logs.
"""

import random
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
from psycopg import sql

from gasolinera.ops.verifying_asking import (
    ATTENDANT,
    ATTENDANTS,
    CAMPAIGN,
    CUSTOMER,
    EMPLOYEE_NUMBER,
    NOBODYS_PHONES,
    PHONE,
    REASON,
    STATION,
    Answer,
    NotTriedError,
    Platform,
    WrongError,
    planted_code,
)
from gasolinera.permissions import Role

EVENTS_WITHIN_S: Final = 30.0
_ISSUED_WITHIN_S: Final = 60.0
_VERIFIED_WITHIN_S: Final = 120
_VERIFIER: Final = (sys.executable, "-c", "from gasolinera.cli.main import main; main()", "raffle", "verify")
_VERDICTS: Final = {0: "verified", 3: "consistent; nobody whom the verifier trusts dates it"}
# The Pacific, a thousand kilometres from any coast, inside of what the strict constraints take for Mexico.
_LATITUDE, _LONGITUDE = 15.0, -118.0
_OK, _NO_CONTENT, _REFUSED, _UNAUTHENTICATED, NOT_FOUND, _LIMITED = 200, 204, 400, 401, 404, 429

_ACCOUNT: Final = b"""
INSERT INTO auth_schema.users AS u (public_id, phone_number, first_name, last_name, role, phone_verified_at,
                                    terms_version, terms_accepted_at, age_confirmed_at, metadata)
VALUES (%(user)s, %(phone)s, 'Verification', 'of the platform', 'CUSTOMER', now(), '2026-01', now(), now(),
        '{"verification": true}')
ON CONFLICT (public_id) DO UPDATE SET is_active = true, failed_login_attempts = 0, locked_until = NULL
"""
TOLD: Final = b"""
INSERT INTO auth_schema.outbox_events (event_type, aggregate_type, aggregate_key, payload)
SELECT 'user.changed', 'user', u.public_id::text,
       jsonb_build_object('public_id', u.public_id, 'role', u.role, 'active', u.is_active)
  FROM auth_schema.users AS u
 WHERE u.public_id = %(user)s
RETURNING event_id
"""
_TAKEN_IN: Final = """
SELECT count(*) > 0 AND bool_and(i.settled_at IS NOT NULL),
       EXISTS (SELECT FROM {schema}.dead_letters AS d WHERE d.event_id = %(event)s AND d.replayed_at IS NULL)
  FROM {schema}.inbox_events AS i
 WHERE i.event_id = %(event)s
"""
_ATTENDANT: Final = b"""
WITH made AS (
    INSERT INTO auth_schema.users (public_id, phone_number, first_name, last_name, role, is_active, metadata)
    VALUES (%(user)s, %(phone)s, 'Verification', 'of the platform', 'CUSTOMER', false, '{"verification": true}')
    ON CONFLICT (public_id) DO NOTHING
    RETURNING public_id, role, is_active
)
INSERT INTO auth_schema.outbox_events (event_type, aggregate_type, aggregate_key, payload)
SELECT 'user.changed', 'user', m.public_id::text,
       jsonb_build_object('public_id', m.public_id, 'role', m.role, 'active', m.is_active)
  FROM made AS m
"""
_EMPLOYED_ONCE: Final = b"""
INSERT INTO station_schema.employees (
    employee_number, user_id, station_id, position, hired_on, terminated_on, termination_reason)
SELECT %(number)s, %(user)s, s.id, 'ATTENDANT', current_date, current_date, %(reason)s
  FROM station_schema.stations AS s
 WHERE s.station_code = %(station)s
ON CONFLICT (employee_number) DO NOTHING
"""
_STAFFED: Final = b"""
INSERT INTO redemption_schema.employments (
    employee_number, user_id, station_code, may_process_transactions, is_active, as_of)
VALUES (%(number)s, %(user)s, %(station)s, true, true, now())
ON CONFLICT (employee_number) DO NOTHING
"""
OPEN_COUPONS: Final = b"""
SELECT c.coupon_code FROM coupon_schema.coupons AS c JOIN coupon_schema.campaigns AS g ON g.id = c.campaign_id
 WHERE g.campaign_code = %(campaign)s AND c.status IN ('ACTIVE', 'SUSPENDED')
"""


class _Tokens(msgspec.Struct):
    access_token: str
    refresh_token: str


class _Session(msgspec.Struct):
    session_token: str


class SeenStation(msgspec.Struct):
    station_code: str
    status: str


class _Nearby(msgspec.Struct):
    items: list[SeenStation]


class SeenCampaign(msgspec.Struct):
    status: str


class _Batch(msgspec.Struct):
    batch_id: str
    status: str


class SeenCoupon(msgspec.Struct):
    status: str


class _Qr(msgspec.Struct):
    text: str


class _Redemption(msgspec.Struct):
    transaction_reference: str
    status: str
    discount_amount: str


class SeenCancelled(msgspec.Struct):
    redemption: _Redemption
    coupon: str | None


class _Page(msgspec.Struct):
    items: list[dict[str, Any]]


def ready(platform: Platform) -> str:
    """Of every address, each of which serves one service or more."""
    for service in {where: name for name, where in platform.urls.items()}.values():
        answer = platform.get(service, "/health/ready")
        platform.made.is_answering = True
        if answer.status != _OK:
            raise WrongError(f"{platform.urls[service]} is not ready: {answer.status}")
    return ""


def ask_code(platform: Platform) -> str:
    """For a number that has no account: the answer is the same, and nothing is sent."""
    phone = random.choice(NOBODYS_PHONES)  # noqa: S311  one a minute is allowed for each
    answer = platform.post("auth", "/api/auth/login/otp", {"phone_number": phone})
    if answer.status == _LIMITED:
        return "refused by a limit, as it should be after many runs"
    answer.read(_Session)
    return ""


def log_in(platform: Platform) -> str:
    platform.needed_keys()
    platform.rows("auth", _ACCOUNT, {"user": CUSTOMER, "phone": PHONE})
    session, code = planted_code(platform, PHONE)
    tokens = platform.post("auth", "/api/auth/login/verify", {"session_token": session, "code": code}).read(_Tokens)
    platform.made.refresh_token = tokens.refresh_token
    return ""


def refresh_and_log_out(platform: Platform) -> str:
    if platform.made.refresh_token is None:
        raise NotTriedError("nobody is logged in")
    asked = {"refresh_token": platform.made.refresh_token}
    fresh = platform.post("auth", "/api/auth/refresh", asked).read(_Tokens)
    platform.get("auth", "/api/auth/profile", fresh.access_token).read(dict[str, Any])
    ended = platform.post("auth", "/api/auth/logout", {}, fresh.access_token)
    if ended.status != _NO_CONTENT:
        raise WrongError(f"logging out answers {ended.status} {ended.code}")
    again = platform.post("auth", "/api/auth/refresh", {"refresh_token": fresh.refresh_token})
    if again.status != _UNAUTHENTICATED:
        raise WrongError(f"a session that was ended is refreshed: {again.status}")
    return ""


def open_station(platform: Platform) -> str:
    chief = platform.administrator()
    found = platform.get("station", f"/api/stations/{STATION}")
    if found.status == NOT_FOUND:
        platform.post("station", "/api/stations", _new_station(), chief).read(SeenStation)
    elif found.read(SeenStation).status != "ACTIVE":
        body = {"status": "ACTIVE", "reason": REASON}
        platform.post("station", f"/api/stations/{STATION}/status", body, chief).read(SeenStation)
    platform.made.is_station_open = True
    return ""


def find_nearest(platform: Platform) -> str:
    near = f"/api/stations/nearby?lat={_LATITUDE + 0.01}&lng={_LONGITUDE}&radius_km=5"
    codes = [one.station_code for one in platform.get("station", near).read(_Nearby).items]
    if platform.made.is_station_open and codes != [STATION]:
        raise WrongError(f"the nearest is not {STATION}: {codes}")
    return ""


def _new_station() -> dict[str, object]:
    return {
        "station_code": STATION,
        "name": "Verification of the platform (no station)",
        "country": "MX",
        "latitude": _LATITUDE,
        "longitude": _LONGITUDE,
        "address": "Océano Pacífico",
        "city": "Verification",
        "state": "Verification",
        "time_zone": "America/Mexico_City",
        "status": "ACTIVE",
        "accepts_coupons": True,
        "pump_count": 1,
        "fuels": ("REGULAR",),
    }


def tell_of_account(platform: Platform) -> str:
    """An event in auth's outbox, until the consumers of station and raffle have had its effect."""
    if platform.made.refresh_token is None:
        raise NotTriedError("there is no account to tell of")
    ((event,),) = platform.rows("auth", TOLD, {"user": CUSTOMER})
    told = [_until_taken_in(platform, service, event) for service in ("station", "raffle")]
    return f"after {sum(told):.2f} s"


def _until_taken_in(platform: Platform, service: str, event: object) -> float:
    what = f"{service} has taken the event in"
    return platform.until(lambda: has_taken_in(platform, service, event), what, within_s=EVENTS_WITHIN_S)


def has_taken_in(platform: Platform, service: str, event: object) -> bool:
    """Raises WrongError where a listener gave it up, which settles it as well."""
    schema = sql.Identifier(platform.operations.service(service).schema)
    ((is_settled, is_given_up),) = platform.rows(service, sql.SQL(_TAKEN_IN).format(schema=schema), {"event": event})
    if is_given_up:
        raise WrongError(f"{service} gave the event up: see `gasolinera events dead-letters list`")
    return bool(is_settled)


def staff(platform: Platform) -> str:
    """Somebody may redeem at the station, in the one table that says so: hiring would send a message to a telephone.

    What names the attendant later finds an account that was never active, and an employment that has ended.
    """
    if not platform.made.is_station_open:
        raise NotTriedError("there is no station to work at")
    values = {"number": EMPLOYEE_NUMBER, "user": ATTENDANT, "station": STATION, "reason": REASON, "phone": ATTENDANTS}
    platform.rows("auth", _ATTENDANT, values)
    platform.rows("station", _EMPLOYED_ONCE, values)
    platform.rows("redemption", _STAFFED, values)
    platform.made.is_staffed = True
    return ""


def issue_coupon(platform: Platform) -> str:
    """By a worker, as a batch of one; then the customer's."""
    chief = platform.administrator()
    _open_campaign(platform, chief)
    batch = platform.post("coupon", "/api/coupons/batches", {"campaign_code": CAMPAIGN, "count": 1}, chief).read(_Batch)

    def is_issued() -> bool:
        return (
            platform.get("coupon", f"/api/coupons/batches/{batch.batch_id}", chief).read(_Batch).status == "COMPLETED"
        )

    taken_s = platform.until(is_issued, "a worker has issued it", within_s=_ISSUED_WITHIN_S)
    codes = [row[0] for row in platform.rows("coupon", OPEN_COUPONS, {"campaign": CAMPAIGN})]
    if len(codes) != 1:
        raise WrongError(f"one coupon was issued, and {len(codes)} are open")
    code = codes[0]
    platform.post("coupon", f"/api/coupons/{code}/assign", {"user_id": CUSTOMER}, chief).read(SeenCoupon)
    platform.made.coupon_code = str(code)
    return f"after {taken_s:.2f} s"


def _open_campaign(platform: Platform, chief: str) -> None:
    found = platform.get("coupon", f"/api/campaigns/{CAMPAIGN}", chief)
    if found.status == NOT_FOUND:
        now = datetime.now(UTC)
        terms = {
            "campaign_code": CAMPAIGN,
            "name": "Verification of the platform",
            "discount_type": "FIXED_AMOUNT",
            "discount_value": "1.00",
            "valid_from": now - timedelta(hours=1),
            "valid_until": now + timedelta(days=9_000),
            "stations": (STATION,),
            "audience": "ASSIGNED",
            "budget_amount": "1000.00",
            "cancellation_policy": "RESTORE",
        }
        found = platform.post("coupon", "/api/campaigns", terms, chief)
    if found.read(SeenCampaign).status != "ACTIVE":
        path = f"/api/campaigns/{CAMPAIGN}/status"
        platform.post("coupon", path, {"status": "ACTIVE"}, chief).read(SeenCampaign)


def refuse_forged(platform: Platform) -> str:
    """The server verifies signatures: one that is not ours is worth nothing."""
    text = _shown_code(platform)
    middle = len(text) // 2  # of the signature, which is most of a code
    forged = text[:middle] + ("000" if text[middle : middle + 3] != "000" else "111") + text[middle + 3 :]
    answer = _redeem(platform, forged)
    if answer.status < _REFUSED:
        platform.made.reference = answer.read(_Redemption).transaction_reference
        raise WrongError("a code whose signature is not ours was redeemed")
    return answer.code


def redeem(platform: Platform) -> str:
    """The whole saga: the coupon is consumed in its schema, the redemption completed in its own."""
    done = _redeem(platform, _shown_code(platform)).read(_Redemption)
    platform.made.reference = done.transaction_reference
    status = _coupon_status(platform)
    if (done.status, done.discount_amount, status) != ("COMPLETED", "1.00", "USED"):
        raise WrongError(f"it is {done.status} with {done.discount_amount} off, and the coupon {status}")
    return done.transaction_reference


def cancel(platform: Platform) -> str:
    """And the coupon is good again."""
    if platform.made.reference is None:
        raise NotTriedError("nothing was redeemed")
    path = f"/api/redemptions/{platform.made.reference}/cancel"
    back = platform.post("redemption", path, {"reason": REASON}, platform.administrator()).read(SeenCancelled)
    status = _coupon_status(platform)
    if (back.redemption.status, back.coupon, status) != ("CANCELLED", "RESTORED", "ACTIVE"):
        raise WrongError(f"it is {back.redemption.status}, its coupon {back.coupon} and {status}")
    return ""


def _coupon_status(platform: Platform) -> str:
    path = f"/api/coupons/{platform.made.coupon_code}"
    return platform.get("coupon", path, platform.administrator()).read(SeenCoupon).status


def _shown_code(platform: Platform) -> str:
    """As the customer's screen shows it: signed, and with the moment."""
    if platform.made.coupon_code is None or not platform.made.is_staffed:
        raise NotTriedError("there is no coupon, or nobody to redeem it")
    customer = platform.token_of(CUSTOMER, Role.CUSTOMER)
    return platform.get("coupon", f"/api/coupons/{platform.made.coupon_code}/qr", customer).read(_Qr).text


def _redeem(platform: Platform, text: str) -> Answer:
    attendant = platform.token_of(ATTENDANT, Role.EMPLOYEE, station_code=STATION, employee_number=EMPLOYEE_NUMBER)
    body = {"qr": text, "fuel_type": "REGULAR", "litres": "1.000", "price_per_litre": "20.000", "dispenser_code": "D01"}
    return platform.post("redemption", "/api/redemptions", body, attendant)


def ask_advertisement(platform: Platform) -> str:
    """Its token is never used: nothing is shown, billed or earned."""
    answer = platform.post("ads", "/api/ads/views", {}, platform.token_of(CUSTOMER, Role.CUSTOMER))
    if answer.code == "ads.nothing_to_show":
        return "there is none for this person now"
    if not answer.read(dict[str, Any]).get("token"):
        raise WrongError("an advertisement without a token for a view")
    return ""


def list_raffles(platform: Platform) -> str:
    return f"{len(platform.get('raffle', '/api/raffles').read(_Page).items)} on the first page"


def verify_draw(platform: Platform) -> str:
    draws = platform.get("raffle", "/api/raffles/draws").read(_Page).items
    number = next((one["draw_number"] for one in draws if one["status"] == "DRAWN"), None)
    return "nothing was drawn yet" if number is None else f"draw {number}: {_verified(platform, int(number))}"


def _verified(platform: Platform, number: int) -> str:
    """By the verifier that anybody may run, in a process of its own: it sees files, and no server."""
    path = f"/api/raffles/draws/{number}"
    with tempfile.TemporaryDirectory(prefix="draw-") as folder:
        bundle, entries = Path(folder) / "bundle.json", Path(folder) / "entries.bin"
        for file, part in ((bundle, "bundle"), (entries, "entries")):
            answer = platform.get("raffle", f"{path}/{part}")
            if answer.status != _OK:
                raise WrongError(f"the {part} of draw {number}: {answer.status} {answer.code}")
            file.write_bytes(answer.content)
        command = [*_VERIFIER, str(bundle), "--entries", str(entries), "--chain", platform.chain]
        done = subprocess.run(command, capture_output=True, timeout=_VERIFIED_WITHIN_S, check=False)
    if done.returncode not in _VERDICTS:
        raise WrongError(f"draw {number} is not verified: {done.stdout.decode(errors='replace')[-300:]}")
    return _VERDICTS[done.returncode]
