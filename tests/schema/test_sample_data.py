"""The sample data of six services is one story: what one schema names, its owner has, and no limit is broken."""

import pytest
from tests.schema import catalog
from tests.schema.catalog import Conn

# What refers to another service's things: (columns, their type, the owner's table and column).
REFERENCES = {
    "user": ("user_id|[a-z_]+_by", "uuid", "auth_schema.users", "public_id"),
    "station": ("station_code", "text", "station_schema.stations", "station_code"),
    "employee": ("employee_number", "text", "station_schema.employees", "employee_number"),
    "campaign": ("campaign_code", "text", "coupon_schema.campaigns", "campaign_code"),
    "coupon": ("coupon_code", "text", "coupon_schema.coupons", "coupon_code"),
    "redemption": (
        "(transaction|redemption)_reference",
        "text",
        "redemption_schema.redemptions",
        "transaction_reference",
    ),
    "raffle": ("raffle_code", "text", "raffle_schema.raffles", "raffle_code"),
    "ticket": ("ticket_number", "text", "redemption_schema.raffle_tickets", "ticket_number"),
}
# Columns of the same name that mean something else, and what.
NOT_REFERENCES = {
    ("ad_schema.ad_campaigns", "campaign_code"): "the ad engine's own campaigns",
    ("coupon_schema.coupon_validation_attempts", "coupon_code"): "as presented, so guessed codes too",
    ("redemption_schema.fraud_detection_log", "coupon_code"): "as presented, so guessed codes too",
}


@pytest.mark.parametrize("kind", REFERENCES)
def test_what_one_schema_names_exists_in_its_owners(migrated: Conn, kind: str) -> None:
    pattern, data_type, owner_table, owner_column = REFERENCES[kind]
    columns = [
        (table, column)
        for table, column in catalog.columns_named(migrated, pattern, data_type)
        if (table, column) not in NOT_REFERENCES and table != owner_table
    ]
    used = 0
    for table, column in columns:
        used += catalog.number(migrated, f"SELECT count({column}) FROM {table}")
        unknown = catalog.texts(
            migrated,
            f"SELECT DISTINCT u.{column} FROM {table} AS u WHERE u.{column} IS NOT NULL AND NOT EXISTS ("
            f" SELECT FROM {owner_table} AS o WHERE o.{owner_column} = u.{column})",
        )
        assert unknown == [], f"{table}.{column}"
    assert used > 0, "nothing was compared"


def test_the_exceptions_are_columns_that_exist(migrated: Conn) -> None:
    for table, column in NOT_REFERENCES:
        assert column in catalog.texts(
            migrated, "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0", table
        )


def test_employees_are_staff_and_drivers_are_customers(migrated: Conn) -> None:
    wrong_staff = catalog.texts(
        migrated,
        """
        SELECT e.employee_number FROM station_schema.employees AS e
          JOIN auth_schema.users AS u ON u.public_id = e.user_id WHERE u.role <> e.role
        """,
    )
    wrong_drivers = catalog.texts(
        migrated,
        """
        SELECT r.transaction_reference FROM redemption_schema.redemptions AS r
          JOIN auth_schema.users AS u ON u.public_id = r.user_id WHERE u.role <> 'CUSTOMER'
        """,
    )
    assert wrong_staff == []
    assert wrong_drivers == []


def test_employees_serve_at_their_own_station(migrated: Conn) -> None:
    elsewhere = catalog.texts(
        migrated,
        """
        SELECT r.transaction_reference FROM redemption_schema.redemptions AS r
          JOIN station_schema.employees AS e ON e.employee_number = r.employee_number
          JOIN station_schema.stations AS s ON s.id = e.station_id WHERE s.station_code <> r.station_code
        """,
    )
    assert elsewhere == []


def test_completed_redemptions_have_exactly_the_tickets_they_earned(migrated: Conn) -> None:
    wrong = catalog.texts(
        migrated,
        """
        SELECT r.transaction_reference FROM redemption_schema.redemptions AS r
         WHERE CASE WHEN r.status = 'COMPLETED' THEN r.tickets_earned ELSE 0 END <> (
            SELECT count(*) FROM redemption_schema.raffle_tickets AS t
             WHERE t.redemption_id = r.id AND t.source = 'COUPON_REDEMPTION')
        """,
    )
    assert wrong == []


