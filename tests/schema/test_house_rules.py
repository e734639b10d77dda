"""The rules that hold for all six schemas, asked of the catalogs of a migrated database and of the migration files."""

import re
from collections import Counter
from datetime import UTC, date, datetime

import psycopg
import pytest
from psycopg import errors
from tests.schema import catalog
from tests.schema.catalog import SCHEMAS, SERVICES, Conn, Service

GUIDE_FILES = {
    "auth": ["V1__Create_auth_schema.sql"],
    "station": ["V1__init.sql"],
    "coupon": ["V1__Create_coupon_schema.sql"],
    "redemption": ["V1__init.sql", "V2__add_outbox_table.sql", "V3__Create_points_ledger_table.sql"],
    "ads": ["V1__Create_ad_schema.sql"],
    "raffle": ["V1__init.sql"],
}
GUIDE_TABLES = {
    "auth_schema": ["users", "otp_sessions", "refresh_tokens", "auth_audit_log"],
    "station_schema": ["stations", "employees", "station_audit_log"],
    "coupon_schema": ["campaigns", "coupons", "coupon_usage_history", "coupon_validation_attempts"],
    "redemption_schema": ["redemptions", "raffle_tickets", "fraud_detection_log", "qr_validations", "points_ledger"],
    "ad_schema": ["advertisements", "ad_engagements", "ad_campaigns", "ad_analytics"],
    "raffle_schema": ["raffles", "raffle_tickets", "raffle_prizes", "raffle_winners"],
}
# Rows that a production migration makes on purpose, and why it may.
SEEDED: dict[str, str] = {
    "ad_schema.ad_analytics_states": "its one row is how far the figures are, and the lock of who folds them",
    "ad_schema.ad_view_rules": "its one row is how views are judged",
    "redemption_schema.fraud_rules": "no redemption goes unassessed until somebody has written rules",
    "redemption_schema.fraud_thresholds": "its one row is the thresholds",
    "redemption_schema.fraud_audit_log": "that these rules and thresholds were made",
    "redemption_schema.points_rules": "how many points a redemption earns, until somebody says otherwise",
    "redemption_schema.report_states": "its one row is how far the report is, and the lock of who folds it",
}
MONTHS_AHEAD = 3
# Tables without created_at, and why.
UNDATED = {
    "auth_schema.otp_rate_limits": "a row is a window of time, which says when it begins",
    "coupon_schema.campaign_usage_shards": "made with its campaign",
    "raffle_schema.raffle_counters": "a part of a number",
}

# Tables of the six schemas without partitions and those of the engine, for the queries below.
OUR_TABLES = f"""
    (SELECT c.oid, c.relname, c.relkind, n.nspname, n.nspname || '.' || c.relname AS name
       FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
      WHERE n.nspname = ANY (ARRAY{SCHEMAS}) AND c.relkind IN ('r', 'p') AND NOT c.relispartition
        AND c.relname <> ALL (ARRAY{catalog.ENGINE_TABLES}))
"""


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_the_guides_migration_files_exist_with_its_names(service: Service) -> None:
    names = [path.name for path in service.versioned()[1:]]
    assert names[: len(GUIDE_FILES[service.name])] == GUIDE_FILES[service.name]


def test_the_guides_tables_exist_in_their_schemas(migrated: Conn) -> None:
    wanted = {f"{schema}.{table}" for schema, names in GUIDE_TABLES.items() for table in names}
    assert wanted - set(catalog.tables(migrated)) == set()


def test_the_guides_views_have_exactly_its_columns(migrated: Conn) -> None:
    assert catalog.view_columns(migrated, "auth_schema.active_users") == [
        "id", "phone_number", "first_name", "last_name", "role", "created_at",
    ]  # fmt: skip
    assert catalog.view_columns(migrated, "raffle_schema.raffle_summary") == ["id", "name", "status", "total_tickets"]


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_every_migration_has_its_undo_beside_it_and_a_version_of_its_own(service: Service) -> None:
    ours = [path.name for path in service.migrations]
    assert ours, "no migrations"
    ups = [name for name in ours if name.startswith("V")]
    undos = [name for name in ours if name.startswith("U")]
    assert sorted(name[1:] for name in ups) == sorted(name[1:] for name in undos)
    assert len(ours) == len(ups) + len(undos)
    versions = Counter(catalog.version_of(path) for path in service.versioned())
    assert [version for version, times in versions.items() if times > 1] == []


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_sql_of_a_service_names_only_its_own_schema(service: Service) -> None:
    strangers = {
        (path.name, word)
        for path in service.files
        for word in re.findall(r"\b(?:[a-z]+_schema|public)(?=\s*\.)|\b[a-z]+_schema\b", catalog.code_of(path))
        if word not in {service.schema, "information_schema"}
    }
    assert strangers == set()


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_no_migration_makes_a_schema_or_an_extension(service: Service) -> None:
    pattern = re.compile(r"\bCREATE\s+(?:SCHEMA|EXTENSION|ROLE|USER|DATABASE)\b", re.IGNORECASE)
    assert [path.name for path in service.files if pattern.search(catalog.code_of(path))] == []


