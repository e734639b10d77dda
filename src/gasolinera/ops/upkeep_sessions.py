"""The sessions of cleaning and maintenance: as the owner of one service's schema, or of `ops_schema`."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import psycopg

from gasolinera.config import SERVICES
from gasolinera.errors import ConfigError, InputError, UnavailableError
from gasolinera.ops import jobs_schema
from gasolinera.ops.operations_schema import ROLE
from gasolinera.ops.reaching import Operations, ops_session, owner_session

Connection = psycopg.Connection[Any]

PLACES: Final = (*SERVICES, ROLE)


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

    Raises UnavailableError `ops.unreachable` and `ops.disk_full`, ConfigError `ops.not_owner`.
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
    except psycopg.OperationalError as error:
        hint = "see that the server runs; the next run goes on where this one ended"
        raise UnavailableError("ops.unreachable", f"the database of {service} cannot be reached", hint) from error
