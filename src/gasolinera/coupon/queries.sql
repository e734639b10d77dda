-- name: ensure_partitions
-- This month's partitions of the logs and those ahead; run at each start.
SELECT coupon_schema.ensure_all_month_partitions();