def test_every_table_has_a_comment(migrated: Conn) -> None:
    assert catalog.texts(migrated, f"SELECT name FROM {OUR_TABLES} AS t WHERE obj_description(oid) IS NULL") == []


def test_every_constraint_is_named_by_the_rule(migrated: Conn) -> None:
    wrong = catalog.texts(
        migrated,
        f"""
        SELECT t.name || ': ' || k.conname
          FROM {OUR_TABLES} AS t JOIN pg_constraint AS k ON k.conrelid = t.oid
         CROSS JOIN LATERAL (
            SELECT string_agg(a.attname, '_' ORDER BY key.ordinal) AS names, min(a.attname) AS some
              FROM unnest(k.conkey) WITH ORDINALITY AS key (attnum, ordinal)
              JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = key.attnum
         ) AS cols
         WHERE NOT CASE k.contype
                   WHEN 'p' THEN k.conname = t.relname || '_pk'
                   WHEN 'u' THEN k.conname = t.relname || '_' || cols.names || '_key'
                        OR (length(t.relname || '_' || cols.names || '_key') > 63
                            AND k.conname LIKE t.relname || '\\_%\\_key')
                   WHEN 'f' THEN k.conname LIKE t.relname || '\\_%\\_fk'
                   WHEN 'c' THEN k.conname LIKE t.relname || '\\_%\\_check'
                   WHEN 'x' THEN k.conname LIKE t.relname || '\\_%\\_excl'
                   ELSE true
               END
         ORDER BY 1
        """,
    )
    assert wrong == []


def test_no_constraint_or_index_has_a_name_that_postgresql_made_up(migrated: Conn) -> None:
    wrong = catalog.texts(
        migrated,
        f"""
        SELECT t.name || ': ' || made.name FROM {OUR_TABLES} AS t
         CROSS JOIN LATERAL (
            SELECT conname::text FROM pg_constraint WHERE conrelid = t.oid AND contype <> 'n'
            UNION
            SELECT indexrelid::regclass::name FROM pg_index WHERE indrelid = t.oid
         ) AS made (name)
         WHERE made.name ~ '_(pkey|fkey|key|check|idx|excl)[0-9]+$|_(pkey|fkey)$' ORDER BY 1
        """,
    )
    assert wrong == []


def test_every_index_is_named_for_its_table(migrated: Conn) -> None:
    wrong = catalog.texts(
        migrated,
        f"""
        SELECT t.name || ': ' || c.relname
          FROM {OUR_TABLES} AS t JOIN pg_index AS i ON i.indrelid = t.oid JOIN pg_class AS c ON c.oid = i.indexrelid
         WHERE NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conindid = c.oid)
           AND c.relname NOT LIKE t.relname || '\\_%\\_idx'
           AND NOT (i.indisunique AND c.relname LIKE t.relname || '\\_%\\_key') ORDER BY 1
        """,
    )
    assert wrong == []


def test_every_foreign_key_has_an_index_that_begins_with_its_columns(migrated: Conn) -> None:
    missing = catalog.texts(
        migrated,
        f"""
        SELECT t.name || ': ' || k.conname
          FROM {OUR_TABLES} AS t JOIN pg_constraint AS k ON k.conrelid = t.oid AND k.contype = 'f'
         WHERE NOT EXISTS (
            SELECT FROM pg_index AS i
             WHERE i.indrelid = t.oid AND i.indisvalid
               AND ((i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey
                    -- or with the one column that refers to the primary key: the others only follow it
                    OR EXISTS (
                        SELECT FROM unnest(k.conkey, k.confkey) AS pair (here, there)
                          JOIN pg_constraint AS parent ON parent.conrelid = k.confrelid AND parent.contype = 'p'
                         WHERE parent.conkey = ARRAY[pair.there] AND i.indkey[0] = pair.here))
               -- a partial index finds every reference when it leaves out nothing but NULL
               AND (i.indpred IS NULL OR pg_get_expr(i.indpred, i.indrelid) ~ '^\\([a-z_]+ IS NOT NULL\\)$'))
         ORDER BY 1
        """,
    )
    assert missing == []


