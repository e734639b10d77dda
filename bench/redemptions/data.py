"""Redemptions of four weeks with everything that they leave behind, and coupons that wait to be redeemed.

Row n of every table belongs to coupon n. What it holds follows from n, so that pgbench and a test of the bench can say
it again. Rows of the past are loaded with triggers, rules and indexes switched off; indexes are built afterwards.
"""

import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import psycopg

from gasolinera.coupon import codes, display, qr
from gasolinera.keyring import Keyring

STATIONS = 1_000
EMPLOYEES = 1_000  # one at work at each station
USERS = 1_000_003  # a prime: a user comes back with coupons of other campaigns
CAMPAIGNS = 20
STRIDE = 7_919
_DAYS = 28

# Loaded side by side, the longest first.
_LOADS: Sequence[tuple[str, ...]] = (
    ("redemption_schema.redemptions", "redemption_schema.fraud_detection_log", "coupon_schema.coupon_usage_history",
     "redemption_schema.ticket_issuances", "coupon_schema.campaign_user_usages"),
    ("coupon_schema.coupons", "redemption_schema.raffle_tickets", "coupon_schema.coupon_validation_attempts",
     "redemption_schema.redemption_audit_log", "coupon_schema.campaign_user_period_usages"),
)  # fmt: skip
_PARTITIONED = {
    "redemption_schema": ("fraud_detection_log", "redemption_audit_log"),
    "coupon_schema": ("coupon_validation_attempts",),
}

_CODE = "'B' || upper(substr(md5('c' || n), 1, 12))"
_USER = f"md5('u' || mod(n * {STRIDE}, {USERS}))::uuid"
_STATION = f"'BS' || lpad(mod(n, {STATIONS})::text, 4, '0')"
_EMPLOYEE = f"'EMP' || (1000000 + mod(n, {EMPLOYEES}))"
_CAMPAIGN_ID = f"1 + mod(n, {CAMPAIGNS})"
_CAMPAIGN = f"'BENCH_' || ({_CAMPAIGN_ID})"
_AT = f"(%(now)s::timestamptz - interval '{_DAYS} days' * (1 - n::double precision / %(count)s) - interval '1 hour')"
_REFERENCE = f"'RDM-' || to_char({_AT}, 'YYYYMMDD') || '-' || lpad(n::text, greatest(6, length(n::text)), '0')"
_SEED = "md5('s' || n)::uuid"
_AMOUNT = "478.00 + mod(n, 50)"
_CONTEXT = "md5('e' || n)::uuid::text, md5('q' || n), '10.1.2.3'::inet, 'gasolinera-terminal/1.0'"
_DEVICE = f"'app-' || substr(md5('d' || mod(n * {STRIDE}, {USERS})), 1, 16)"

_COUNTERS = """
INSERT INTO coupon_schema.campaigns (
    campaign_code, name, status, discount_type, discount_value, maximum_discount, minimum_purchase, valid_from,
    valid_until, weekdays, daily_from, daily_until, station_scope, total_usage_limit, per_user_usage_limit,
    per_user_period, per_user_period_limit, budget_amount, raffle_tickets_per_coupon, raffle_code, created_by,
    approved_by, approved_at)
SELECT 'BENCH_' || n, 'Bench ' || n, 'ACTIVE', 'PERCENTAGE', 12.5, 50, 100, '2026-01-01', '2040-01-01',
       '{1,2,3,4,5,6,7}', '00:00', '23:59:59.999999', 'LISTED', 1000000000, 10000, 'MONTH', 1000, 9000000000, 1,
       'BENCH-RAFFLE', gen_random_uuid(), gen_random_uuid(), now()
  FROM generate_series(1, %(campaigns)s) AS n;
INSERT INTO coupon_schema.campaign_stations (campaign_id, station_code)
SELECT g.id, 'BS' || lpad(s::text, 4, '0')
  FROM coupon_schema.campaigns AS g, generate_series(0, %(stations)s - 1) AS s;
INSERT INTO redemption_schema.employments (
    employee_number, user_id, station_code, may_process_transactions, is_active, version, as_of)
SELECT 'EMP' || (1000000 + n), md5('e' || n)::uuid, 'BS' || lpad((n %% %(stations)s)::text, 4, '0'), true, true, 1,
       now()
  FROM generate_series(0, %(employees)s - 1) AS n;
INSERT INTO redemption_schema.station_positions (station_code, latitude, longitude, as_of)
SELECT 'BS' || lpad(s::text, 4, '0'), 19.4 + s %% 32 * 0.002, -99.1 + s / 32 * 0.002, now()
  FROM generate_series(0, %(stations)s - 1) AS s;
"""

