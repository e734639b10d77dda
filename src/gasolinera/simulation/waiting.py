"""Until something is so, for what happens on its own in the application."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from gasolinera.errors import UnavailableError

_PATIENCE_S: Final = 300.0


async def until(is_so: Callable[[], Awaitable[bool]], what: str, *, patience_s: float = _PATIENCE_S) -> None:
    """Asks again and again. Raises UnavailableError `simulation.waiting` when it takes too long."""
    end = asyncio.get_running_loop().time() + patience_s
    while not await is_so():
        if asyncio.get_running_loop().time() > end:
            raise UnavailableError("simulation.waiting", f"after {patience_s:.0f} s it is not so that {what}")
        await asyncio.sleep(0.2)
