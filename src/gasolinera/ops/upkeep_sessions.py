"""The sessions of cleaning and maintenance: as the owner of one service's schema, or of `ops_schema`."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg

from gasolinera.config import SERVICES
from gasolinera.errors import ConfigError, ConflictError, InputError, UnavailableError
from gasolinera.ops import jobs_schema
from gasolinera.ops.operations_schema import ROLE
from gasolinera.ops.reaching import Operations, ops_session, owner_session

Connection = psycopg.Connection[Any]

PLACES: Final = (*SERVICES, ROLE)
_CLOCKS_APART: Final = timedelta(minutes=5)


def chosen_places(services: Sequence[str]) -> list[str]:
    """All, where none is named. Raises InputError `ops.no_service`."""
    unknown = sorted(set(services) - set(PLACES))
    if unknown:
        message = f"there is no service {', '.join(unknown)}"
        raise InputError("ops.no_service", message, f"services: {', '.join(PLACES)}")
    return [name for name in PLACES if not services or name in services]


@contextmanager
def upkeep_session(operations: Operations, service: str, what: str) -> Generator[tuple[Connection, str]]:
    """The session, in autocommit, and the schema's name. `what` is said to the server.

    Raises UnavailableError `ops.unreachable`, `ops.locked`, `ops.timeout` and `ops.disk_full`, ConfigError
    `ops.not_owner`.
    """
    name = f"gasolinera-ops {what}"
    try:
        if service == ROLE:
            with ops_session(operations.ops_url, application_name=name) as conn:
                yield conn, jobs_schema.SCHEMA
        else:
            reached = operations.service(service)
            with owner_session(reached, application_name=name) as conn:
                yield conn, reached.schema
    except psycopg.errors.InsufficientPrivilege as error:
        message = f"the login for {service} may not act as the owner of its schema: {error.diag.message_primary}"
        raise ConfigError("ops.not_owner", message, "use the address that its migrations use") from error
    except psycopg.errors.DiskFull as error:
        hint = "make room: what was done before stays done, and the next run goes on"
        raise UnavailableError("ops.disk_full", f"the server of {service} has no room left", hint) from error
    except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
        hint = "run it again; `gasolinera ops locks` shows who"
        raise UnavailableError("ops.locked", f"somebody keeps a table of {service} locked", hint) from error
    except psycopg.errors.QueryCanceled as error:
        message = f"a question to the database of {service} took too long, or somebody cancelled it"
        raise UnavailableError("ops.timeout", message, "run it again when less is going on") from error
    except psycopg.OperationalError as error:
        hint = "see that the server runs; the next run goes on where this one ended"
        raise UnavailableError("ops.unreachable", f"the database of {service} cannot be reached", hint) from error


def agreed_moment(conn: Connection, service: str) -> datetime:
    """The server's clock. One that is wrong would make everything look old, so two have to agree.

    Raises ConflictError `ops.clock` and, on a server that only reads, `ops.standby`.
    """
    row = conn.execute("SELECT clock_timestamp(), pg_is_in_recovery()").fetchone()
    assert row is not None
    now, is_standby = row
    if is_standby:
        raise ConflictError("ops.standby", f"the database of {service} is a standby", "name the primary's address")
    if abs(now - datetime.now(UTC)) > _CLOCKS_APART:
        message = f"the server of {service} says that it is {now:%Y-%m-%d %H:%M} UTC, and this machine does not"
        raise ConflictError("ops.clock", message, "set the clock that is wrong: by it rows are judged to be old")
    return now
