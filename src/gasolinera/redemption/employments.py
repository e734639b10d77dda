"""What `employee.changed` does here: who may process transactions at which station, from the next statement on."""

from typing import Final

import msgspec

from gasolinera.database import Connection
from gasolinera.events import Consumer, Event
from gasolinera.redemption import queries


async def take_employee_changed(conn: Connection, event: Event) -> None:
    """The newest word wins, whatever the order in which they come.

    Raises msgspec.ValidationError for an event that is not what the catalogue says.
    """
    await queries.put_employment(conn, msgspec.convert(event.data, queries.Employment), event.time)


CONSUMERS: Final = (Consumer("redemption", frozenset({"employee.changed"}), take_employee_changed),)
