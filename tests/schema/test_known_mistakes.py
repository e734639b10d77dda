"""Mistakes of earlier attempts at this schema, each with a test that it is not here (design, section 4)."""

import re
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from psycopg import errors
from tests.schema import catalog
from tests.schema.catalog import BY_NAME, SCHEMAS, SERVICES, SOURCE, Conn
from tests.schema.redemption_steps import completed

Connect = Callable[[str], Conn]

REDEMPTION = BY_NAME["redemption"]
GUESSED_ID_OFFSET = 1000


def test_no_two_files_share_a_version() -> None:
    for service in SERVICES:
        versions = Counter(catalog.version_of(path) for path in service.versioned())
        assert max(versions.values()) == 1, service.name
        descriptions = Counter(path.name.lower() for path in service.files if path.name.startswith("R__"))
        assert max(descriptions.values()) == 1, service.name


def test_the_outbox_migration_applies_on_the_first_version_alone(production: Conn) -> None:
    catalog.remake_schema(production, REDEMPTION)
    common, first, outbox, _ = REDEMPTION.versioned()[:4]
    assert (first.name, outbox.name) == ("V1__init.sql", "V2__add_outbox_table.sql")
    for path in (common, first):
        catalog.apply(production, REDEMPTION, path)
    before = set(catalog.tables(production))
    catalog.apply(production, REDEMPTION, outbox)
    assert set(catalog.tables(production)) - before == {"redemption_schema.outbox_events"}


def test_the_one_points_ledger_is_in_the_redemption_schema(admin: Conn) -> None:
    ledgers = catalog.texts(
        admin,
        """
        SELECT n.nspname || '.' || c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
         WHERE c.relname ~ 'points?_?ledger' AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
        """,
    )
    assert ledgers == ["redemption_schema.points_ledger"]


def test_sample_data_guesses_no_id_and_breaks_no_rule(production: Conn) -> None:
    """Production has the strictest CHECKs; there the ids begin where nobody would guess."""
    columns = catalog.columns_named(production, "id", "bigint")
    from_migrations = {
        table: catalog.number(production, f"SELECT coalesce(max({column}), 0) FROM {table}")
        for table, column in columns
    }
    for sequence in catalog.texts(
        production,
        "SELECT schemaname || '.' || quote_ident(sequencename) FROM pg_sequences WHERE schemaname = ANY (%s)",
        SCHEMAS,
    ):
        production.execute("SELECT setval(%s, %s)", (sequence, GUESSED_ID_OFFSET))
    for service in SERVICES:
        sample = sorted(path for path in service.files if path.parent.name == "sample_data")
        assert sample[0].name == "R__90_sample_data.sql"
        for path in sample:
            catalog.apply(production, service, path)
    for table, column in columns:
        lowest = catalog.number(
            production, f"SELECT coalesce(min({column}), 2000) FROM {table} WHERE {column} > {from_migrations[table]}"
        )
        assert lowest > GUESSED_ID_OFFSET, table


def test_no_sample_row_names_its_own_id() -> None:
    for service in SERVICES:
        for path in (SOURCE / service.name / "sample_data").glob("*.sql"):
            code = catalog.code_of(path)
            assert not re.search(r"OVERRIDING\s+(?:SYSTEM|USER)\s+VALUE|\bsetval\b", code, re.IGNORECASE), path
            assert not re.search(r"INSERT\s+INTO\s+[a-z_.]+\s*\(\s*id\b", code, re.IGNORECASE), path


def test_the_raffle_summary_counts_tickets_once_though_a_raffle_has_several_prizes(admin: Conn) -> None:
    truth = catalog.rows(
        admin,
        """
        SELECT r.id, r.name, r.status, (SELECT count(*) FROM raffle_schema.raffle_tickets AS t WHERE t.raffle_id = r.id)
          FROM raffle_schema.raffles AS r ORDER BY r.id
        """,
    )
    with_prizes = catalog.number(
        admin,
        """
        SELECT count(*) FROM raffle_schema.raffles AS r
         WHERE (SELECT count(*) FROM raffle_schema.raffle_prizes AS p WHERE p.raffle_id = r.id) > 1
           AND (SELECT count(*) FROM raffle_schema.raffle_tickets AS t WHERE t.raffle_id = r.id) > 1
        """,
    )
    summary = catalog.rows(
        admin, "SELECT id, name, status, total_tickets FROM raffle_schema.raffle_summary ORDER BY id"
    )
    assert with_prizes > 0, "the sample has no raffle that could show the mistake"
    assert summary == truth


