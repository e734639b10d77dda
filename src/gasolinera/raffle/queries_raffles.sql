-- Raffles: made, changed, opened, closed, cancelled, and looked at. A change gives the facts that its event tells.

-- name: create_raffle
-- A draft.
INSERT INTO raffle_schema.raffles (
    raffle_code, name, description, raffle_type, selection_algorithm, opens_at, closes_at, draw_at, time_zone,
    max_tickets_per_user, min_tickets_per_user, allows_multiple_wins, alternate_count, claim_days, organizer,
    permit_number, terms_url, min_age, excludes_employees, requires_active_account, takes_choices,
    free_entries_per_day, opens_by_itself, source_weights)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24);

-- name: change_raffle
-- What the document names is set, if nobody changed the raffle since the version ($2, microseconds) was read. What is
-- published of an open raffle the guard keeps.
UPDATE raffle_schema.raffles AS g
   SET (name, description, raffle_type, selection_algorithm, opens_at, closes_at, draw_at, time_zone,
        max_tickets_per_user, min_tickets_per_user, allows_multiple_wins, alternate_count, claim_days, organizer,
        permit_number, terms_url, min_age, excludes_employees, requires_active_account, takes_choices,
        free_entries_per_day, opens_by_itself, source_weights)
       = (SELECT r.name, r.description, r.raffle_type, r.selection_algorithm, r.opens_at, r.closes_at, r.draw_at,
                 r.time_zone, r.max_tickets_per_user, r.min_tickets_per_user, r.allows_multiple_wins,
                 r.alternate_count, r.claim_days, r.organizer, r.permit_number, r.terms_url, r.min_age,
                 r.excludes_employees, r.requires_active_account, r.takes_choices, r.free_entries_per_day,
                 r.opens_by_itself, r.source_weights
            FROM jsonb_populate_record(g, $3::jsonb) AS r)
 WHERE g.raffle_code = $1 AND g.status IN ('DRAFT', 'OPEN')
   AND (extract(epoch FROM g.updated_at) * 1000000)::bigint = $2
RETURNING true;

-- name: delete_draft
-- Only a draft goes, with its prizes, terms and exclusions.
WITH doomed AS MATERIALIZED (
    SELECT r.id FROM raffle_schema.raffles AS r WHERE r.raffle_code = $1 AND r.status = 'DRAFT' FOR UPDATE
), prizes AS (
    DELETE FROM raffle_schema.raffle_prizes AS p USING doomed AS d WHERE p.raffle_id = d.id RETURNING p.id
)
SELECT d.id, (SELECT count(*) FROM prizes) AS prizes FROM doomed AS d;

-- name: delete_emptied_draft
-- After its prizes are gone: they refer to it.
DELETE FROM raffle_schema.raffles AS r WHERE r.id = $1;

-- name: change_status
-- From one of the states $3 to $2; the guard knows what each step needs.
UPDATE raffle_schema.raffles AS r
   SET status = $2, cancellation_reason = $4
 WHERE r.raffle_code = $1 AND r.status = ANY ($3::text[])
RETURNING r.raffle_code AS code, r.status, r.opens_at, r.closes_at, r.takes_choices, r.free_entries_per_day, r.time_zone;

-- name: status_facts
-- Why a step found nothing to do.
SELECT r.status, EXISTS (SELECT FROM raffle_schema.raffle_prizes AS p WHERE p.raffle_id = r.id) AS has_prize,
       num_nulls(r.opens_at, r.closes_at, r.draw_at) = 0 AS has_dates, r.terms_sha256 IS NOT NULL AS has_terms,
       coalesce(r.closes_at <= now(), false) AS is_over
  FROM raffle_schema.raffles AS r
 WHERE r.raffle_code = $1
   FOR NO KEY UPDATE;

-- name: due_to_open
-- Drafts that open by themselves soon ($2 seconds) and have a prize, dates and terms; others wait for somebody.
SELECT d.raffle_code
  FROM raffle_schema.raffles AS d
 WHERE d.status = 'DRAFT' AND d.opens_by_itself AND d.opens_at <= now() + make_interval(secs => $2)
   AND d.closes_at > now() AND num_nulls(d.draw_at, d.terms_version, d.terms_sha256) = 0
   AND EXISTS (SELECT FROM raffle_schema.raffle_prizes AS p WHERE p.raffle_id = d.id)
 ORDER BY d.opens_at, d.id
 LIMIT $1;

