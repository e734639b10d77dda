"""The ad engine's schema: what it refuses, what it counts by itself, and that it can be undone."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from psycopg import errors
from tests.schema import catalog
from tests.schema.ad_rows import PUZZLE, VIDEO, VIEWER, finish, refused_by, share_out_today, start_view
from tests.schema.catalog import BY_NAME, SOURCE, Conn

Connect = Callable[[str], Conn]

ADS = BY_NAME["ads"]
FOLDER = SOURCE / "ads"


def test_a_view_starts_under_the_terms_of_its_advertisement_whatever_the_insert_says(admin: Conn) -> None:
    terms = catalog.rows(
        admin,
        """
        INSERT INTO ad_schema.ad_engagements
            (advertisement_id, user_id, duration_s, ticket_multiplier, max_bonus_tickets, currency)
        SELECT id, %s, 1, 10, 9999, 'USD' FROM ad_schema.advertisements WHERE public_id = %s
        RETURNING duration_s, ticket_multiplier, completion_threshold_percent, max_bonus_tickets, currency
        """,
        VIEWER,
        VIDEO,
    )
    assert terms == [(15, 2, 80, 100, "MXN")]


def test_the_view_above_the_frequency_cap_is_refused(as_role: Connect, admin: Conn) -> None:
    conn = as_role("ads_app")
    for _ in range(3):
        finish(conn, start_view(admin, ad=PUZZLE), "SKIPPED", watched_s=5, percentage=10)
    with pytest.raises(errors.CheckViolation) as refused:
        start_view(admin, ad=PUZZLE)
    assert refused_by(refused) == "ad_frequency_counters_engagement_cap_check"
    counted = "SELECT engagement_count FROM ad_schema.ad_frequency_counters WHERE user_id = %s"
    assert catalog.rows(conn, counted, VIEWER) == [(3,)]


def test_the_cap_holds_for_views_started_by_one_statement(admin: Conn) -> None:
    with pytest.raises(errors.CheckViolation) as refused:
        admin.execute(
            """
            INSERT INTO ad_schema.ad_engagements (advertisement_id, user_id, status, finished_at)
            SELECT id, %s, 'SKIPPED', now() FROM ad_schema.advertisements CROSS JOIN generate_series(1, 6)
             WHERE public_id = %s
            """,
            (VIEWER, VIDEO),
        )
    assert refused_by(refused) == "ad_frequency_counters_engagement_cap_check"


def test_a_user_watches_one_advertisement_at_a_time(admin: Conn) -> None:
    start_view(admin)
    with pytest.raises(errors.UniqueViolation):
        start_view(admin, ad=PUZZLE)


@pytest.mark.parametrize(
    ("watched_s", "percentage", "constraint"),
    [
        (11.9, 79.9, "ad_engagements_completed_check"),  # the advertisement asks for 80 %
        (5.0, 100.0, "ad_engagements_completion_percentage_check"),  # five seconds of fifteen are not all of it
        (90.0, 100.0, "ad_engagements_watched_s_check"),  # only a minute has passed
    ],
)
def test_a_view_is_not_completed_without_having_been_watched(
    as_role: Connect, admin: Conn, watched_s: float, percentage: float, constraint: str
) -> None:
    conn = as_role("ads_app")
    view = start_view(admin)
    with pytest.raises(errors.CheckViolation) as refused:
        finish(conn, view, "COMPLETED", watched_s=watched_s, percentage=percentage)
    assert refused_by(refused) == constraint


@pytest.mark.parametrize(("base", "bonus", "is_accepted"), [(3, 3, True), (3, 4, False), (101, 101, False)])
def test_bonus_tickets_are_the_multipliers_and_within_the_campaigns_cap(
    as_role: Connect, admin: Conn, base: int, bonus: int, *, is_accepted: bool
) -> None:
    conn = as_role("ads_app")
    share_out_today(conn)
    view = start_view(admin, reference="RDM-20261101-000007", base=base)
    if is_accepted:
        finish(conn, view, "COMPLETED", watched_s=15, percentage=100, bonus=bonus)
        return
    with pytest.raises(errors.CheckViolation) as refused:
        finish(conn, view, "COMPLETED", watched_s=15, percentage=100, bonus=bonus)
    assert refused_by(refused) == "ad_engagements_bonus_tickets_check"


def test_a_skipped_view_and_a_view_without_redemption_earn_nothing(as_role: Connect, admin: Conn) -> None:
    conn = as_role("ads_app")
    view = start_view(admin, reference="RDM-20261101-000007", base=3)
    with pytest.raises(errors.CheckViolation):
        finish(conn, view, "SKIPPED", watched_s=15, percentage=100, bonus=1)
    finish(conn, view, "SKIPPED", watched_s=15, percentage=100)
    unpaid = start_view(admin, base=3)
    with pytest.raises(errors.CheckViolation):
        finish(conn, unpaid, "COMPLETED", watched_s=15, percentage=100, bonus=3)


def test_a_step_of_a_redemptions_chain_is_completed_once(as_role: Connect, admin: Conn) -> None:
    conn = as_role("ads_app")
    share_out_today(conn)
    first = start_view(admin, reference="RDM-20261101-000007", base=3)
    finish(conn, first, "COMPLETED", watched_s=15, percentage=100, bonus=3)
    second = start_view(admin, reference="RDM-20261101-000007", base=3)
    with pytest.raises(errors.UniqueViolation):
        finish(conn, second, "COMPLETED", watched_s=15, percentage=100, bonus=3)


def test_progress_never_goes_back_and_an_end_is_final(as_role: Connect, admin: Conn) -> None:
    conn = as_role("ads_app")
    view = start_view(admin)
    progress = "UPDATE ad_schema.ad_engagements SET quartile = %s, watched_s = 8, completion_percentage = 53"
    conn.execute((progress + " WHERE public_id = %s").encode(), (2, view))
    with pytest.raises(errors.CheckViolation) as refused:
        conn.execute((progress + " WHERE public_id = %s").encode(), (1, view))
    assert refused_by(refused) == "ad_engagements_progress_check"
    finish(conn, view, "SKIPPED", watched_s=9, percentage=60)
    with pytest.raises(errors.CheckViolation) as refused:
        finish(conn, view, "COMPLETED", watched_s=15, percentage=100)
    assert refused_by(refused) == "ad_engagements_status_transition_check"


def test_a_view_token_is_consumed_once_and_in_time(as_role: Connect, admin: Conn) -> None:
    conn = as_role("ads_app")
    spent = "UPDATE ad_schema.ad_view_tokens SET consumed_at = now() WHERE consumed_at IS NOT NULL"
    with pytest.raises(errors.CheckViolation) as refused:
        conn.execute(spent.encode())
    assert refused_by(refused) == "ad_view_tokens_consumed_once_check"
    view = start_view(admin)
    late = """
        INSERT INTO ad_schema.ad_view_tokens
            (token_hash, advertisement_id, user_id, created_at, expires_at, consumed_at, engagement_id)
        SELECT sha256('late'), advertisement_id, user_id, now() - interval '2 minutes', now() - interval '1 minute',
               now(), id FROM ad_schema.ad_engagements WHERE public_id = %s
    """
    with pytest.raises(errors.CheckViolation) as refused:
        admin.execute(late.encode(), (view,))
    assert refused_by(refused) == "ad_view_tokens_consumed_at_check"


@pytest.mark.parametrize(
    ("before", "after", "is_allowed"),
    [
        ("DRAFT", "ACTIVE", True), ("DRAFT", "PAUSED", False), ("ACTIVE", "DRAFT", False), ("ACTIVE", "PAUSED", True),
        ("PAUSED", "ACTIVE", True), ("COMPLETED", "ACTIVE", False), ("CANCELLED", "ACTIVE", False),
    ],
)  # fmt: skip
def test_a_campaign_goes_only_where_its_status_allows(
    admin: Conn, before: str, after: str, *, is_allowed: bool
) -> None:
    admin.execute(
        """
        INSERT INTO ad_schema.ad_campaigns (campaign_code, advertiser_id, name, status, starts_at, ends_at,
            total_budget, cost_per_engagement, currency, created_by)
        SELECT 'ADC-PRUEBA', min(id), 'Prueba', %s, now(), now() + interval '1 day', 100, 1, 'MXN', %s
          FROM ad_schema.advertisers
        """,
        (before, VIEWER),
    )
    change = "UPDATE ad_schema.ad_campaigns SET status = %s WHERE campaign_code = 'ADC-PRUEBA'"
    if is_allowed:
        admin.execute(change.encode(), (after,))
        return
    with pytest.raises(errors.CheckViolation) as refused:
        admin.execute(change.encode(), (after,))
    assert refused_by(refused) == "ad_campaigns_status_transition_check"


def test_a_share_of_the_budget_is_never_overspent(admin: Conn) -> None:
    with pytest.raises(errors.CheckViolation) as refused:
        admin.execute("UPDATE ad_schema.ad_campaign_budget_shards SET spent = allotted + 0.01")
    assert refused_by(refused) == "ad_campaign_budget_shards_spent_check"


def test_shares_may_lend_to_each_other_and_never_exceed_the_budget(as_role: Connect) -> None:
    conn = as_role("ads_app")
    lend = b"""
        UPDATE ad_schema.ad_campaign_budget_shards AS share
           SET allotted = allotted + CASE shard WHEN 1 THEN -500 ELSE %s END
          FROM ad_schema.ad_campaigns AS campaign
         WHERE campaign.id = share.campaign_id AND campaign.campaign_code = 'ADC-REFRESCO' AND shard IN (0, 1)
    """
    conn.execute(lend, (500,))
    with pytest.raises(errors.CheckViolation) as refused:
        conn.execute(lend, (Decimal("500.01"),))
    assert refused_by(refused) == "ad_campaign_budget_shards_allotted_check"
    with pytest.raises(errors.CheckViolation):
        conn.execute("UPDATE ad_schema.ad_campaigns SET total_budget = 15000 WHERE campaign_code = 'ADC-REFRESCO'")


def test_a_day_has_its_own_shares(as_role: Connect) -> None:
    conn = as_role("ads_app")
    share = b"""
        INSERT INTO ad_schema.ad_campaign_budget_shards (campaign_id, budget_date, shard, allotted)
        SELECT id, current_date, %s, 600 FROM ad_schema.ad_campaigns WHERE campaign_code = 'ADC-REFRESCO'
    """
    conn.execute(share, (0,))
    with pytest.raises(errors.CheckViolation):  # 1,200 of the 1,000 a day
        conn.execute(share, (1,))


def test_two_transactions_cannot_share_out_the_same_money(as_role: Connect) -> None:
    share = b"""
        INSERT INTO ad_schema.ad_campaign_budget_shards (campaign_id, budget_date, shard, allotted)
        SELECT id, current_date, %s, 600 FROM ad_schema.ad_campaigns WHERE campaign_code = 'ADC-REFRESCO'
    """
    first, second = as_role("ads_app"), as_role("ads_app")
    for shard, conn in enumerate((first, second)):
        conn.execute("BEGIN")
        conn.execute(share, (shard,))  # neither sees the other's share
    first.execute("COMMIT")
    with pytest.raises(errors.CheckViolation):
        second.execute("COMMIT")
    counted = "SELECT count(*) FROM ad_schema.ad_campaign_budget_shards WHERE budget_date IS NOT NULL"
    assert catalog.number(first, counted) == 1


def test_an_advertisement_is_not_shown_before_it_is_approved(admin: Conn) -> None:
    with pytest.raises(errors.CheckViolation) as refused:
        admin.execute("UPDATE ad_schema.advertisements SET status = 'ACTIVE' WHERE approval_status = 'PENDING'")
    assert refused_by(refused) == "advertisements_active_is_approved_check"


def test_where_security_counts_nobody_approves_the_own_advertisement(admin: Conn) -> None:
    with pytest.raises(errors.CheckViolation) as refused:
        admin.execute("UPDATE ad_schema.advertisements SET reviewed_by = created_by WHERE reviewed_by IS NOT NULL")
    assert refused_by(refused) == "advertisements_second_person_check"


@pytest.mark.parametrize(
    ("assignment", "constraint"),
    [
        ("media_type = 'image/png'", "advertisements_media_type_check"),
        ("media_sha256 = NULL", "advertisements_content_check"),
        ("media_url = 'http://cdn.example/a.mp4'", "advertisements_media_url_https_check"),
        ("skip_after_s = 16", "advertisements_skip_after_s_check"),
        ("ticket_multiplier = 11", "advertisements_ticket_multiplier_check"),
        ("languages = '{es,xx}'", "advertisements_languages_check"),
        ("languages = '{}'", "advertisements_languages_check"),
        ("languages = '{{es,en}}'", "advertisements_languages_check"),
    ],
)
def test_an_advertisement_with_wrong_values_is_refused(admin: Conn, assignment: str, constraint: str) -> None:
    with pytest.raises(errors.CheckViolation) as refused:
        admin.execute(f"UPDATE ad_schema.advertisements SET {assignment} WHERE public_id = '{VIDEO}'".encode())
    assert refused_by(refused) == constraint


@pytest.mark.parametrize(
    ("dimension", "value"),
    [("STATION", "jsm001"), ("FUEL_TYPE", "WATER"), ("LANGUAGE", "fr"), ("SEGMENT", "v i p"), ("CITY", " "), ("X", "")],
)
def test_a_target_of_the_wrong_form_is_refused(admin: Conn, dimension: str, value: str) -> None:
    with pytest.raises(errors.CheckViolation):
        admin.execute(
            "INSERT INTO ad_schema.ad_campaign_targets (campaign_id, dimension, value)"
            " SELECT min(id), %s, %s FROM ad_schema.ad_campaigns",
            (dimension, value),
        )


def test_an_unknown_time_zone_is_refused(admin: Conn) -> None:
    for zone in ("PST", "America/Nowhere"):
        with pytest.raises((errors.CheckViolation, errors.InvalidParameterValue)):
            admin.execute("UPDATE ad_schema.ad_campaigns SET time_zone = %s", (zone,))


def test_a_change_is_recorded_with_who_made_it(as_role: Connect) -> None:
    conn = as_role("ads_app")
    with conn.transaction():
        conn.execute("SELECT set_config('gasolinera.actor', %s, true)", (VIEWER,))
        conn.execute("SELECT set_config('gasolinera.correlation_id', 'request-7', true)")
        conn.execute("UPDATE ad_schema.ad_campaigns SET priority = 9 WHERE campaign_code = 'ADC-BANCO'")
        conn.execute("UPDATE ad_schema.ad_campaigns SET priority = 9 WHERE campaign_code = 'ADC-BANCO'")
        conn.execute("DELETE FROM ad_schema.ad_campaign_targets WHERE value = 'FREQUENT'")
    recorded = catalog.rows(
        conn,
        "SELECT action, subject_type, subject_reference, old_values ->> 'priority', new_values ->> 'priority', actor"
        " FROM ad_schema.ad_audit_log WHERE correlation_id = 'request-7' ORDER BY id",
    )
    assert recorded == [
        ("UPDATE", "ad_campaigns", "ADC-BANCO", "4", "9", VIEWER),  # the second update changed nothing
        ("DELETE", "ad_campaign_targets", "ADC-BANCO", None, None, VIEWER),
    ]


def test_figures_of_a_day_cannot_contradict_each_other(admin: Conn) -> None:
    for assignment in ("completions = starts + 1", "first_quartiles = starts + 1", "clicks = -1", "starts = 0"):
        with pytest.raises(errors.CheckViolation):
            admin.execute(f"UPDATE ad_schema.ad_analytics SET {assignment}".encode())


def test_the_reading_role_sees_no_person_and_no_token(as_role: Connect) -> None:
    conn = as_role("ads_ro")
    conn.execute("SELECT public_id, status, cost FROM ad_schema.ad_engagements")
    for column, table in (
        ("user_id", "ad_engagements"), ("ip_address", "ad_engagements"), ("user_id", "ad_frequency_counters"),
        ("token_hash", "ad_view_tokens"), ("user_id", "ad_view_tokens"), ("new_values", "ad_audit_log"),
        ("contact_email", "advertisers"),
    ):  # fmt: skip
        with pytest.raises(errors.InsufficientPrivilege):
            conn.execute(f"SELECT {column} FROM ad_schema.{table}".encode())


def test_the_service_cannot_reset_a_frequency_counter(as_role: Connect) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        as_role("ads_app").execute("UPDATE ad_schema.ad_frequency_counters SET engagement_cap = 1000")
