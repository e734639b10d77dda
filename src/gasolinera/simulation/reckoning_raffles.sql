-- What the tables hold of a day's advertisements and of its raffle, as `reckoning.sql` does.

-- name: views
-- Of the users $1: views by how they ended.
SELECT count(*) AS views_started,
       count(*) FILTER (WHERE v.status = 'COMPLETED') AS views_completed,
       count(*) FILTER (WHERE v.status = 'COMPLETED' AND v.unbilled_reason IS NOT NULL) AS views_unbilled,
       count(*) FILTER (WHERE v.status = 'REJECTED') AS views_rejected,
       count(*) FILTER (WHERE v.status = 'ABANDONED') AS views_abandoned
  FROM ad_schema.ad_engagements AS v
 WHERE v.user_id = ANY ($1::uuid[]);

-- name: ad_budgets
-- Of the campaigns $1, in this order: small, plenty: money, the shares summed; and budgets that their views do not add
-- up to, or that were overrun.
WITH share AS (
    SELECT g.campaign_code, g.total_budget, coalesce(sum(s.spent), 0) AS spent
      FROM ad_schema.ad_campaigns AS g
      LEFT JOIN ad_schema.ad_campaign_budget_shards AS s ON s.campaign_id = g.id AND s.budget_date IS NULL
     WHERE g.campaign_code = ANY ($1::text[])
     GROUP BY g.id
), view AS (
    SELECT g.campaign_code, coalesce(sum(v.cost) FILTER (WHERE v.budget_shard IS NOT NULL), 0) AS cost
      FROM ad_schema.ad_campaigns AS g
      LEFT JOIN ad_schema.advertisements AS a ON a.campaign_id = g.id
      LEFT JOIN ad_schema.ad_engagements AS v ON v.advertisement_id = a.id AND v.status = 'COMPLETED'
     WHERE g.campaign_code = ANY ($1::text[])
     GROUP BY g.id
)
SELECT max(s.spent) FILTER (WHERE s.campaign_code = ($1::text[])[1]) AS small_ads_spent,
       max(s.spent) FILTER (WHERE s.campaign_code = ($1::text[])[2]) AS plenty_ads_spent,
       count(*) FILTER (WHERE s.spent IS DISTINCT FROM v.cost OR s.spent > s.total_budget) AS ad_budgets_miscounted
  FROM share AS s
  LEFT JOIN view AS v USING (campaign_code);

-- name: bonuses
-- Of the users $1: tickets that views made, and views that made others than they earned.
SELECT (SELECT count(*) FROM redemption_schema.raffle_tickets AS t
         WHERE t.user_id = ANY ($1::uuid[]) AND t.source = 'AD_ENGAGEMENT') AS bonus_tickets,
       (SELECT count(*) FROM redemption_schema.raffle_tickets AS t
         WHERE t.user_id = ANY ($1::uuid[]) AND t.source = 'AD_ENGAGEMENT'
           AND t.status = 'CANCELLED') AS bonus_tickets_taken_back,
       (SELECT count(*)
          FROM (SELECT v.public_id::text AS view_id, v.bonus_tickets
                  FROM ad_schema.ad_engagements AS v
                 WHERE v.user_id = ANY ($1::uuid[]) AND v.bonus_tickets > 0) AS v
          FULL JOIN (SELECT t.source_reference, t.ticket_count
                       FROM redemption_schema.ticket_issuances AS t
                      WHERE t.user_id = ANY ($1::uuid[]) AND t.source = 'AD_ENGAGEMENT') AS i
            ON i.source_reference = v.view_id
         WHERE i.ticket_count IS DISTINCT FROM v.bonus_tickets) AS bonuses_that_differ;

