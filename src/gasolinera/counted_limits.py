"""Limits that protect codes and money: counted in the database, so by all processes together, and never forgotten."""

import hashlib
from collections.abc import Sequence

import msgspec

from gasolinera.database import Connection, fetch_all
from gasolinera.limits import too_many


class CountedLimit(msgspec.Struct, frozen=True):
    """At most `quota` in each window of `window_s` seconds for one subject: a phone number, an address, a user."""

    name: str
    subject: str
    quota: int
    window_s: int


class _Taken(msgspec.Struct, frozen=True):
    is_taken: bool
    reset_s: int


class CountedLimits:
    """The `rate_limits` table of one schema."""

    def __init__(self, schema: str) -> None:
        # In one order for everybody, so that two requests cannot wait for each other.
        self._take = f"""
WITH asked AS MATERIALIZED (
    SELECT name, subject, window_s, quota, to_timestamp(floor(extract(epoch FROM now()) / window_s) * window_s) AS start
      FROM unnest($1::text[], $2::bytea[], $3::integer[], $4::integer[]) AS a (name, subject, window_s, quota)
), taken AS (
    INSERT INTO {schema}.rate_limits AS r (limit_name, subject, window_s, window_start, request_count, max_requests)
    SELECT name, subject, window_s, start, 1, quota FROM asked ORDER BY name, subject, window_s, start
    ON CONFLICT (limit_name, subject, window_s, window_start) DO UPDATE
       SET request_count = r.request_count + 1 WHERE r.request_count < r.max_requests
    RETURNING limit_name, subject, window_s
)
SELECT t.limit_name IS NOT NULL AS is_taken,
       ceil(extract(epoch FROM a.start + make_interval(secs => a.window_s) - now()))::integer AS reset_s
  FROM asked AS a
  LEFT JOIN taken AS t ON (t.limit_name, t.subject, t.window_s) = (a.name, a.subject, a.window_s)"""  # noqa: S608  the schema is a constant of the service

    async def take(self, conn: Connection, limits: Sequence[CountedLimit]) -> None:
        """Count one for all of these, in one statement. Raises TooManyError `rate.limited`; let it roll back, so that
        the others are not spent either. Locks the counters until the transaction ends: keep it short.
        """
        answers = await fetch_all(
            conn,
            _Taken,
            self._take,
            [limit.name for limit in limits],
            [hashlib.sha256(limit.subject.encode()).digest() for limit in limits],
            [limit.window_s for limit in limits],
            [limit.quota for limit in limits],
        )
        refused = [answer.reset_s for answer in answers if not answer.is_taken]
        if refused:
            raise too_many(max(1, *refused))