def test_every_foreign_key_stays_inside_its_schema(migrated: Conn) -> None:
    strangers = catalog.texts(
        migrated,
        """
        SELECT k.conname FROM pg_constraint AS k
          JOIN pg_class AS here ON here.oid = k.conrelid JOIN pg_class AS there ON there.oid = k.confrelid
         WHERE k.contype = 'f' AND here.relnamespace <> there.relnamespace
        """,
    )
    assert strangers == []


def test_nothing_was_made_in_public(migrated: Conn) -> None:
    made = catalog.texts(
        migrated,
        """
        SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace
        UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
        UNION ALL SELECT typname FROM pg_type WHERE typnamespace = 'public'::regnamespace
        """,
    )
    assert made == []


def test_every_table_with_updated_at_has_a_working_trigger_for_it(migrated: Conn) -> None:
    with_column = {table for table, _ in catalog.columns_named(migrated, "updated_at", "timestamptz")}
    with_trigger = catalog.texts(
        migrated,
        f"""
        SELECT t.name FROM {OUR_TABLES} AS t JOIN pg_trigger AS g ON g.tgrelid = t.oid
          JOIN pg_proc AS p ON p.oid = g.tgfoid JOIN pg_namespace AS n ON n.oid = p.pronamespace
         WHERE g.tgname = t.relname || '_set_updated_at' AND p.proname = 'set_updated_at' AND n.nspname = t.nspname
           AND g.tgenabled = 'O' AND g.tgqual IS NULL AND cardinality(g.tgattr::int2[]) = 0
           AND g.tgtype = 1 + 2 + 16  -- each row, before, update
        """,
    )
    assert with_column, "no table has updated_at"
    assert with_column - set(with_trigger) == set()


def test_every_table_knows_when_a_row_was_made(migrated: Conn) -> None:
    with_column = {table for table, _ in catalog.columns_named(migrated, "created_at", "timestamptz")}
    assert set(catalog.tables(migrated)) - with_column == set(UNDATED)


def _audit_tables(migrated: Conn) -> list[str]:
    return [table for table in catalog.tables(migrated) if table.endswith("_audit_log")]


def test_every_service_keeps_an_audit_log(migrated: Conn) -> None:
    assert {table.split(".")[0] for table in _audit_tables(migrated)} == set(SCHEMAS)


def test_every_audit_log_knows_who_did_it_and_in_which_request(migrated: Conn) -> None:
    wanted = {"actor", "correlation_id", "ip_address", "user_agent", "created_at"}
    for table in _audit_tables(migrated):
        found = catalog.texts(
            migrated, "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0", table
        )
        assert wanted - set(found) == set(), table


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_the_service_may_add_to_append_only_tables_and_change_nothing_there(migrated: Conn, service: Service) -> None:
    guarded = _guarded_tables(migrated, service)
    assert [table for table in _audit_tables(migrated) if table.startswith(f"{service.schema}.")] != []
    assert {table for table in _audit_tables(migrated) if table.startswith(f"{service.schema}.")} <= set(guarded)
    for table in guarded:
        held = catalog.texts(
            migrated,
            """
            SELECT privilege FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) AS privilege
             WHERE has_table_privilege(%s, %s, privilege)
                OR (privilege = 'UPDATE' AND has_any_column_privilege(%s, %s, privilege))
            """,
            service.app, table, service.app, table,
        )  # fmt: skip
        assert set(held) - {"SELECT", "INSERT"} == set(), table