-- name: raffle
-- Of the raffle $1: what is in it, ticket by ticket, and where its own counters, or the redemption service, say
-- something else.
WITH ticket AS (
    SELECT t.ticket_number, t.entry_id, t.user_id
      FROM raffle_schema.raffle_tickets AS t
      JOIN raffle_schema.raffles AS r ON r.id = t.raffle_id
     WHERE r.raffle_code = $1 AND t.status = 'ACTIVE'
), sent AS (
    SELECT t.ticket_number, t.user_id, t.status
      FROM redemption_schema.raffle_tickets AS t WHERE t.raffle_code = $1
)
SELECT (SELECT count(DISTINCT t.entry_id) FROM ticket AS t) AS raffle_entries,
       (SELECT count(*) FROM ticket AS t) AS raffle_tickets,
       (SELECT count(DISTINCT t.user_id) FROM ticket AS t) AS raffle_participants,
       (SELECT count(*) FROM sent AS s
         WHERE s.status = 'CANCELLED'
           AND (EXISTS (SELECT FROM raffle_schema.raffle_tickets AS t
                         WHERE t.ticket_number = s.ticket_number AND t.status = 'CANCELLED')
                OR EXISTS (SELECT FROM raffle_schema.revoked_tickets AS v
                            WHERE v.ticket_number = s.ticket_number))) AS raffle_tickets_withdrawn,
       (SELECT coalesce(sum(cardinality(f.ticket_numbers)), 0)::bigint FROM raffle_schema.refused_tickets AS f
         WHERE f.raffle_code = $1) AS raffle_tickets_refused,
       (SELECT count(*)
          FROM raffle_schema.raffle_entries AS e
          JOIN raffle_schema.raffles AS r ON r.id = e.raffle_id
         WHERE r.raffle_code = $1
           AND e.ticket_count <> (SELECT count(*) FROM ticket AS t WHERE t.entry_id = e.id))
       + (SELECT count(*)
            FROM raffle_schema.raffle_totals AS o
            JOIN raffle_schema.raffles AS r ON r.id = o.raffle_id
           WHERE r.raffle_code = $1
             AND (o.ticket_count, o.participant_count) IS DISTINCT FROM
                 ((SELECT count(*) FROM ticket AS t), (SELECT count(DISTINCT t.user_id) FROM ticket AS t)))
           AS raffle_miscounted,
       (SELECT count(*)
          FROM ticket AS t
          FULL JOIN (SELECT s.* FROM sent AS s WHERE s.status IN ('ENTERED', 'USED')) AS s USING (ticket_number)
         WHERE t.user_id IS DISTINCT FROM s.user_id) AS raffle_tickets_that_differ;

-- name: draw
-- Of the raffle $1: the positions of its draw by what became of them, and what says when it was frozen ($2: quorum).
SELECT count(*) AS positions_drawn,
       count(DISTINCT (w.prize_id, w.unit_number)) FILTER (
           WHERE w.status IN ('SELECTED', 'NOTIFIED', 'CLAIMED', 'DELIVERED')) AS prizes_awarded,
       count(w.notified_at) AS winners_notified,
       count(w.claimed_at) AS prizes_claimed,
       count(*) FILTER (WHERE w.status = 'DELIVERED') AS prizes_delivered,
       count(*) FILTER (WHERE w.status = 'FORFEITED') AS prizes_forfeited,
       count(*) FILTER (WHERE w.status = 'ALTERNATE') AS alternates_left,
       (SELECT (EXISTS (SELECT FROM raffle_schema.draw_timestamps AS s WHERE s.draw_id = d.id))::integer
               + ((SELECT count(*) FROM raffle_schema.draw_witness_signatures AS s
                    WHERE s.draw_id = d.id) >= $2::integer)::integer
          FROM raffle_schema.raffle_draws AS d
          JOIN raffle_schema.raffles AS r ON r.id = d.raffle_id
         WHERE r.raffle_code = $1 AND d.status = 'DRAWN') AS freezes_evidenced
  FROM raffle_schema.raffle_winners AS w
  JOIN raffle_schema.raffles AS r ON r.id = w.raffle_id
 WHERE r.raffle_code = $1;

-- name: told_of_raffles
-- Of the users $1 and the raffle $2: what the ad engine's and the raffle service's outboxes tell.
SELECT (SELECT count(*) FROM ad_schema.outbox_events AS e
         WHERE e.event_type = 'ad.view.completed'
           AND e.payload ->> 'user_id' = ANY (SELECT u::text FROM unnest($1::uuid[]) AS u)) AS told_view_completed,
       (SELECT count(*) FROM raffle_schema.outbox_events AS e
         WHERE e.event_type = 'raffle.winner.selected' AND e.payload ->> 'raffle_code' = $2) AS told_winner_selected;