def test_campaign_figures_are_not_multiplied_by_shards_or_coupons(admin: Conn) -> None:
    truth = catalog.rows(
        admin,
        """
        SELECT g.campaign_code, coalesce(sum(1) FILTER (WHERE u.id IS NOT NULL), 0)::bigint,
               coalesce(sum(u.discount_amount), 0)
          FROM coupon_schema.campaigns AS g
          LEFT JOIN coupon_schema.coupons AS c ON c.campaign_id = g.id
          LEFT JOIN coupon_schema.coupon_usage_history AS u ON u.coupon_id = c.id AND u.restored_at IS NULL
         GROUP BY 1 ORDER BY 1
        """,
    )
    counted = catalog.rows(
        admin, "SELECT campaign_code, used::bigint, spent FROM coupon_schema.campaign_usage ORDER BY campaign_code"
    )
    assert counted == truth
    assert any(used > 1 for _, used, _ in truth)


def test_every_view_that_counts_is_one_of_those_compared_here(admin: Conn) -> None:
    """A new view with figures needs a comparison: here, in test_sample_data.py (raffle_totals), or with its service."""
    counting = catalog.texts(
        admin,
        """
        SELECT schemaname || '.' || viewname FROM pg_views
         WHERE schemaname = ANY (%s) AND definition ~* '\\m(count|sum|avg)\\(' ORDER BY 1
        """,
        SCHEMAS,
    )
    compared = {
        "ad_schema.ad_fraud_statistics",
        "ad_schema.ad_funnel",
        "ad_schema.campaign_summary",
        "auth_schema.auth_summary",
        "coupon_schema.campaign_summary",
        "coupon_schema.campaign_usage",
        "coupon_schema.coupon_batch_progress",
        "raffle_schema.raffle_summary",
        "raffle_schema.raffle_totals",
        "redemption_schema.redemption_statistics",
        "redemption_schema.redemption_summary",
        "station_schema.employee_summary",
        "station_schema.station_statistics",
    }
    assert set(counting) == compared


USE = b"""
    INSERT INTO coupon_schema.coupon_usage_history (redemption_reference, coupon_id, user_id, station_code,
        employee_number, original_amount, discount_amount, final_amount, currency)
    SELECT 'RDM-20261122-0000' || %s, id, user_id, 'JSM001', 'EMP000022', 200, 30, 170, 'MXN'
      FROM coupon_schema.coupons WHERE coupon_code = %s
"""


def test_a_use_above_the_coupons_own_limit_is_refused(as_role: Connect) -> None:
    app = as_role("coupon_app")
    app.execute(USE, ("71", "GASX00000007S"))  # once is what it is good for
    for code in ("GASX00000007S", "GASX00000001N"):
        with pytest.raises(errors.CheckViolation):
            app.execute(USE, ("72", code))


@pytest.mark.parametrize(
    ("make_it_scarce", "constraint"),
    [
        # user 51 has used this campaign once already, as often as it allows
        (
            """
            UPDATE coupon_schema.coupons SET user_id = 'a0000000-0000-4000-8000-000000000051'
             WHERE coupon_code = 'GASX00000007S'
            """,
            "campaign_user_usages_limit_check",
        ),
        # six uses are counted; there is no seventh
        (
            "UPDATE coupon_schema.campaigns SET total_usage_limit = 6 WHERE campaign_code = 'WELCOME2026'",
            "campaign_usage_shards_used_check",
        ),
        # 29.99 are left, and the use would cost 30
        (
            """
            UPDATE coupon_schema.campaigns SET budget_amount = 29.99 + (
                SELECT sum(spent) FROM coupon_schema.campaign_usage WHERE campaign_code = 'WELCOME2026')
             WHERE campaign_code = 'WELCOME2026'
            """,
            "campaign_usage_shards_spent_check",
        ),
    ],
    ids=["user", "total", "money"],
)
def test_a_use_above_a_campaigns_limit_is_refused(
    admin: Conn, as_role: Connect, make_it_scarce: str, constraint: str
) -> None:
    admin.execute(make_it_scarce.encode())
    with pytest.raises(errors.CheckViolation) as refused:
        as_role("coupon_app").execute(USE, ("71", "GASX00000007S"))
    assert refused.value.diag.constraint_name == constraint


