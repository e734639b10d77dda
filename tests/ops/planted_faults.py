"""A fault for every question about the data: statements, the last of which gives the thing that is then wrong.

They are run past triggers and foreign keys, as a restore or a repair by hand would.
"""

FAULTS: dict[tuple[str, str], tuple[str, ...]] = {
    ("coupon", "totals_coupon_uses"): (
        """UPDATE coupon_schema.coupons SET max_usage = 9, usage_count = usage_count + 1 WHERE id = (
               SELECT min(id) FROM coupon_schema.coupons WHERE status = 'ACTIVE') RETURNING coupon_code""",
    ),
    ("coupon", "totals_campaign_uses"): (
        """UPDATE coupon_schema.campaign_usage_shards AS s SET spent = s.spent + 1 WHERE (s.campaign_id, s.shard) = (
               SELECT campaign_id, shard FROM coupon_schema.campaign_usage_shards
                WHERE coalesce(spend_allotment > spent + 1, true) ORDER BY campaign_id, shard LIMIT 1)
           RETURNING (SELECT campaign_code FROM coupon_schema.campaigns WHERE id = s.campaign_id)""",
    ),
    ("coupon", "totals_campaign_limits"): (
        """UPDATE coupon_schema.campaigns SET total_usage_limit = total_usage_limit + 1 WHERE id = (
               SELECT max(id) FROM coupon_schema.campaigns WHERE total_usage_limit IS NOT NULL)
           RETURNING campaign_code""",
    ),
    ("coupon", "totals_user_uses"): (
        """UPDATE coupon_schema.campaign_user_usages AS t SET used_count = 0 WHERE (campaign_id, user_id) = (
               SELECT campaign_id, user_id FROM coupon_schema.campaign_user_usages WHERE used_count > 0
                ORDER BY campaign_id, user_id LIMIT 1)
           RETURNING (SELECT campaign_code FROM coupon_schema.campaigns WHERE id = t.campaign_id) || ' ' || user_id""",
    ),
    ("coupon", "totals_user_period_uses"): (
        """INSERT INTO coupon_schema.campaign_user_period_usages
                  (campaign_id, user_id, period_start, used_count, usage_limit)
           SELECT min(id), 'a0000000-0000-4000-8000-0000000000ff', current_date, 1, 5 FROM coupon_schema.campaigns
           RETURNING (SELECT campaign_code FROM coupon_schema.campaigns ORDER BY id LIMIT 1) || ' ' || user_id""",
    ),
    ("coupon", "totals_batches"): (
        """INSERT INTO coupon_schema.coupon_batches (
               batch_id, campaign_id, status, requested_count, first_dense_index, discount_type, discount_value,
               minimum_purchase, currency, raffle_tickets, valid_from, valid_until, max_usage, finished_at)
           SELECT gen_random_uuid(), g.id, 'COMPLETED', 3, 4000000000, 'FIXED_AMOUNT', 5, 0, g.currency, 0,
                  g.valid_from, g.valid_until, 1, now()
             FROM coupon_schema.campaigns AS g ORDER BY g.id LIMIT 1 RETURNING batch_id::text""",
    ),
    ("coupon", "states_used_coupons"): (
        "ALTER TABLE coupon_schema.coupons DROP CONSTRAINT coupons_status_usage_count_check",
        """UPDATE coupon_schema.coupons SET status = 'USED', max_usage = 3 WHERE id = (
               SELECT max(id) FROM coupon_schema.coupons WHERE status = 'ACTIVE') RETURNING coupon_code""",
    ),
    ("coupon", "states_coupons_of_erased"): (
        """INSERT INTO coupon_schema.erased_users (user_id, erased_at)
           SELECT c.user_id, now() FROM coupon_schema.coupons AS c
            WHERE c.status = 'ACTIVE' AND c.user_id IS NOT NULL ORDER BY c.id LIMIT 1
           RETURNING (SELECT coupon_code FROM coupon_schema.coupons AS c
                       WHERE c.user_id = erased_users.user_id AND c.status = 'ACTIVE' ORDER BY c.id LIMIT 1)""",
    ),
    ("redemption", "totals_redemption_tickets"): (
        """UPDATE redemption_schema.redemptions SET tickets_earned = tickets_earned + 1 WHERE id = (
               SELECT min(id) FROM redemption_schema.redemptions WHERE status = 'COMPLETED')
           RETURNING transaction_reference""",
    ),
    ("redemption", "totals_issuance_tickets"): (
        """DELETE FROM redemption_schema.raffle_tickets WHERE id = (
               SELECT min(id) FROM redemption_schema.raffle_tickets) RETURNING issuance_id::text""",
    ),
    ("redemption", "totals_ad_bonuses"): (
        """INSERT INTO redemption_schema.ad_bonuses
                  (view_id, transaction_reference, user_id, chain_step, status, ticket_count, issuance_id)
           SELECT gen_random_uuid(), 'RDM-20261123-999999', i.user_id, 1, 'ISSUED', i.ticket_count + 1, i.issuance_id
             FROM redemption_schema.ticket_issuances AS i ORDER BY i.id LIMIT 1 RETURNING view_id::text""",
    ),
    ("redemption", "totals_points_balances"): (
        """UPDATE redemption_schema.points_accounts SET balance = balance + 1 WHERE user_id = (
               SELECT user_id FROM redemption_schema.points_accounts ORDER BY user_id LIMIT 1)
           RETURNING user_id::text""",
    ),
    ("redemption", "totals_points_running"): (
        """UPDATE redemption_schema.points_ledger SET balance_after = balance_after + 1 WHERE id = (
               SELECT max(id) FROM redemption_schema.points_ledger) RETURNING user_id || ' ' || entry_number""",
    ),
    ("redemption", "totals_report_days"): (
        """INSERT INTO redemption_schema.redemption_days (
               business_day, station_code, campaign_code, currency, completed, cancelled, original_amount,
               discount_amount, final_amount, cancelled_amount, fuel_litres, tickets_earned, tickets_taken_back)
           VALUES (current_date, 'JSM999', 'NONE', 'MXN', 1, 0, 10, 1, 9, 0, 1, 0, 0)
           RETURNING business_day || ' JSM999 NONE MXN'""",
    ),
    ("redemption", "totals_offline_leases"): (
        """INSERT INTO redemption_schema.offline_leases (
               lease_id, terminal_code, first_sequence, expires_at, currency, max_amount, max_discount, max_count,
               max_total, used_count, used_total)
           VALUES (gen_random_uuid(), 'TRM000999', 1, now() + interval '1 hour', 'MXN', 100, 10, 5, 50, 2, 7)
           RETURNING lease_id::text""",
    ),
    ("redemption", "totals_offline_chains"): (
        """INSERT INTO redemption_schema.offline_redemptions (
               terminal_code, sequence, entry_sha256, entry, signature, station_code, employee_number, fuel_type,
               amount, discount_amount, currency, used_at, status, reason)
           VALUES ('TRM000998', 7, sha256('x'), 'x', decode(repeat('00', 64), 'hex'), 'JSM001', 'EMP000022', 'REGULAR',
                   10, 1, 'MXN', now(), 'CONFLICT', 'NO_LEASE')""",
        """INSERT INTO redemption_schema.offline_chains (
               terminal_code, station_code, public_key, head_sequence, head_sha256)
           VALUES ('TRM000998', 'JSM001', decode(repeat('00', 32), 'hex'), 6, sha256('x')) RETURNING terminal_code""",
    ),
    ("redemption", "states_completed_redemptions"): (
        "ALTER TABLE redemption_schema.redemptions DROP CONSTRAINT redemptions_completed_check",
        """UPDATE redemption_schema.redemptions SET completed_at = NULL, business_day = NULL WHERE id = (
               SELECT max(id) FROM redemption_schema.redemptions WHERE status = 'COMPLETED')
           RETURNING transaction_reference""",
    ),
    ("redemption", "states_stuck_redemptions"): (
        """UPDATE redemption_schema.redemptions
              SET status = 'PENDING', failed_at = NULL, failure_code = NULL, failure_reason = NULL
            WHERE id = (SELECT max(id) FROM redemption_schema.redemptions WHERE status = 'FAILED')
           RETURNING transaction_reference""",
    ),
    ("redemption", "states_tickets_of_cancelled"): (
        """UPDATE redemption_schema.redemptions AS r
              SET status = 'CANCELLED', cancelled_at = now(), cancellation_reason = 'planted'
            WHERE id = (SELECT t.redemption_id FROM redemption_schema.raffle_tickets AS t
                         WHERE t.status = 'ENTERED' AND t.redemption_id IS NOT NULL ORDER BY t.id DESC LIMIT 1)
           RETURNING (SELECT max(ticket_number) FROM redemption_schema.raffle_tickets AS t
                       WHERE t.redemption_id = r.id AND t.status = 'ENTERED')""",
    ),
    ("redemption", "states_bonuses_taken_back"): (
        """INSERT INTO redemption_schema.ad_bonuses AS b (
               view_id, transaction_reference, user_id, chain_step, status, issuance_id, taken_back_at)
           SELECT gen_random_uuid(), 'RDM-20261123-999998', t.user_id, 1, 'TAKEN_BACK', t.issuance_id, now()
             FROM redemption_schema.raffle_tickets AS t WHERE t.status = 'ENTERED' ORDER BY t.id DESC LIMIT 1
           RETURNING (SELECT max(ticket_number) FROM redemption_schema.raffle_tickets AS t
                       WHERE t.issuance_id = b.issuance_id AND t.status IN ('ACTIVE', 'ENTERED'))""",
    ),
    ("redemption", "states_pump_codes"): (
        """UPDATE redemption_schema.qr_validations SET status = 'COMPLETED', completed_at = now(), redemption_id = NULL,
                  scanned_by = coalesce(scanned_by, gen_random_uuid()), scanned_at = now(), activated_at = now()
            WHERE id = (SELECT min(id) FROM redemption_schema.qr_validations) RETURNING nonce::text""",
    ),
    ("redemption", "states_drawn_tickets"): (
        """UPDATE redemption_schema.raffle_tickets SET updated_at = now() - interval '5 hours'
            WHERE status = 'ENTERED'""",
        """INSERT INTO redemption_schema.drawn_raffles (raffle_code, drawn_at, tickets_ended_at)
           SELECT t.raffle_code, now() - interval '4 hours', now() - interval '3 hours'
             FROM redemption_schema.raffle_tickets AS t WHERE t.status = 'ENTERED' ORDER BY t.id LIMIT 1
           RETURNING 'TKT'""",
    ),
    ("raffle", "totals_entry_tickets"): (
        """UPDATE raffle_schema.raffle_entries AS e SET ticket_count = ticket_count + 1 WHERE id = (
               SELECT min(id) FROM raffle_schema.raffle_entries)
           RETURNING issuance_id || ' in ' || (SELECT raffle_code FROM raffle_schema.raffles WHERE id = e.raffle_id)""",
    ),
    ("raffle", "totals_participant_tickets"): (
        """INSERT INTO raffle_schema.raffle_participants (raffle_id, user_id, ticket_count)
           SELECT min(id), 'a0000000-0000-4000-8000-0000000000ff', 2 FROM raffle_schema.raffles
           RETURNING (SELECT raffle_code FROM raffle_schema.raffles ORDER BY id LIMIT 1) || ' ' || user_id""",
    ),
    ("raffle", "totals_raffle_counters"): (
        """UPDATE raffle_schema.raffle_counters AS c SET ticket_count = ticket_count + 1
            WHERE raffle_id = (SELECT min(raffle_id) FROM raffle_schema.raffle_counters)
           RETURNING (SELECT raffle_code FROM raffle_schema.raffles WHERE id = c.raffle_id)""",
    ),
    ("raffle", "totals_prizes_awarded"): (
        """UPDATE raffle_schema.raffle_prizes AS p SET quantity_awarded = quantity_awarded + 1 WHERE id = (
               SELECT max(id) FROM raffle_schema.raffle_prizes WHERE quantity_awarded < quantity)
           RETURNING (SELECT raffle_code FROM raffle_schema.raffles WHERE id = p.raffle_id) || ' rank ' || rank""",
    ),
    ("raffle", "totals_draw_lists"): (
        """DELETE FROM raffle_schema.draw_leaf_pages WHERE (draw_number, page_number) = (
               SELECT draw_number, page_number FROM raffle_schema.draw_leaf_pages ORDER BY 1, 2 LIMIT 1)
           RETURNING 'draw ' || draw_number""",
    ),
    ("raffle", "totals_draw_chain"): (
        "ALTER TABLE raffle_schema.raffle_draws ALTER COLUMN manifest_sha256 DROP EXPRESSION",
        "DROP INDEX raffle_schema.raffle_draws_valid_raffle_id_idx",
        """INSERT INTO raffle_schema.raffle_draws OVERRIDING SYSTEM VALUE
           SELECT (jsonb_populate_record(d, jsonb_build_object(
                       'id', d.id + 1000, 'chain_number', d.chain_number + 1, 'previous_chain_number', d.chain_number,
                       'previous_manifest_sha256', sha256('another'), 'manifest_sha256', sha256('this')))).*
             FROM raffle_schema.raffle_draws AS d ORDER BY d.chain_number DESC LIMIT 1
           RETURNING 'draw ' || chain_number""",
    ),
    ("raffle", "states_completed_raffles"): (
        """UPDATE raffle_schema.raffles AS r
              SET status = 'COMPLETED', closed_at = now(), drawing_at = now(), completed_at = now()
            WHERE id = (SELECT raffle_id FROM raffle_schema.raffle_tickets AS t
                          JOIN raffle_schema.raffles AS o ON o.id = t.raffle_id
                         WHERE t.status = 'ACTIVE' AND o.status = 'OPEN' ORDER BY t.id LIMIT 1)
           RETURNING raffle_code""",
    ),
    ("raffle", "states_draw_positions"): (
        """DELETE FROM raffle_schema.raffle_winners AS w WHERE id = (SELECT min(id) FROM raffle_schema.raffle_winners)
           RETURNING (SELECT 'draw ' || chain_number FROM raffle_schema.raffle_draws WHERE id = w.draw_id)""",
    ),
    ("raffle", "states_overdue_raffles"): (
        """UPDATE raffle_schema.raffles SET opens_at = now() - interval '9 days', closes_at = now() - interval '2 days'
            WHERE id = (SELECT max(id) FROM raffle_schema.raffles WHERE status = 'OPEN') RETURNING raffle_code""",
    ),
    ("raffle", "states_ticket_owners"): (
        """UPDATE raffle_schema.raffle_tickets SET user_id = gen_random_uuid() WHERE id = (
               SELECT max(id) FROM raffle_schema.raffle_tickets) RETURNING ticket_number""",
    ),
    ("ads", "totals_budgets"): (
        """UPDATE ad_schema.ad_campaign_budget_shards AS s SET spent = spent + 1 WHERE id = (
               SELECT min(id) FROM ad_schema.ad_campaign_budget_shards
                WHERE budget_date IS NULL AND spent + 1 <= allotted)
           RETURNING (SELECT campaign_code FROM ad_schema.ad_campaigns WHERE id = s.campaign_id)""",
    ),
    ("ads", "totals_allotments"): (
        """UPDATE ad_schema.ad_campaign_budget_shards AS s SET allotted = allotted + 9000000 WHERE id = (
               SELECT max(id) FROM ad_schema.ad_campaign_budget_shards WHERE budget_date IS NULL)
           RETURNING (SELECT campaign_code FROM ad_schema.ad_campaigns WHERE id = s.campaign_id)""",
    ),
    ("ads", "totals_figures"): (
        """UPDATE ad_schema.ad_analytics AS a SET watched_s = watched_s + 1
            WHERE (advertisement_id, analytics_date) = (SELECT advertisement_id, analytics_date
                     FROM ad_schema.ad_analytics ORDER BY 1, 2 LIMIT 1)
           RETURNING (SELECT public_id FROM ad_schema.advertisements WHERE id = a.advertisement_id) || ' '
                     || analytics_date""",
    ),
    ("ads", "totals_frequency"): (
        """UPDATE ad_schema.ad_frequency_counters AS c
              SET engagement_cap = engagement_cap + 9, engagement_count = engagement_count + 5
            WHERE id = (SELECT min(id) FROM ad_schema.ad_frequency_counters)
           RETURNING (SELECT campaign_code FROM ad_schema.ad_campaigns WHERE id = c.campaign_id) || ' ' || user_id""",
    ),
    ("ads", "totals_chain_steps"): (
        """UPDATE ad_schema.ad_redemptions SET steps_completed = 3 WHERE transaction_reference = (
               SELECT max(transaction_reference) FROM ad_schema.ad_redemptions WHERE steps_completed = 0)
           RETURNING transaction_reference""",
    ),
    ("ads", "states_silent_views"): (
        """UPDATE ad_schema.ad_engagements
              SET status = 'STARTED', finished_at = NULL, started_at = now() - interval '2 days',
                  unbilled_reason = NULL, clicked_at = NULL, bonus_tickets = 0, cost = 0,
                  budget_shard = NULL, rejected_cost = 0, verified_at = NULL, quality_score = NULL, fraud_score = NULL
            WHERE id = (SELECT max(id) FROM ad_schema.ad_engagements WHERE status NOT IN ('COMPLETED', 'REJECTED'))
           RETURNING public_id::text""",
    ),
    ("ads", "states_reviews"): (
        """INSERT INTO ad_schema.ad_view_reviews AS r (engagement_id, status, fraud_score, findings, decided_at)
           SELECT max(id), 'REJECTED', 1, '{}', now() FROM ad_schema.ad_engagements AS v
            WHERE v.status = 'COMPLETED'
              AND NOT EXISTS (SELECT FROM ad_schema.ad_view_reviews AS x WHERE x.engagement_id = v.id)
           RETURNING (SELECT public_id::text FROM ad_schema.ad_engagements WHERE id = r.engagement_id)""",
    ),
    ("station", "states_employees_at_work"): (
        """DELETE FROM station_schema.employee_shifts
            WHERE employee_id = (SELECT min(id) FROM station_schema.employees WHERE terminated_on IS NULL)""",
        """INSERT INTO station_schema.employee_shifts (employee_id, station_id, starts_at, ends_at, clocked_in_at)
           SELECT e.id, e.station_id, now() - interval '3 days', now() - interval '2 days 16 hours',
                  now() - interval '3 days'
             FROM station_schema.employees AS e WHERE e.terminated_on IS NULL ORDER BY e.id LIMIT 1""",
        """UPDATE station_schema.employees SET suspended_at = now() WHERE id = (
               SELECT min(id) FROM station_schema.employees WHERE terminated_on IS NULL) RETURNING employee_number""",
    ),
    ("station", "states_employments_of_erased"): (
        """INSERT INTO station_schema.user_states AS u (user_id, is_active, is_erased, as_of)
           SELECT e.user_id, false, true, now() FROM station_schema.employees AS e
            WHERE e.terminated_on IS NULL ORDER BY e.id DESC LIMIT 1
           RETURNING (SELECT employee_number FROM station_schema.employees AS e
                       WHERE e.user_id = u.user_id AND e.terminated_on IS NULL)""",
    ),
    ("station", "states_terminals_of_closed"): (
        """UPDATE station_schema.stations AS s SET status = 'PERMANENTLY_CLOSED', accepts_coupons = false WHERE id = (
               SELECT station_id FROM station_schema.terminals WHERE revoked_at IS NULL ORDER BY id LIMIT 1)
           RETURNING (SELECT terminal_code FROM station_schema.terminals AS t
                       WHERE t.station_id = s.id AND t.revoked_at IS NULL ORDER BY t.id LIMIT 1)""",
    ),
    ("auth", "states_erased_users"): (
        """INSERT INTO auth_schema.erasures (public_id, reason)
           SELECT public_id, 'ADMINISTRATOR' FROM auth_schema.users ORDER BY id DESC LIMIT 1
           RETURNING public_id::text""",
    ),
    ("auth", "states_sessions_of_inactive"): (
        """UPDATE auth_schema.refresh_tokens SET revoked_at = NULL, revoke_reason = NULL, used_at = NULL,
                  expires_at = now() + interval '1 day', family_expires_at = now() + interval '5 days'
            WHERE id = (SELECT max(id) FROM auth_schema.refresh_tokens)""",
        """UPDATE auth_schema.users SET is_active = false WHERE id = (
               SELECT user_id FROM auth_schema.refresh_tokens ORDER BY id DESC LIMIT 1) RETURNING public_id::text""",
    ),
    ("auth", "states_staff_without_employment"): (
        """DELETE FROM auth_schema.employments WHERE employee_number = (
               SELECT e.employee_number FROM auth_schema.employments AS e
                 JOIN auth_schema.users AS u ON u.public_id = e.user_id AND u.role = 'EMPLOYEE' AND u.is_active
                WHERE e.is_active ORDER BY 1 LIMIT 1) RETURNING user_id::text""",
    ),
}