_COLUMNS = """coupon_code, campaign_id, user_id, discount_type, discount_value, maximum_discount, minimum_purchase,
    currency, raffle_tickets, valid_from, valid_until, qr_key_id, qr_payload, qr_signature"""
_TERMS = f"""{_CAMPAIGN_ID}, {_USER}, 'PERCENTAGE', 12.5, 50, 100, 'MXN', 1, '2026-01-01'::timestamptz,
       '2030-01-01'::timestamptz, %(key)s"""
_UNREAL = "substr(sha256(('p' || n)::bytea), 1, 28), sha256(('1' || n)::bytea) || sha256(('2' || n)::bytea)"
_UNSIGNED = f"""
INSERT INTO coupon_schema.coupons ({_COLUMNS})
SELECT {_CODE}, {_TERMS}, {_UNREAL} FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
"""  # noqa: S608  constants of this module alone
_SIGNED = f"""
INSERT INTO coupon_schema.coupons ({_COLUMNS})
SELECT code, {_TERMS}, payload, signature FROM signed AS s
"""  # noqa: S608

_FILL = {
    "coupon_schema.coupons": f"""(
    id, {_COLUMNS}, status, usage_count, dense_index)
OVERRIDING SYSTEM VALUE
SELECT n, {_CODE}, {_TERMS}, {_UNREAL}, 'USED', 1, n""",
    "coupon_schema.coupon_usage_history": f"""(
    id, redemption_reference, coupon_id, user_id, station_code, employee_number, fuel_type, original_amount,
    discount_amount, final_amount, currency, raffle_tickets, used_at, correlation_id, created_at)
OVERRIDING SYSTEM VALUE
SELECT n, {_REFERENCE}, n, {_USER}, {_STATION}, {_EMPLOYEE}, 'REGULAR', {_AMOUNT}, 50, {_AMOUNT} - 50, 'MXN', 1, {_AT},
       md5('q' || n), {_AT}""",
    "coupon_schema.coupon_validation_attempts": f"""(
    id, coupon_id, result, validation_method, user_id, employee_number, station_code, amount, currency, device_id,
    detail, correlation_id, ip_address, user_agent, created_at)
OVERRIDING SYSTEM VALUE
SELECT n, n, 'SUCCESS', 'QR_SCAN', {_USER}, {_EMPLOYEE}, {_STATION}, {_AMOUNT}, 'MXN', {_DEVICE},
       jsonb_build_object('reference', {_REFERENCE}), md5('q' || n), '10.1.2.3', 'gasolinera-terminal/1.0', {_AT}""",
    "coupon_schema.campaign_user_usages": f"""(campaign_id, user_id, used_count, usage_limit)
SELECT {_CAMPAIGN_ID}, {_USER}, 1, 10000""",
    "coupon_schema.campaign_user_period_usages": f"""(campaign_id, user_id, period_start, used_count, usage_limit)
SELECT {_CAMPAIGN_ID}, {_USER}, date_trunc('month', {_AT})::date, 1, 1000""",
    "redemption_schema.redemptions": f"""(
    id, transaction_reference, status, user_id, coupon_code, campaign_code, station_code, employee_number,
    dispenser_code, device_id, fuel_type, fuel_litres, price_per_litre, original_amount, discount_amount, final_amount,
    currency, idempotency_key, request_sha256, tickets_earned, raffle_code, ticket_seed, completed_at, business_day,
    created_by, correlation_id, ip_address, user_agent, created_at, updated_at, recover_at)
OVERRIDING SYSTEM VALUE
SELECT n, {_REFERENCE}, 'COMPLETED', {_USER}, {_CODE}, {_CAMPAIGN}, {_STATION}, {_EMPLOYEE}, 'D03', {_DEVICE},
       'REGULAR', 20, 23.9, {_AMOUNT}, 50, {_AMOUNT} - 50, 'MXN', 'key-' || md5('k' || n), sha256(('r' || n)::bytea), 1,
       'BENCH-RAFFLE', {_SEED}, {_AT}, ({_AT} AT TIME ZONE 'UTC')::date, {_CONTEXT}, {_AT}, {_AT}, {_AT}""",
    "redemption_schema.redemption_audit_log": f"""(
    id, event_type, transaction_reference, old_status, new_status, actor, correlation_id, ip_address, user_agent,
    created_at)
OVERRIDING SYSTEM VALUE
SELECT n, 'REDEMPTION_COMPLETED', {_REFERENCE}, 'PENDING', 'COMPLETED', {_CONTEXT}, {_AT}""",
    "redemption_schema.fraud_detection_log": f"""(
    id, transaction_reference, user_id, coupon_code, station_code, employee_number, device_id, risk_score,
    action_taken, actor, correlation_id, ip_address, user_agent, created_at)
OVERRIDING SYSTEM VALUE
SELECT n, {_REFERENCE}, {_USER}, {_CODE}, {_STATION}, {_EMPLOYEE}, {_DEVICE}, 0, 'ALLOWED', {_CONTEXT}, {_AT}""",
    "redemption_schema.ticket_issuances": f"""(
    id, seed, source, source_reference, user_id, redemption_id, ticket_count, raffle_code, expires_at, actor,
    correlation_id, created_at)
OVERRIDING SYSTEM VALUE
SELECT n, {_SEED}, 'COUPON_REDEMPTION', {_REFERENCE}, {_USER}, n, 1, 'BENCH-RAFFLE', {_AT} + interval '90 days',
       md5('e' || n)::uuid::text, md5('q' || n), {_AT}""",
    "redemption_schema.raffle_tickets": f"""(
    id, ticket_number, issuance_id, ordinal, user_id, source, redemption_id, raffle_code, status, expires_at,
    created_at)
OVERRIDING SYSTEM VALUE
SELECT n, 'TKT' || upper(substr(md5('t' || n), 1, 16)), redemption_schema.issuance_id_of({_SEED}), 1, {_USER},
       'COUPON_REDEMPTION', n, 'BENCH-RAFFLE', 'ENTERED', {_AT} + interval '90 days', {_AT}""",
}

