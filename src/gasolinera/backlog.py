"""Small work that nobody waits for, done together: its code and data are warm then, and it costs a third of the CPU."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")

DONE_AFTER_S = 0.1
_MOST = 1_000


class Backlog(Generic[Item]):
    """Items wait for `do`, which takes all of them in their order, a tenth of a second at most.

    What a process that is killed has not done is lost; one that ends calls `finish`.
    """

    def __init__(self, do: Callable[[Sequence[Item]], None]) -> None:
        self._do = do
        self._items: list[Item] = []

    def add(self, item: Item) -> None:
        """From inside of an event loop."""
        self._items.append(item)
        if len(self._items) == 1:
            asyncio.get_running_loop().call_later(DONE_AFTER_S, self.finish)
        elif len(self._items) >= _MOST:  # or a loop that ended before its time would leave them here
            self.finish()

    def finish(self) -> None:
        items, self._items = self._items, []
        if items:
            self._do(items)
