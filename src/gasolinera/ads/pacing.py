"""Budgets over time: who rests for a while, and what is told when a budget is nearly spent."""

from typing import Any

import msgspec

from gasolinera.ads import queries_campaigns as queries
from gasolinera.ads.queries_campaigns import BudgetAlert
from gasolinera.database import Connection


async def close_paced(conn: Connection) -> int:
    """Marks the advertisements whose campaign's money does not let them be shown for now; how many.

    The choice itself judges whom it is about to choose. This spares it those who would be refused: it must run each
    minute, and may run at any time. Locks what it marks, and passes over what others have locked.
    """
    return await queries.close_paced(conn)


def told(alert: BudgetAlert) -> dict[str, Any]:
    """As its event says it: amounts as text."""
    document: dict[str, Any] = msgspec.to_builtins(alert)
    return document