_TREE = "SELECT inhrelid FROM pg_inherits WHERE inhparent = %(table)s::regclass UNION SELECT %(table)s::regclass"
_SWITCH_OFF = (
    f"UPDATE pg_index SET indisready = false WHERE indrelid IN ({_TREE})",  # noqa: S608
    f"UPDATE pg_constraint SET conenforced = false WHERE contype = 'c' AND conrelid IN ({_TREE})",  # noqa: S608
)
_SWITCH_ON = f"UPDATE pg_constraint SET conenforced = true WHERE contype = 'c' AND conrelid IN ({_TREE})"  # noqa: S608


def fill(url: str, count: int, key_id: int) -> None:
    """So many coupons, each redeemed once, in a database that was only migrated."""
    now = datetime.now(UTC)
    values: dict[str, object] = {"count": count, "now": now, "key": key_id}
    with psycopg.connect(url, autocommit=True) as conn:
        rest = {"campaigns": CAMPAIGNS, "stations": STATIONS, "employees": EMPLOYEES}
        for statement in _COUNTERS.split(";\n")[:-1]:
            conn.execute(statement.encode(), rest)
        begin = now - timedelta(days=_DAYS + 1)
        for schema, tables in _PARTITIONED.items():
            for table in tables:
                statement = f"SELECT {schema}.ensure_month_partitions(%s, %s::date, %s::date)"
                conn.execute(statement.encode(), [table, begin, now])
    with ThreadPoolExecutor(len(_LOADS)) as pool:
        for done in [pool.submit(_load, url, tables, values) for tables in _LOADS]:
            done.result()
    with psycopg.connect(url, autocommit=True) as conn:
        share = {"used": count // CAMPAIGNS // 16, "spent": Decimal(50 * (count // CAMPAIGNS // 16))}
        conn.execute("UPDATE coupon_schema.campaign_usage_shards SET used = %(used)s, spent = %(spent)s", share)
        conn.execute("SELECT setval('redemption_schema.transaction_reference_seq', %s)", [count])
        conn.execute("CHECKPOINT")


def _load(url: str, tables: Sequence[str], values: dict[str, object]) -> None:
    for table in tables:
        began = time.monotonic()
        with psycopg.connect(url, autocommit=True) as conn:
            for statement in _SWITCH_OFF:
                conn.execute(statement.encode(), {"table": table})
        with psycopg.connect(url, autocommit=True) as conn:  # anew: what was read of the catalogue is forgotten
            conn.execute("SET session_replication_role = replica")
            conn.execute("SET jit = off")
            statement = f"INSERT INTO {table} {_FILL[table]} FROM generate_series(1, %(count)s::bigint) AS n"
            conn.execute(statement.encode(), values)
            conn.execute(_SWITCH_ON.encode(), {"table": table})
        filled = time.monotonic()
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute("SET maintenance_work_mem = '1GB'")
            conn.execute(f"REINDEX TABLE {table}".encode())
            conn.execute(f"VACUUM (ANALYZE) {table}".encode())
            _advance(conn, table)
        took = time.monotonic() - filled
        sys.stderr.write(f"{table}: filled in {filled - began:.0f} s, indexed in {took:.0f} s\n")


def _advance(conn: psycopg.Connection, table: str) -> None:
    """The next row gets the next number."""
    query = "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attidentity <> '' AND NOT attisdropped"
    for (column,) in conn.execute(query, [table]).fetchall():
        advance = f"SELECT setval(pg_get_serial_sequence(%s, %s), max({column})) FROM {table}"  # noqa: S608
        conn.execute(advance.encode(), [table, column])


def warm(url: str, folder: Path) -> None:
    """Reads the indexes, and what rules look up in the past, into the system's memory: where it is after some days."""
    query = """
        SELECT pg_relation_filepath(c.oid)
          FROM pg_class AS c
         WHERE c.relnamespace IN ('coupon_schema'::regnamespace, 'redemption_schema'::regnamespace)
           AND (c.relkind = 'i' OR c.oid = 'redemption_schema.redemptions'::regclass)
    """
    with psycopg.connect(url) as conn:
        files = [folder / path for (path,) in conn.execute(query).fetchall()]
    for first in files:
        for file in (first, *first.parent.glob(f"{first.name}.*")):  # of a gigabyte each
            with file.open("rb", buffering=0) as data:
                while data.read(1 << 20):
                    pass


class Stock:
    """Coupons that nobody has redeemed yet, made in advance, and handed out once."""

    def __init__(self, url: str, key_id: int) -> None:
        """The first is the one after all that there are."""
        self._url = url
        self._key_id = key_id
        with psycopg.connect(url) as conn:
            row = conn.execute("SELECT max(id) FROM coupon_schema.coupons").fetchone()
        assert row is not None
        self._next = int(row[0]) + 1

    def unsigned(self, amount: int) -> range:
        """For pgbench, which shows codes: their numbers."""
        numbers = self._take(amount)
        with psycopg.connect(self._url, autocommit=True) as conn:
            values = {"first": numbers[0], "last": numbers[-1], "key": self._key_id}
            conn.execute(_UNSIGNED.encode(), values)
        return numbers

    def signed(self, amount: int, keyring: Keyring) -> list[tuple[int, str]]:
        """Their numbers, and what a scanner reads in the wallet of their owner within the next minute."""
        shown: list[tuple[int, str]] = []
        key, now = keyring.current("coupon"), keyring.clock()
        sign = qr.signer(key)
        with psycopg.connect(self._url) as conn:
            conn.execute("CREATE TEMPORARY TABLE signed (n bigint, code text, payload bytea, signature bytea)")
            with conn.cursor().copy("COPY signed FROM STDIN") as copy:
                for number, drawn in zip(self._take(amount), codes.new_numbers(amount), strict=True):
                    body = _body(key.id, number, drawn)
                    signature = sign(body)
                    copy.write_row((number, codes.code_of(drawn), body, signature))
                    shown.append((number, display.live_text(body, signature, keyring, now=now)))
            conn.execute(_SIGNED.encode(), {"key": self._key_id})
        return shown

    def _take(self, amount: int) -> range:
        numbers = range(self._next, self._next + amount)
        self._next += amount
        return numbers


def _body(key_id: int, number: int, drawn: int) -> bytes:
    return qr.pack(
        qr.CouponBody(
            key_id=key_id,
            dense_index=number % (1 << 32),
            coupon=drawn,
            campaign=qr.campaign_tag(f"BENCH_{1 + number % CAMPAIGNS}"),
            kind="PERCENTAGE",
            value=Decimal("12.5"),
            currency="MXN",
            valid_from=datetime(2026, 1, 1, tzinfo=UTC),
            valid_until=datetime(2030, 1, 1, tzinfo=UTC),
            flags=qr.PERSONAL | qr.LIVE_ONLY | qr.LISTED_STATIONS,
        )
    )
