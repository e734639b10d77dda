-- The stricter rules of production and test; development goes without. Safe to repeat.
-- NOT VALID, so that nobody waits: afterMigrate looks at the rows from before.
-- vuelo: allow locking-several-tables No statement reads rows: all locks together last milliseconds.

-- A published raffle names its organizer, its permit and where its terms stand.
ALTER TABLE raffle_schema.raffles DROP CONSTRAINT IF EXISTS raffles_permit_check;
ALTER TABLE raffle_schema.raffles ADD CONSTRAINT raffles_permit_check
    CHECK (status IN ('DRAFT', 'CANCELLED') OR num_nulls(organizer, permit_number, terms_url) = 0) NOT VALID;

ALTER TABLE raffle_schema.raffles DROP CONSTRAINT IF EXISTS raffles_terms_url_https_check;
ALTER TABLE raffle_schema.raffles ADD CONSTRAINT raffles_terms_url_https_check
    CHECK (terms_url LIKE 'https://%') NOT VALID;

ALTER TABLE raffle_schema.raffle_prizes DROP CONSTRAINT IF EXISTS raffle_prizes_image_url_https_check;
ALTER TABLE raffle_schema.raffle_prizes ADD CONSTRAINT raffle_prizes_image_url_https_check
    CHECK (image_url LIKE 'https://%') NOT VALID;

-- Time enough to publish the manifest and to collect evidence of the freeze before the randomness exists.
ALTER TABLE raffle_schema.raffle_draws DROP CONSTRAINT IF EXISTS raffle_draws_gap_check;
ALTER TABLE raffle_schema.raffle_draws ADD CONSTRAINT raffle_draws_gap_check
    CHECK (beacon_round_at >= frozen_at + interval '10 minutes') NOT VALID;

-- Nobody wins a prize that can hardly be claimed.
ALTER TABLE raffle_schema.raffle_winners DROP CONSTRAINT IF EXISTS raffle_winners_claim_time_check;
ALTER TABLE raffle_schema.raffle_winners ADD CONSTRAINT raffle_winners_claim_time_check
    CHECK (claim_deadline >= created_at + interval '1 day') NOT VALID;

-- The reading role loses personal data; it keeps the public ids that count users.
REVOKE SELECT ON raffle_schema.raffles, raffle_schema.raffle_audit_log, raffle_schema.raffle_winners FROM raffle_ro;
GRANT SELECT (id, raffle_code, name, description, raffle_type, selection_algorithm, status, opens_at, closes_at,
              draw_at, time_zone, max_tickets_per_user, allows_multiple_wins, alternate_count, claim_days, organizer,
              permit_number, terms_version, terms_sha256, terms_url, opened_at, closed_at, drawing_at, completed_at,
              cancelled_at, cancellation_reason, min_age, min_tickets_per_user, excludes_employees,
              requires_active_account, takes_choices, free_entries_per_day, opens_by_itself, withdrawn_at, created_at,
              updated_at)
      ON raffle_schema.raffles TO raffle_ro;
GRANT SELECT (id, event_type, raffle_code, subject, old_values, new_values, correlation_id, created_at)
      ON raffle_schema.raffle_audit_log TO raffle_ro;
GRANT SELECT (id, public_id, raffle_id, draw_id, draw_position, ticket_id, user_id, allows_multiple_wins, prize_id,
              unit_number, status, claim_deadline, notified_at, claimed_at, delivered_at, forfeited_at, disqualified_at,
              created_at, updated_at)
      ON raffle_schema.raffle_winners TO raffle_ro;
