"""The coupon schema's sample data."""

from tests.schema import catalog
from tests.schema.catalog import BY_NAME, SOURCE, Conn
from tests.schema.coupon_rows import assert_counters_equal_history

COUPON = BY_NAME["coupon"]


def test_the_sample_campaigns_have_the_published_terms(admin: Conn) -> None:
    terms = catalog.rows(
        admin,
        """
        SELECT campaign_code, status, discount_type, discount_value, maximum_discount, minimum_purchase,
               per_user_usage_limit, total_usage_limit, raffle_tickets_per_coupon, raffle_code
          FROM coupon_schema.campaigns WHERE campaign_code IN ('WELCOME2026', 'SUMMER2026') ORDER BY 1 DESC
        """,
    )
    assert terms == [
        ("WELCOME2026", "ACTIVE", "PERCENTAGE", 15, 50, 100, 1, 1000, 3, "MONTHLY-2026-12"),
        ("SUMMER2026", "ACTIVE", "FIXED_AMOUNT", 25, None, 150, 3, 5000, 2, None),
    ]
    stations = """
        SELECT s.station_code FROM coupon_schema.campaign_stations AS s
          JOIN coupon_schema.campaigns AS g ON g.id = s.campaign_id
         WHERE g.campaign_code = 'PREMIUM2026' AND g.station_scope = 'LISTED' ORDER BY 1
    """
    assert catalog.texts(admin, stations) == ["JSM002", "JSM007"]


def test_the_sample_has_a_campaign_that_welcomes_and_one_with_a_limit_by_week(admin: Conn) -> None:
    welcoming = """
        SELECT g.campaign_code FROM coupon_schema.welcome_campaigns AS w
          JOIN coupon_schema.campaigns AS g ON g.id = w.campaign_id
    """
    assert catalog.texts(admin, welcoming) == ["WELCOME2026"]
    limited = "SELECT campaign_code, per_user_period, per_user_period_limit FROM coupon_schema.campaigns"
    assert [row for row in catalog.rows(admin, limited) if row[1]] == [("SUMMER2026", "WEEK", 2)]
    counted = "SELECT used_count, usage_limit FROM coupon_schema.campaign_user_period_usages ORDER BY 1"
    assert catalog.rows(admin, counted) == [(0, 2), (1, 2)], "one use was given back"


def test_the_sample_counters_equal_their_history_and_loading_again_changes_none(admin: Conn) -> None:
    assert_counters_equal_history(admin)
    before = catalog.rows(admin, "SELECT * FROM coupon_schema.campaign_usage ORDER BY campaign_id")
    assert [row[3] for row in before] == [6, 1, 0, 0, 0, 0, 0, 0]
    catalog.apply(admin, COUPON, SOURCE / "coupon" / "sample_data" / "R__90_sample_data.sql")
    assert_counters_equal_history(admin)
    assert catalog.rows(admin, "SELECT * FROM coupon_schema.campaign_usage ORDER BY campaign_id") == before
    uses = "SELECT count(*), count(restored_at) FROM coupon_schema.coupon_usage_history"
    assert catalog.rows(admin, uses) == [(8, 1)]
