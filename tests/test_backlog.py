"""Small work done together, in order and once."""

import asyncio
from collections.abc import Sequence

from gasolinera.backlog import DONE_AFTER_S, Backlog


def test_items_are_done_together_a_tenth_of_a_second_later_in_their_order() -> None:
    done: list[list[int]] = []
    backlog = Backlog[int](lambda items: done.append(list(items)))

    async def work() -> None:
        for item in range(3):
            backlog.add(item)
        assert done == []
        await asyncio.sleep(2 * DONE_AFTER_S)
        backlog.add(3)
        await asyncio.sleep(2 * DONE_AFTER_S)

    asyncio.run(work())
    assert done == [[0, 1, 2], [3]]


def test_finishing_does_what_waits_and_nothing_twice() -> None:
    done: list[Sequence[int]] = []
    backlog = Backlog[int](done.append)

    async def work() -> None:
        backlog.add(1)
        backlog.finish()
        backlog.finish()
        await asyncio.sleep(2 * DONE_AFTER_S)

    asyncio.run(work())
    assert done == [[1]]


def test_what_a_loop_left_behind_is_done_before_it_becomes_much() -> None:
    done: list[Sequence[int]] = []
    backlog = Backlog[int](done.append)

    async def add(count: int) -> None:
        for item in range(count):
            backlog.add(item)

    asyncio.run(add(1))
    asyncio.run(add(999))
    assert [len(items) for items in done] == [1_000]