-- name: close_due
-- Raffles that are over since $2 seconds, once no message about tickets is waiting here, or given up and not replayed,
-- that is from before their end. $3: this one alone. Who enters tickets holds the row shared until his commit.
UPDATE raffle_schema.raffles AS r
   SET status = 'CLOSED'
 WHERE r.id IN (
        SELECT d.id FROM raffle_schema.raffles AS d
         WHERE d.status = 'OPEN' AND d.closes_at <= now() - make_interval(secs => $2)
           AND ($3::text IS NULL OR d.raffle_code = $3)
         ORDER BY d.closes_at LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED)
   AND NOT EXISTS (
            SELECT FROM raffle_schema.inbox_events AS i
             WHERE i.settled_at IS NULL AND i.event_type IN ('tickets.issued', 'tickets.revoked')
               AND (i.event ->> 'time')::timestamptz < r.closes_at)
   AND NOT EXISTS (
            SELECT FROM raffle_schema.dead_letters AS l
             WHERE l.replayed_at IS NULL AND l.event_type IN ('tickets.issued', 'tickets.revoked')
               AND (l.event ->> 'time')::timestamptz < r.closes_at)
RETURNING r.raffle_code AS code, r.status, r.opens_at, r.closes_at, r.takes_choices, r.free_entries_per_day, r.time_zone;

-- name: close_overdue
-- Raffles that are over since $2 seconds, whatever waits: and who holds one is waited for, or it might stay open as long
-- as tickets for it are on their way. $3: this one alone.
UPDATE raffle_schema.raffles AS r
   SET status = 'CLOSED'
 WHERE r.id IN (
        SELECT d.id FROM raffle_schema.raffles AS d
         WHERE d.status = 'OPEN' AND d.closes_at <= now() - make_interval(secs => $2)
           AND ($3::text IS NULL OR d.raffle_code = $3)
         ORDER BY d.closes_at, d.id LIMIT $1 FOR NO KEY UPDATE)
RETURNING r.raffle_code AS code, r.status, r.opens_at, r.closes_at, r.takes_choices, r.free_entries_per_day, r.time_zone;

-- name: withdraw_cancelled
-- Gives tickets of cancelled raffles back, at most $1.
SELECT raffle_schema.withdraw_cancelled($1) AS count;

-- name: forget_refused_tickets
-- Of more than a year ago, at most $1.
SELECT raffle_schema.forget_refused_tickets($1) AS count;

-- name: get_raffle
-- One raffle with everything; what it refused is summed for its staff alone ($2).
SELECT r.raffle_code, r.name, r.raffle_type, r.selection_algorithm, r.status, r.opens_at, r.closes_at, r.draw_at,
       r.time_zone, t.ticket_count AS tickets, t.participant_count AS participants, r.description,
       r.max_tickets_per_user, r.min_tickets_per_user, r.allows_multiple_wins, r.alternate_count, r.claim_days,
       r.organizer, r.permit_number, r.terms_version, encode(r.terms_sha256, 'hex') AS terms_sha256, r.terms_url,
       r.min_age, r.excludes_employees, r.takes_choices, r.free_entries_per_day, r.cancellation_reason,
       r.source_weights,
       coalesce((SELECT jsonb_agg(jsonb_build_object(
                            'rank', p.rank, 'name', p.name, 'description', p.description, 'prize_type', p.prize_type,
                            'prize_value', p.prize_value::text, 'currency', p.currency, 'quantity', p.quantity,
                            'quantity_remaining', p.quantity_remaining, 'delivery_method', p.delivery_method,
                            'image_url', p.image_url, 'sponsor', p.sponsor) ORDER BY p.rank)
                   FROM raffle_schema.raffle_prizes AS p WHERE p.raffle_id = r.id), '[]') AS prizes,
       r.requires_active_account, r.opens_by_itself, r.opened_at, r.closed_at, r.drawing_at, r.completed_at,
       r.cancelled_at,
       CASE WHEN $2 THEN
           coalesce((SELECT sum(cardinality(f.ticket_numbers)) FROM raffle_schema.refused_tickets AS f
                      WHERE f.raffle_code = r.raffle_code), 0) ELSE 0 END::bigint AS refused_tickets,
       (extract(epoch FROM r.updated_at) * 1000000)::bigint AS version
  FROM raffle_schema.raffles AS r
  JOIN raffle_schema.raffle_totals AS t ON t.raffle_id = r.id
 WHERE r.raffle_code = $1;

