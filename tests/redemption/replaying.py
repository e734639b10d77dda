"""A sample day played to the rules inside the database: each attempt is assessed by what came before it."""

from datetime import datetime
from typing import Any, TypeAlias

import msgspec
import psycopg
from psycopg.rows import class_row

from gasolinera.redemption.models_fraud import Decision
from gasolinera.redemption.sample_plan import SampleDay, Shown

Connection: TypeAlias = psycopg.Connection[Any]

_COLUMNS = (
    "place, at, user_id, device_id, station_code, employee_number, coupon_code, amount, refused_as, planted,"
    " validated_only, is_shared"
)

_PLAY = """
DO $$
DECLARE
    v_rules redemption_schema.fraud_rule_set;
    v_thresholds redemption_schema.fraud_thresholds;
    v_shown record;
    v_scored record;
BEGIN
    SELECT t.* INTO STRICT v_thresholds FROM redemption_schema.fraud_thresholds AS t;
    SELECT array_agg(r.rule_name), array_agg(r.kind), array_agg(r.parameters), array_agg(r.points), array_agg(r.version)
      INTO v_rules
      FROM redemption_schema.fraud_rules AS r;
    FOR v_shown IN SELECT * FROM shown WHERE place > 0 ORDER BY at LOOP
        IF v_shown.refused_as IS NOT NULL THEN
            INSERT INTO redemption_schema.code_refusals
                   (code_sha256, reason, station_code, employee_number, user_id, device_id, created_at)
            VALUES (sha256(v_shown.coupon_code::bytea), v_shown.refused_as, v_shown.station_code,
                    v_shown.employee_number, v_shown.user_id, v_shown.device_id, v_shown.at);
            CONTINUE;
        END IF;
        SELECT s.* INTO STRICT v_scored FROM redemption_schema.score_attempt(
            ROW('RDM-20261101-9' || lpad(v_shown.place::text, 8, '0'), v_shown.user_id, v_shown.coupon_code,
                v_shown.station_code, v_shown.employee_number, v_shown.device_id, v_shown.amount, 'MXN', v_shown.at,
                'infinity')::redemption_schema.fraud_attempt,
            v_rules, v_thresholds) AS s;
        UPDATE shown SET decision = v_scored.decision, risk_score = v_scored.risk_score,
                         rule_points = v_scored.rule_points
         WHERE place = v_shown.place;
        INSERT INTO redemption_schema.fraud_detection_log
               (transaction_reference, user_id, station_code, device_id, fraud_type, risk_score, action_taken,
                created_at)
        VALUES ('RDM-20261101-9' || lpad(v_shown.place::text, 8, '0'), v_shown.user_id, v_shown.station_code,
                v_shown.device_id, v_scored.fraud_type, v_scored.risk_score, v_scored.decision, v_shown.at);
        INSERT INTO redemption_schema.redemptions
               (transaction_reference, status, user_id, coupon_code, campaign_code, station_code, employee_number,
                terminal_code, original_amount, final_amount, currency, idempotency_key, created_at, completed_at,
                failed_at, failure_code, flow, started_at, is_shared, business_day)
        VALUES ('RDM-20261101-9' || lpad(v_shown.place::text, 8, '0'),
                CASE WHEN v_scored.decision = 'BLOCKED' THEN 'FAILED' WHEN v_shown.validated_only THEN 'PENDING'
                     ELSE 'COMPLETED' END, v_shown.user_id,
                v_shown.coupon_code, 'SAMPLE', v_shown.station_code, v_shown.employee_number, 'SAMPLE-T1',
                v_shown.amount, v_shown.amount, 'MXN', gen_random_uuid(), v_shown.at,
                CASE WHEN v_scored.decision <> 'BLOCKED' AND NOT v_shown.validated_only THEN v_shown.at END,
                CASE v_scored.decision WHEN 'BLOCKED' THEN v_shown.at END,
                CASE v_scored.decision WHEN 'BLOCKED' THEN 'FRAUD_BLOCKED' END,
                CASE WHEN v_shown.validated_only THEN 'TWO_STEP' ELSE 'ONE_SHOT' END, NULL, v_shown.is_shared,
                CASE WHEN v_scored.decision <> 'BLOCKED' AND NOT v_shown.validated_only
                     THEN timezone('UTC', v_shown.at)::date END);
    END LOOP;
END $$
"""


class Judged(msgspec.Struct, frozen=True):
    at: datetime
    planted: str | None
    decision: Decision
    risk_score: int
    rule_points: dict[str, int]


def play(admin: Connection, day: SampleDay) -> list[Judged]:
    """The decisions of the day, in order. As superuser, without triggers: rows are written as they ended."""
    with admin.transaction():
        admin.execute("SET LOCAL session_replication_role = replica")
        _load(admin, day)
        admin.execute(_PLAY)
        with admin.cursor(row_factory=class_row(Judged)) as cursor:
            found = cursor.execute(
                "SELECT at, planted, decision, risk_score, rule_points FROM shown"
                " WHERE decision IS NOT NULL ORDER BY at"
            ).fetchall()
        admin.execute("DROP TABLE shown")
    return found


def _load(admin: Connection, day: SampleDay) -> None:
    admin.execute(
        """
        CREATE TEMPORARY TABLE shown (place bigint PRIMARY KEY, at timestamptz, user_id uuid, device_id text,
            station_code text, employee_number text, coupon_code text, amount numeric, refused_as text, planted text,
            validated_only boolean, is_shared boolean, decision text, risk_score integer, rule_points jsonb)
        """
    )
    with admin.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO redemption_schema.station_positions (station_code, latitude, longitude, as_of)"
            " VALUES (%s, %s, %s, now())"
            " ON CONFLICT (station_code) DO UPDATE SET latitude = excluded.latitude, longitude = excluded.longitude",
            [(place.station_code, place.latitude, place.longitude) for place in day.places],
        )
        with cursor.copy(f"COPY shown ({_COLUMNS}) FROM STDIN") as rows:
            for place, shown in enumerate(day.past, start=1):
                rows.write_row(_row(-place, shown))
            for place, shown in enumerate(day.shown, start=1):
                rows.write_row(_row(place, shown))
    admin.execute(
        """
        INSERT INTO redemption_schema.redemptions
               (transaction_reference, status, user_id, coupon_code, campaign_code, station_code, employee_number,
                terminal_code, original_amount, final_amount, currency, idempotency_key, created_at, completed_at,
                business_day)
        SELECT 'RDM-20261101-8' || lpad((-place)::text, 8, '0'), 'COMPLETED', user_id, coupon_code, 'SAMPLE',
               station_code, employee_number, 'SAMPLE-T1', amount, amount, 'MXN', gen_random_uuid(), at, at,
               timezone('UTC', at)::date
          FROM shown WHERE place < 0
        """
    )
    admin.execute("ANALYZE redemption_schema.redemptions")


def _row(place: int, shown: Shown) -> tuple[object, ...]:
    return (
        place,
        shown.at,
        shown.user_id,
        shown.device_id,
        shown.station_code,
        shown.employee_number,
        shown.coupon_code,
        shown.amount,
        shown.refused_as,
        shown.planted,
        shown.validated_only,
        shown.is_shared,
    )