def test_usage_counts_equal_the_history(migrated: Conn) -> None:
    coupons = catalog.texts(
        migrated,
        """
        SELECT c.coupon_code FROM coupon_schema.coupons AS c
         WHERE c.usage_count <> (SELECT count(*) FROM coupon_schema.coupon_usage_history AS u
                                  WHERE u.coupon_id = c.id AND u.restored_at IS NULL)
        """,
    )
    users = catalog.texts(
        migrated,
        """
        SELECT t.user_id FROM coupon_schema.campaign_user_usages AS t
         WHERE t.used_count <> (SELECT count(*) FROM coupon_schema.coupon_usage_history AS u
                                  JOIN coupon_schema.coupons AS c ON c.id = u.coupon_id
                                 WHERE c.campaign_id = t.campaign_id AND u.user_id = t.user_id
                                   AND u.restored_at IS NULL)
        """,
    )
    assert coupons == []
    assert users == []


def test_every_use_of_a_coupon_is_a_redemption_and_every_completed_redemption_a_use(migrated: Conn) -> None:
    uses = catalog.rows(
        migrated,
        """
        SELECT u.redemption_reference, c.coupon_code, g.campaign_code, u.user_id, u.station_code, u.employee_number,
               u.original_amount, u.discount_amount, u.currency, u.raffle_tickets::integer
          FROM coupon_schema.coupon_usage_history AS u
          JOIN coupon_schema.coupons AS c ON c.id = u.coupon_id
          JOIN coupon_schema.campaigns AS g ON g.id = c.campaign_id
         WHERE u.restored_at IS NULL ORDER BY 1
        """,
    )
    completed = catalog.rows(
        migrated,
        """
        SELECT transaction_reference, coupon_code, campaign_code, user_id, station_code, employee_number,
               original_amount, discount_amount, currency, tickets_earned
          FROM redemption_schema.redemptions WHERE status = 'COMPLETED' ORDER BY 1
        """,
    )
    assert uses == completed != []


def test_coupons_are_redeemed_where_and_for_what_their_campaign_allows(migrated: Conn) -> None:
    wrong = catalog.texts(
        migrated,
        """
        SELECT u.redemption_reference FROM coupon_schema.coupon_usage_history AS u
          JOIN coupon_schema.coupons AS c ON c.id = u.coupon_id
          JOIN coupon_schema.campaigns AS g ON g.id = c.campaign_id
         WHERE u.fuel_type <> ALL (g.fuel_types) OR u.original_amount < g.minimum_purchase
            OR (g.station_scope = 'LISTED' AND NOT EXISTS (
                SELECT FROM coupon_schema.campaign_stations AS s
                 WHERE s.campaign_id = g.id AND s.station_code = u.station_code))
        """,
    )
    assert wrong == []


def test_views_of_advertisements_earned_what_the_tickets_say(migrated: Conn) -> None:
    wrong = catalog.texts(
        migrated,
        """
        SELECT e.public_id FROM ad_schema.ad_engagements AS e
         WHERE e.bonus_tickets <> (
            SELECT coalesce(sum(i.ticket_count), 0) FROM redemption_schema.ticket_issuances AS i
             WHERE i.source = 'AD_ENGAGEMENT' AND i.source_reference = e.public_id::text)
        """,
    )
    assert wrong == []


def test_views_multiply_the_tickets_of_their_viewers_own_redemptions(migrated: Conn) -> None:
    wrong = catalog.texts(
        migrated,
        """
        SELECT e.public_id FROM ad_schema.ad_engagements AS e
          JOIN redemption_schema.redemptions AS r USING (transaction_reference)
         WHERE r.user_id <> e.user_id OR r.status <> 'COMPLETED' OR r.tickets_earned <> e.base_tickets
            OR r.station_code <> e.station_code
        """,
    )
    assert wrong == []


def test_a_campaigns_shares_have_paid_exactly_its_views(migrated: Conn) -> None:
    wrong = catalog.texts(
        migrated,
        """
        SELECT c.campaign_code FROM ad_schema.ad_campaigns AS c
         WHERE (SELECT coalesce(sum(s.spent), 0) FROM ad_schema.ad_campaign_budget_shards AS s
                 WHERE s.campaign_id = c.id AND s.budget_date IS NULL)
            <> (SELECT coalesce(sum(e.cost), 0) FROM ad_schema.ad_engagements AS e
                  JOIN ad_schema.advertisements AS a ON a.id = e.advertisement_id WHERE a.campaign_id = c.id)
            OR (SELECT sum(s.allotted) FROM ad_schema.ad_campaign_budget_shards AS s
                 WHERE s.campaign_id = c.id AND s.budget_date IS NULL) <> c.total_budget
        """,
    )
    assert wrong == []


