"""Jobs that rest: what a legal hold keeps, no job may delete. Holds of `ops_schema` are of rules or of whole tables."""

from typing import Final

from procrastinate import App

# The queue's tables may be there without those of operations.
_IS_THERE: Final = "SELECT to_regclass('ops_schema.retention_rules') IS NOT NULL AS is_there"
# A table on hold holds every rule about it.
_HELD: Final = r"""
WITH held AS (
    SELECT p.service, replace(replace(p.table_pattern, '_', '\_'), '*', '%%') AS tables
      FROM ops_schema.partition_rules AS p
     WHERE p.legal_hold IS NOT NULL
), found AS (
    SELECT r.name
      FROM ops_schema.retention_rules AS r
     WHERE r.job = %(job)s
       AND (r.held_since IS NOT NULL
            OR EXISTS (SELECT FROM held AS h WHERE h.service IN (r.service, '*') AND r.table_name LIKE h.tables))
     UNION
    SELECT %(table)s::text
      FROM held AS h
     WHERE h.service IN (split_part(%(job)s, '.', 1), '*') AND %(table)s::text LIKE h.tables
)
SELECT string_agg(f.name, ', ' ORDER BY f.name) AS rules FROM found AS f
"""
# Jobs that drop months of a table, of which no retention rule tells.
_DROPPED_BY: Final = {"ads.drop_view_events": "ad_engagement_events"}


async def held_rules(app: App, job: str) -> str | None:
    """The rules and tables on hold that a job would follow, by name; None: it may run."""
    there = await app.connector.execute_query_one_async(_IS_THERE)
    if not there["is_there"]:
        return None
    found = await app.connector.execute_query_one_async(_HELD, job=job, table=_DROPPED_BY.get(job))
    return found["rules"]