-- name: list_raffles
-- A page, the newest first, before a position ($1, $2; NULL for the first page); NULL filters match all.
SELECT p.created_at, p.id, p.raffle_code, p.name, p.raffle_type, p.selection_algorithm, p.status, p.opens_at,
       p.closes_at, p.draw_at, p.time_zone, c.tickets, c.participants
  FROM (SELECT r.* FROM raffle_schema.raffles AS r
         WHERE ($1::timestamptz IS NULL OR (r.created_at, r.id) < ($1, $2::bigint))
           AND ($3::text[] IS NULL OR r.status = ANY ($3))
           AND ($4::text IS NULL OR r.raffle_type = $4)
           AND ($5::text IS NULL OR strpos(lower(r.name), lower($5)) > 0 OR strpos(r.raffle_code, upper($5)) > 0)
           AND ($6 OR NOT (r.status = 'DRAFT' OR (r.status = 'CANCELLED' AND r.opened_at IS NULL)))
         ORDER BY r.created_at DESC, r.id DESC
         LIMIT $7) AS p
 CROSS JOIN LATERAL (
    SELECT coalesce(sum(s.ticket_count), 0)::bigint AS tickets,
           coalesce(sum(s.participant_count), 0)::bigint AS participants
      FROM raffle_schema.raffle_counters AS s WHERE s.raffle_id = p.id) AS c
 ORDER BY p.created_at DESC, p.id DESC;

-- name: put_terms
-- Writes a version down and makes it the raffle's, while it is a draft; the hash is the table's own.
WITH raffle AS MATERIALIZED (
    SELECT r.id FROM raffle_schema.raffles AS r WHERE r.raffle_code = $1 AND r.status = 'DRAFT' FOR NO KEY UPDATE
), written AS (
    INSERT INTO raffle_schema.raffle_terms (raffle_id, version, body)
    SELECT r.id, $2, convert_to($3, 'UTF8') FROM raffle AS r
    RETURNING raffle_id, version, sha256
)
UPDATE raffle_schema.raffles AS r
   SET terms_version = w.version, terms_sha256 = w.sha256
  FROM written AS w
 WHERE r.id = w.raffle_id
RETURNING encode(w.sha256, 'hex') AS sha256;

-- name: get_terms
-- The terms of a raffle: version $2, or those that it names. Published are those alone that it was opened with.
SELECT t.version, encode(t.sha256, 'hex') AS sha256, convert_from(t.body, 'UTF8') AS text,
       r.opened_at IS NULL OR t.version IS DISTINCT FROM r.terms_version AS is_draft
  FROM raffle_schema.raffles AS r
  JOIN raffle_schema.raffle_terms AS t ON t.raffle_id = r.id AND t.version = coalesce($2, r.terms_version)
 WHERE r.raffle_code = $1;

-- name: add_prize
-- The guard refuses it when the raffle is no draft.
INSERT INTO raffle_schema.raffle_prizes (
    raffle_id, rank, name, description, prize_type, prize_value, currency, quantity, delivery_method, image_url, sponsor)
SELECT r.id, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11
  FROM raffle_schema.raffles AS r
 WHERE r.raffle_code = $1 AND r.status = 'DRAFT'
RETURNING true;

-- name: put_prize
-- All of a prize anew, of a draft: the guard refuses others.
UPDATE raffle_schema.raffle_prizes AS p
   SET name = $3, description = $4, prize_type = $5, prize_value = $6, currency = $7, quantity = $8,
       delivery_method = $9, image_url = $10, sponsor = $11
  FROM raffle_schema.raffles AS r
 WHERE r.id = p.raffle_id AND r.raffle_code = $1 AND p.rank = $2
RETURNING true;

-- name: remove_prize
-- From a draft.
DELETE FROM raffle_schema.raffle_prizes AS p
 USING raffle_schema.raffles AS r
 WHERE r.id = p.raffle_id AND r.raffle_code = $1 AND p.rank = $2 AND r.status = 'DRAFT'
RETURNING true;

-- name: audit
-- What happened to a raffle, the latest first, before a position ($2, $3; NULL for the first page);
-- of kind $5 and about subject $6 alone where they are named.
SELECT a.id, a.event_type, a.subject, a.old_values, a.new_values, a.actor, a.correlation_id,
       host(a.ip_address) AS ip_address, a.user_agent, a.created_at
  FROM raffle_schema.raffle_audit_log AS a
 WHERE a.raffle_code = $1
   AND ($2::timestamptz IS NULL OR (a.created_at, a.id) < ($2, $3::bigint))
   AND ($5::text IS NULL OR a.event_type = $5)
   AND ($6::text IS NULL OR a.subject = $6)
 ORDER BY a.created_at DESC, a.id DESC
 LIMIT $4;

-- name: audit_up
-- The same, the first first, after a position.
SELECT a.id, a.event_type, a.subject, a.old_values, a.new_values, a.actor, a.correlation_id,
       host(a.ip_address) AS ip_address, a.user_agent, a.created_at
  FROM raffle_schema.raffle_audit_log AS a
 WHERE a.raffle_code = $1
   AND ($2::timestamptz IS NULL OR (a.created_at, a.id) > ($2, $3::bigint))
   AND ($5::text IS NULL OR a.event_type = $5)
   AND ($6::text IS NULL OR a.subject = $6)
 ORDER BY a.created_at, a.id
 LIMIT $4;