def _guarded_tables(migrated: Conn, service: Service) -> list[str]:
    """Tables of a service whose trigger refuses UPDATE, DELETE and TRUNCATE, before and by statement."""
    return catalog.texts(
        migrated,
        f"""
        SELECT t.name FROM {OUR_TABLES} AS t JOIN pg_trigger AS g ON g.tgrelid = t.oid
          JOIN pg_proc AS p ON p.oid = g.tgfoid
         WHERE p.proname = 'refuse_change' AND g.tgenabled = 'O' AND g.tgqual IS NULL
           AND g.tgtype = 2 + 8 + 16 + 32 AND cardinality(g.tgattr::int2[]) = 0 AND t.nspname = %s ORDER BY 1
        """,
        service.schema,
    )


def test_the_guard_refuses_even_a_superuser(admin: Conn) -> None:
    for service in SERVICES:
        for table in _guarded_tables(admin, service):
            for statement in (f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):
                with pytest.raises(errors.RestrictViolation, match=r"append-only"):
                    admin.execute(statement.encode())


def test_partitions_exist_for_this_month_and_the_next_three(migrated: Conn) -> None:
    migrated.execute("SET TIME ZONE 'UTC'")
    bounds: dict[str, set[str]] = {}
    for table, bound in catalog.rows(
        migrated,
        f"""
        SELECT t.name, pg_get_expr(part.relpartbound, part.oid)
          FROM {OUR_TABLES} AS t
          LEFT JOIN pg_inherits AS i ON i.inhparent = t.oid
          LEFT JOIN pg_class AS part ON part.oid = i.inhrelid
         WHERE t.relkind = 'p'
        """,
    ):
        bounds.setdefault(str(table), set()).add(re.sub(r" 00:00:00\+00", "", str(bound)))
    assert bounds, "no table is partitioned"
    today = datetime.now(UTC).date()
    for table, found in bounds.items():
        for ahead in range(MONTHS_AHEAD + 1):
            first, after = _month(today, ahead), _month(today, ahead + 1)
            assert f"FOR VALUES FROM ('{first}') TO ('{after}')" in found, table
        assert "DEFAULT" not in found, table


def _month(day: date, ahead: int) -> date:
    months = day.year * 12 + day.month - 1 + ahead
    return date(months // 12, months % 12 + 1, 1)


def test_the_audit_logs_are_partitioned(migrated: Conn) -> None:
    plain = catalog.texts(
        migrated, f"SELECT name FROM {OUR_TABLES} AS t WHERE relkind <> 'p' AND relname LIKE '%\\_audit\\_log'"
    )
    assert plain == []


def test_a_production_migration_leaves_no_rows_but_the_seeded(production: Conn) -> None:
    names = catalog.tables(production)
    filled = {
        table for table in names if catalog.number(production, f"SELECT count(*) FROM (SELECT FROM {table} LIMIT 1) t")
    }
    assert filled == set(SEEDED)


def test_every_migration_file_is_accepted_by_postgresql(admin: Conn, production: Conn) -> None:
    """Both databases were made by the files; the same tables came out, whatever the environment."""
    assert catalog.tables(admin) == catalog.tables(production)


def test_columns_of_time_have_a_zone_and_money_has_a_scale(migrated: Conn) -> None:
    wrong = catalog.texts(
        migrated,
        f"""
        SELECT t.name || '.' || a.attname FROM {OUR_TABLES} AS t JOIN pg_attribute AS a ON a.attrelid = t.oid
         WHERE a.attnum > 0 AND NOT a.attisdropped
           AND (a.atttypid IN ('timestamp'::regtype, 'money'::regtype, 'real'::regtype, 'char'::regtype)
                OR (a.atttypid = 'numeric'::regtype AND a.atttypmod = -1))
        """,
    )
    assert wrong == []


def test_every_primary_key_exists(migrated: Conn) -> None:
    without = catalog.texts(
        migrated,
        f"""
        SELECT name FROM {OUR_TABLES} AS t
         WHERE NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conrelid = t.oid AND k.contype = 'p')
        """,
    )
    assert without == []


def test_no_constraint_waits_to_be_validated(admin: Conn, production: Conn) -> None:
    for conn in (admin, production):
        assert catalog.texts(conn, "SELECT conname FROM pg_constraint WHERE NOT convalidated") == []


def test_a_refused_statement_names_the_rule_that_refused_it(admin: Conn) -> None:
    with pytest.raises(psycopg.errors.CheckViolation) as refused:
        admin.execute("INSERT INTO ad_schema.advertisers (advertiser_code, name) VALUES ('LUNA', ' ')")
    assert refused.value.diag.constraint_name == "advertisers_name_check"