def test_frequency_counters_equal_the_views(migrated: Conn) -> None:
    counted = catalog.rows(
        migrated,
        """
        SELECT f.campaign_id, f.user_id, sum(f.engagement_count)::bigint
          FROM ad_schema.ad_frequency_counters AS f GROUP BY 1, 2 ORDER BY 1, 2
        """,
    )
    viewed = catalog.rows(
        migrated,
        """
        SELECT a.campaign_id, e.user_id, count(*) FROM ad_schema.ad_engagements AS e
          JOIN ad_schema.advertisements AS a ON a.id = e.advertisement_id GROUP BY 1, 2 ORDER BY 1, 2
        """,
    )
    assert counted == viewed != []


def test_both_ticket_tables_agree_on_who_holds_what_in_which_raffle(migrated: Conn) -> None:
    entered = catalog.rows(
        migrated,
        """
        SELECT t.ticket_number, t.user_id, t.raffle_code FROM redemption_schema.raffle_tickets AS t
         WHERE t.status IN ('ENTERED', 'USED') ORDER BY 1
        """,
    )
    held = catalog.rows(
        migrated,
        """
        SELECT t.ticket_number, t.user_id, r.raffle_code FROM raffle_schema.raffle_tickets AS t
          JOIN raffle_schema.raffles AS r ON r.id = t.raffle_id WHERE t.status = 'ACTIVE' ORDER BY 1
        """,
    )
    assert entered == held != []


def test_raffle_counters_equal_the_rows(migrated: Conn) -> None:
    counted = catalog.rows(
        migrated,
        "SELECT raffle_code, ticket_count, participant_count FROM raffle_schema.raffle_totals ORDER BY raffle_code",
    )
    truth = catalog.rows(
        migrated,
        """
        SELECT r.raffle_code, count(t.id), count(DISTINCT t.user_id) FROM raffle_schema.raffles AS r
          LEFT JOIN raffle_schema.raffle_tickets AS t ON t.raffle_id = r.id AND t.status = 'ACTIVE'
         GROUP BY 1 ORDER BY 1
        """,
    )
    assert counted == truth
    assert any(tickets > 1 for _, tickets, _ in truth)


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ("raffle_entries", "t.entry_id = c.id"),
        ("raffle_participants", "(t.raffle_id, t.user_id) = (c.raffle_id, c.user_id)"),
    ],
)
def test_counts_beside_entries_and_participants_equal_their_tickets(migrated: Conn, table: str, key: str) -> None:
    assert catalog.number(migrated, f"SELECT count(*) FROM raffle_schema.{table}") > 0
    wrong = catalog.rows(
        migrated,
        f"""
        SELECT c.* FROM raffle_schema.{table} AS c
         WHERE c.ticket_count <> (SELECT count(*) FROM raffle_schema.raffle_tickets AS t
                                   WHERE {key} AND t.status = 'ACTIVE')
        """,
    )
    assert wrong == []


def test_awarded_prizes_equal_the_winners(migrated: Conn) -> None:
    wrong = catalog.texts(
        migrated,
        """
        SELECT p.name FROM raffle_schema.raffle_prizes AS p
         WHERE p.quantity_awarded <> (SELECT count(*) FROM raffle_schema.raffle_winners AS w
                                       WHERE w.prize_id = p.id AND w.status NOT IN ('FORFEITED', 'DISQUALIFIED'))
        """,
    )
    assert wrong == []
    assert catalog.number(migrated, "SELECT count(*) FROM raffle_schema.raffle_winners WHERE prize_id IS NOT NULL") > 0


def test_an_entry_in_a_raffle_is_an_issuance_of_the_same_user(migrated: Conn) -> None:
    wrong = catalog.texts(
        migrated,
        """
        SELECT e.issuance_id FROM raffle_schema.raffle_entries AS e
          LEFT JOIN redemption_schema.ticket_issuances AS i USING (issuance_id)
         WHERE i.user_id IS DISTINCT FROM e.user_id OR i.source <> e.source OR i.ticket_count < e.ticket_count
        """,
    )
    assert wrong == []
