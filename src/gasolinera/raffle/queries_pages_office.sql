-- What the back office's pages show of raffles, beside what everybody can ask.

-- name: list_for_office
-- A page in the order of a key ($4) made into text, after a position ($6, $7; NULL for the first page); NULL filters
-- match all. Raffles are few: the whole list is sorted.
SELECT s.id, s.sort_key, s.raffle_code, s.name, s.raffle_type, s.selection_algorithm, s.status, s.opens_at, s.closes_at,
       s.draw_at, s.time_zone, c.tickets, c.participants
  FROM (SELECT r.id, r.raffle_code, r.name, r.raffle_type, r.selection_algorithm, r.status, r.opens_at, r.closes_at,
               r.draw_at, r.time_zone,
               (CASE $4::text
                    WHEN 'code' THEN r.raffle_code
                    WHEN 'name' THEN lower(r.name)
                    WHEN 'status' THEN r.status
                    WHEN 'closes' THEN coalesce(to_char(r.closes_at AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISSUS'), '')
                    WHEN 'draw' THEN coalesce(to_char(r.draw_at AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISSUS'), '')
                    ELSE to_char(r.created_at AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISSUS')
                END) COLLATE "C" AS sort_key
          FROM raffle_schema.raffles AS r
         WHERE ($1::text[] IS NULL OR r.status = ANY ($1))
           AND ($2::text IS NULL OR r.raffle_type = $2)
           AND ($3::text IS NULL OR strpos(lower(r.name), lower($3)) > 0 OR strpos(r.raffle_code, upper($3)) > 0)) AS s
 CROSS JOIN LATERAL (
    SELECT coalesce(sum(n.ticket_count), 0)::bigint AS tickets,
           coalesce(sum(n.participant_count), 0)::bigint AS participants
      FROM raffle_schema.raffle_counters AS n WHERE n.raffle_id = s.id) AS c
 WHERE $6::text IS NULL
    OR CASE WHEN $5::boolean THEN (s.sort_key, s.id) < ($6, $7::bigint)
            ELSE (s.sort_key, s.id) > ($6, $7::bigint) END
 ORDER BY CASE WHEN $5 THEN s.sort_key END DESC, CASE WHEN NOT $5 THEN s.sort_key END,
          CASE WHEN $5 THEN s.id END DESC, s.id
 LIMIT $8;

-- name: office_facts
-- What a raffle's checklist counts besides the raffle itself.
SELECT (SELECT count(*) FROM raffle_schema.excluded_persons AS x WHERE x.raffle_id = r.id) AS kept_out_here,
       (SELECT count(*) FROM raffle_schema.excluded_persons AS x WHERE x.raffle_id IS NULL) AS kept_out_everywhere,
       (SELECT count(*) FROM raffle_schema.draw_witnesses AS w WHERE w.retired_at IS NULL) AS witnesses,
       coalesce((SELECT jsonb_object_agg(n.status, n.many)
                   FROM (SELECT w.status, count(*) AS many FROM raffle_schema.raffle_winners AS w
                          WHERE w.raffle_id = r.id GROUP BY w.status) AS n), '{}') AS winners,
       coalesce((SELECT jsonb_agg(t.version ORDER BY t.created_at) FROM raffle_schema.raffle_terms AS t
                  WHERE t.raffle_id = r.id), '[]') AS terms_versions,
       now() AS now
  FROM raffle_schema.raffles AS r
 WHERE r.raffle_code = $1;