def _functions_with(conn: Conn, pattern: str) -> list[str]:
    """Functions of the six schemas whose body, without comments, matches the pattern in any case."""
    return sorted(
        f"{schema}.{name}"
        for schema, name, body in catalog.rows(
            conn,
            """
            SELECT n.nspname, p.proname, coalesce(pg_get_function_sqlbody(p.oid), p.prosrc)
              FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace WHERE n.nspname = ANY (%s)
            """,
            SCHEMAS,
        )
        if re.search(pattern, re.sub(r"--[^\n]*", "", str(body)), re.IGNORECASE)
    )


def test_no_function_counts_the_tickets_of_a_whole_raffle(admin: Conn) -> None:
    assert _functions_with(admin, r"\bcount\s*\([^;]*\braffle_schema\.raffle_tickets\b") == []
    row_by_row = catalog.texts(
        admin,
        """
        SELECT tgname FROM pg_trigger
         WHERE tgrelid IN ('raffle_schema.raffle_tickets'::regclass, 'raffle_schema.raffle_entries'::regclass)
           AND NOT tgisinternal AND tgtype & 1 = 1 AND tgtype & 4 = 4  -- each row, insert
        """,
    )
    assert row_by_row == ["raffle_entries_mark"]  # names the owner of the one row, and looks at no other


def test_five_thousand_tickets_in_one_statement_are_counted_exactly(admin: Conn) -> None:
    totals = """
        SELECT ticket_count, participant_count FROM raffle_schema.raffle_totals WHERE raffle_code = 'NEWYEAR-2027'
    """
    tickets, participants = catalog.rows(admin, totals)[0]
    admin.execute(
        """
        INSERT INTO raffle_schema.raffle_entries (raffle_id, issuance_id, user_id, source)
        SELECT id, gen_random_uuid(), gen_random_uuid(), 'PROMOTIONAL'
          FROM raffle_schema.raffles CROSS JOIN generate_series(1, 1000) WHERE raffle_code = 'NEWYEAR-2027'
        """
    )
    made = admin.execute(
        """
        INSERT INTO raffle_schema.raffle_tickets (raffle_id, entry_id, ticket_number, user_id)
        SELECT e.raffle_id, e.id, redemption_schema.ticket_number(e.issuance_id, n), e.user_id
          FROM raffle_schema.raffle_entries AS e CROSS JOIN generate_series(1, 5) AS n WHERE e.ticket_count = 0
        """
    )
    assert made.rowcount == 5000
    assert catalog.rows(admin, totals) == [(tickets + 5000, participants + 1000)]
    fives = "SELECT count(*) FROM raffle_schema.{} WHERE ticket_count = 5"
    assert catalog.number(admin, fives.format("raffle_entries")) >= 1000
    assert catalog.number(admin, fives.format("raffle_participants")) >= 1000


def test_exactly_one_function_makes_tickets(admin: Conn, as_role: Connect) -> None:
    makers = _functions_with(admin, r"INSERT\s+INTO\s+redemption_schema\.raffle_tickets\b")
    assert makers == ["redemption_schema.issue_tickets"]
    with pytest.raises(errors.InsufficientPrivilege):
        as_role("redemption_app").execute(
            "INSERT INTO redemption_schema.raffle_tickets (ticket_number) VALUES ('TKT1')"
        )


def test_completing_a_redemption_makes_its_tickets_once(admin: Conn, as_role: Connect) -> None:
    app = as_role("redemption_app")
    reference = completed(app, tickets=2)
    again = catalog.rows(
        app,
        """
        SELECT i.outcome FROM redemption_schema.redemptions AS r
         CROSS JOIN LATERAL redemption_schema.issue_tickets('COUPON_REDEMPTION', ARRAY[r.transaction_reference],
               ARRAY[r.user_id], ARRAY[r.tickets_earned]) AS i
         WHERE r.transaction_reference = %s
        """,
        reference,
    )
    made = catalog.number(
        admin,
        """
        SELECT count(*) FROM redemption_schema.raffle_tickets AS t JOIN redemption_schema.redemptions AS r
            ON r.id = t.redemption_id WHERE r.transaction_reference = %s
        """,
        reference,
    )
    assert again == [("ALREADY_ISSUED",)]
    assert made == 2


