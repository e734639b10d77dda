-- What the back office asks about partners and their webhooks, all of them at once.

-- name: list_partners_matching
-- By code, of those whose code or name holds what was typed; partners are few.
SELECT p.partner_code, p.name, p.contact_email, p.is_active, p.created_at,
       (SELECT count(*) FROM auth_schema.api_keys AS k
         WHERE k.partner_id = p.id AND k.revoked_at IS NULL AND k.expires_at > now()) AS live_keys,
       (SELECT count(*) FROM auth_schema.webhook_endpoints AS e WHERE e.partner_id = p.id AND e.is_active) AS webhooks
  FROM auth_schema.partners AS p
 WHERE p.partner_code > $1 AND ($2::boolean IS NULL OR p.is_active = $2)
   AND ($3::text = '' OR position(lower($3) IN lower(p.partner_code || ' ' || p.name)) > 0)
 ORDER BY p.partner_code
 LIMIT $4;

-- name: list_partners_matching_backwards
-- The same from the end.
SELECT p.partner_code, p.name, p.contact_email, p.is_active, p.created_at,
       (SELECT count(*) FROM auth_schema.api_keys AS k
         WHERE k.partner_id = p.id AND k.revoked_at IS NULL AND k.expires_at > now()) AS live_keys,
       (SELECT count(*) FROM auth_schema.webhook_endpoints AS e WHERE e.partner_id = p.id AND e.is_active) AS webhooks
  FROM auth_schema.partners AS p
 WHERE ($1::text = '' OR p.partner_code < $1) AND ($2::boolean IS NULL OR p.is_active = $2)
   AND ($3::text = '' OR position(lower($3) IN lower(p.partner_code || ' ' || p.name)) > 0)
 ORDER BY p.partner_code DESC
 LIMIT $4;

-- name: list_all_endpoints
-- The oldest first, of those whose partner or address holds what was typed. $3: active, failing, disabled, or all.
SELECT e.id, p.partner_code, p.name AS partner_name, e.endpoint_id, e.url, e.description, e.event_types, e.station_code,
       e.is_active, e.disabled_reason, e.failing_since, e.last_success_at, e.created_at,
       (SELECT count(*) FROM auth_schema.webhook_deliveries AS w
         WHERE w.endpoint_id = e.id AND w.status = 'PENDING') AS waiting
  FROM auth_schema.webhook_endpoints AS e
  JOIN auth_schema.partners AS p ON p.id = e.partner_id
 WHERE e.id > $1
   AND ($2::text = '' OR position(lower($2) IN lower(p.partner_code || ' ' || p.name || ' ' || e.url)) > 0)
   AND CASE $3::text WHEN 'active' THEN e.is_active AND e.failing_since IS NULL
                     WHEN 'failing' THEN e.is_active AND e.failing_since IS NOT NULL
                     WHEN 'disabled' THEN NOT e.is_active ELSE true END
 ORDER BY e.id
 LIMIT $4;

-- name: list_all_endpoints_newest
-- The same, the newest first.
SELECT e.id, p.partner_code, p.name AS partner_name, e.endpoint_id, e.url, e.description, e.event_types, e.station_code,
       e.is_active, e.disabled_reason, e.failing_since, e.last_success_at, e.created_at,
       (SELECT count(*) FROM auth_schema.webhook_deliveries AS w
         WHERE w.endpoint_id = e.id AND w.status = 'PENDING') AS waiting
  FROM auth_schema.webhook_endpoints AS e
  JOIN auth_schema.partners AS p ON p.id = e.partner_id
 WHERE e.id < $1
   AND ($2::text = '' OR position(lower($2) IN lower(p.partner_code || ' ' || p.name || ' ' || e.url)) > 0)
   AND CASE $3::text WHEN 'active' THEN e.is_active AND e.failing_since IS NULL
                     WHEN 'failing' THEN e.is_active AND e.failing_since IS NOT NULL
                     WHEN 'disabled' THEN NOT e.is_active ELSE true END
 ORDER BY e.id DESC
 LIMIT $4;

-- name: list_all_endpoints_by_partner
-- The same by the partner's code, each partner's oldest first.
SELECT e.id, p.partner_code, p.name AS partner_name, e.endpoint_id, e.url, e.description, e.event_types, e.station_code,
       e.is_active, e.disabled_reason, e.failing_since, e.last_success_at, e.created_at,
       (SELECT count(*) FROM auth_schema.webhook_deliveries AS w
         WHERE w.endpoint_id = e.id AND w.status = 'PENDING') AS waiting
  FROM auth_schema.webhook_endpoints AS e
  JOIN auth_schema.partners AS p ON p.id = e.partner_id
 WHERE (p.partner_code, e.id) > ($5::text, $1)
   AND ($2::text = '' OR position(lower($2) IN lower(p.partner_code || ' ' || p.name || ' ' || e.url)) > 0)
   AND CASE $3::text WHEN 'active' THEN e.is_active AND e.failing_since IS NULL
                     WHEN 'failing' THEN e.is_active AND e.failing_since IS NOT NULL
                     WHEN 'disabled' THEN NOT e.is_active ELSE true END
 ORDER BY p.partner_code, e.id
 LIMIT $4;

-- name: list_all_endpoints_by_partner_backwards
-- The same from the end.
SELECT e.id, p.partner_code, p.name AS partner_name, e.endpoint_id, e.url, e.description, e.event_types, e.station_code,
       e.is_active, e.disabled_reason, e.failing_since, e.last_success_at, e.created_at,
       (SELECT count(*) FROM auth_schema.webhook_deliveries AS w
         WHERE w.endpoint_id = e.id AND w.status = 'PENDING') AS waiting
  FROM auth_schema.webhook_endpoints AS e
  JOIN auth_schema.partners AS p ON p.id = e.partner_id
 WHERE ($5::text = '' OR (p.partner_code, e.id) < ($5::text, $1))
   AND ($2::text = '' OR position(lower($2) IN lower(p.partner_code || ' ' || p.name || ' ' || e.url)) > 0)
   AND CASE $3::text WHEN 'active' THEN e.is_active AND e.failing_since IS NULL
                     WHEN 'failing' THEN e.is_active AND e.failing_since IS NOT NULL
                     WHEN 'disabled' THEN NOT e.is_active ELSE true END
 ORDER BY p.partner_code DESC, e.id DESC
 LIMIT $4;
