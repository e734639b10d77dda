"""The statements of `event_queries.sql` for one service's schema, and what all who use them share."""

from collections.abc import Mapping

import asyncpg

from gasolinera.database import load_sql
from gasolinera.errors import UnavailableError, unavailable

_SQL = load_sql("gasolinera", "event_queries.sql")
_MAX_REASON = 4000
RELAY = "relay"  # stands for a consumer in dead letters that no transport could carry

# What the row of an event cannot hold: it will not fit the next time either.
UNFIT = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, asyncpg.ProgramLimitExceededError)


def statements_of(schema: str) -> Mapping[str, str]:
    """By name. The schema is a constant of the service."""
    return {name: sql.replace("service_schema.", f"{schema}.") for name, sql in _SQL.items()}


def is_passing(error: Exception) -> bool:
    """No fault of the event: it ends without anybody's doing, so it is waited for, however long it takes."""
    if isinstance(error, UnavailableError | asyncpg.DeadlockDetectedError | asyncpg.SerializationError):
        return True
    return unavailable(error) is not None


def reason(error: BaseException) -> str:
    """The error's class, code and constraint, never its message: values of rows stand there, personal data too."""
    parts = (type(error).__name__, getattr(error, "code", None), getattr(error, "constraint_name", None))
    return " ".join(str(part) for part in parts if part)[:_MAX_REASON]
