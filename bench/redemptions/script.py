"""What the service sends for one redemption, for pgbench: its statements, from its own files, each in a transaction
of its own, with the values of coupon k.
"""

import re
from collections.abc import Sequence

from bench.redemptions.data import CAMPAIGNS, EMPLOYEES, STATIONS, STRIDE, USERS
from gasolinera.database import load_sql

_AUTH = load_sql("gasolinera.auth", "queries_partners.sql")
_COUPON = load_sql("gasolinera.coupon", "queries_consuming.sql")
_REDEMPTION = load_sql("gasolinera.redemption")

_VALUES = f"""\\set n :n + 1
\\set k :first + :client_id * :each + :n
\\set u :k * {STRIDE} % {USERS}
\\set s :k % {STATIONS}
\\set e :k % {EMPLOYEES}
\\set g 1 + :k % {CAMPAIGNS}
"""
_CODE = "'B' || upper(substr(md5('c' || :k), 1, 12))"
_USER = "md5('u' || :u)::uuid"
_STATION = "'BS' || lpad(:s, 4, '0')"
_EMPLOYEE = "'EMP' || (1000000 + (:e)::integer)"
_DEVICE = "'app-' || substr(md5('d' || :u), 1, 16)"
_CONTEXT = (
    "'{actor,correlation_id,ip_address,user_agent,trace_parent}'::text[]",
    """ARRAY[md5('e' || :e)::uuid::text, md5('q' || :k), '10.1.2.3', 'gasolinera-terminal/1.0',
              '00-' || md5('q' || :k) || '-00f067aa0ba902b7-01']""",
)
_AMOUNT = "478.00"

# Names as the service's files have them; what the service reads of an answer and sends on is kept by \\gset.
STATEMENTS: dict[str, tuple[str, Sequence[str], str]] = {
    "list_revocations": (_AUTH["list_revocations"], ("pg_snapshot_xmin(pg_current_snapshot())::text", "965"), ""),
    "find_coupon": (_COUPON["find_coupon"], (_CODE,), ""),
    "begin_redemption": (
        _REDEMPTION["begin_redemption"],
        (*_CONTEXT, "'key-' || md5('k' || :k)", "sha256(('r' || :k)::bytea)", "'ONE_SHOT'", "md5('e' || :e)::uuid",
         _EMPLOYEE, _STATION, "NULL::text", _USER, _CODE, "'BENCH_' || :g", "'QR_SCAN'", _DEVICE, "'D03'", "'REGULAR'",
         "20.000", "23.900", _AMOUNT, "'MXN'", "interval '30 seconds'", "false"),
        "b_",
    ),
    "use_coupon": (
        _COUPON["use_coupon"],
        (*_CONTEXT, ":b_reference", _CODE, _USER, _STATION, _EMPLOYEE, "'REGULAR'", _AMOUNT, "'MXN'", "'QR_SCAN'",
         _DEVICE, "NULL::timestamptz"),
        "u_",
    ),
    "complete_redemption": (
        _REDEMPTION["complete_redemption"],
        (*_CONTEXT, ":b_reference", ":u_discount_amount", ":u_raffle_tickets", ":u_raffle_code"),
        "",
    ),
}  # fmt: skip


def script(names: Sequence[str] = tuple(STATEMENTS)) -> str:
    return _VALUES + "".join(_bound(*STATEMENTS[name]) for name in names)


def _bound(sql: str, values: Sequence[str], prefix: str) -> str:
    assert len(set(re.findall(r"\$[0-9]+", sql))) == len(values), sql
    bound = re.sub(r"\$([0-9]+)", lambda found: f"({values[int(found[1]) - 1]})", sql)
    return f"{bound} \\gset {prefix}\n" if prefix else f"{bound};\n"
