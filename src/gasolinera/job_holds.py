"""Jobs that rest: what a legal hold keeps, no job may delete. Holds are retention rules' of `ops_schema`."""

from typing import Final

from procrastinate import App

# The queue's tables may be there without those of operations.
_IS_THERE: Final = "SELECT to_regclass('ops_schema.retention_rules') IS NOT NULL AS is_there"
_HELD: Final = """
SELECT string_agg(r.name, ', ' ORDER BY r.name) AS rules
  FROM ops_schema.retention_rules AS r
 WHERE r.job = %(job)s AND r.held_since IS NOT NULL
"""


async def held_rules(app: App, job: str) -> str | None:
    """The rules on hold that a job would follow, by name; None: it may run."""
    there = await app.connector.execute_query_one_async(_IS_THERE)
    if not there["is_there"]:
        return None
    found = await app.connector.execute_query_one_async(_HELD, job=job)
    return found["rules"]