def test_no_column_could_hold_a_one_time_code(admin: Conn) -> None:
    suspects = catalog.texts(
        admin,
        """
        SELECT c.relname || '.' || a.attname FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
         WHERE c.relnamespace = 'auth_schema'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND a.attnum > 0
           AND a.attname ~ '(^|_)(code|otp|pin|password|secret|token)(_|$)' AND a.atttypid <> 'bytea'::regtype
           -- names of stations and partners, numbers of keys and of HTTP, times, and the key of a session's row
           AND a.attname NOT IN ('station_code', 'partner_code', 'otp_session_id', 'status_code')
           AND a.attname !~ '_(key_id|at)$'
        """,
    )
    assert suspects == []


@pytest.mark.parametrize("column", ["code_hash", "session_token_hash"])
def test_a_one_time_code_is_kept_as_a_hash_of_32_bytes_or_not_at_all(admin: Conn, column: str) -> None:
    assert catalog.number(admin, "SELECT count(*) FROM auth_schema.otp_sessions") > 0
    with pytest.raises(errors.CheckViolation) as refused:
        admin.execute(f"UPDATE auth_schema.otp_sessions SET {column} = '123456'".encode())
    assert refused.value.diag.constraint_name == f"otp_sessions_{column}_check"


def test_a_signature_of_a_qr_code_has_a_known_key(admin: Conn) -> None:
    unsigned_by_key = catalog.number(
        admin, "SELECT count(*) FROM coupon_schema.coupons WHERE qr_signature IS NOT NULL AND qr_key_id IS NULL"
    )
    assert unsigned_by_key == 0
    sign = b"""
        UPDATE coupon_schema.coupons SET qr_payload = '\\x01', qr_signature = %s, qr_key_id = %s
         WHERE coupon_code = 'GASX000000399'
    """
    with pytest.raises(errors.CheckViolation) as refused:
        admin.execute(sign, (bytes(64), None))
    assert refused.value.diag.constraint_name == "coupons_qr_check"
    with pytest.raises(errors.ForeignKeyViolation):
        admin.execute(sign, (bytes(64), 255))


def test_twelve_and_a_half_percent_stay_twelve_and_a_half(admin: Conn) -> None:
    kept = catalog.texts(
        admin,
        """
        UPDATE coupon_schema.campaigns SET discount_value = 12.5 WHERE campaign_code = 'WEEKEND2026'
        RETURNING discount_value
        """,
    )
    assert [Decimal(value) for value in kept] == [Decimal("12.5")]


@pytest.mark.parametrize(
    ("percent", "amount", "currency", "discount"),
    [
        ("12.5", "100.00", "MXN", "12.50"),
        ("12.5", "0.20", "MXN", "0.03"),  # 0.025, half-up
        ("10.5", "99.99", "USD", "10.50"),  # 10.49895
        ("12.5", "1004", "CRC", "126"),  # 125.5 colones
        ("100", "55.55", "MXN", "55.55"),
    ],
)
def test_a_percentage_is_rounded_once_and_half_up(
    admin: Conn, percent: str, amount: str, currency: str, discount: str
) -> None:
    given = catalog.texts(
        admin,
        "SELECT coupon_schema.discount_amount('PERCENTAGE', %s::numeric, NULL, %s, %s::numeric)",
        percent,
        currency,
        amount,
    )
    assert Decimal(given[0]) == Decimal(discount)


def test_a_file_that_only_looks_like_sql_is_refused(production: Conn, tmp_path: Path) -> None:
    """The validator is PostgreSQL itself: what follows has all the words that a search would look for."""
    wrong = {
        "an unknown table": "ALTER TABLE redemption_schema.outbox ADD COLUMN topic text;",
        "a broken CHECK": "CREATE TABLE redemption_schema.t (id bigint, CONSTRAINT t_id_check CHECK (id > ));",
        "a function body": "CREATE FUNCTION redemption_schema.f() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN RETURN NEW $$;",
        "a comment on nothing": "COMMENT ON COLUMN redemption_schema.redemptions.nothing IS 'x';",
    }
    before = catalog.tables(production)
    for what, text in wrong.items():
        path = tmp_path / "V9__wrong.sql"
        path.write_text(text)
        with pytest.raises((errors.UndefinedTable, errors.SyntaxError, errors.UndefinedColumn)):
            catalog.apply(production, REDEMPTION, path)
        assert catalog.tables(production) == before, what


def test_the_validation_script_asks_the_engine_and_not_grep() -> None:
    script = (SOURCE.parents[1] / "scripts" / "test-migrations.sh").read_text()
    code = re.sub(r"#[^\n]*", "", script)
    assert re.search(r'/vuelo" (?:check|migrate)\b', code)
    assert not re.search(r"\b(?:grep|egrep|rg)\b", code)
