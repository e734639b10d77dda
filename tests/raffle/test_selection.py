"""The one way to draw: unbiased by its statistics, and equal to a slow reading of the published rules."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import sha256
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gasolinera.raffle.leaves import Leaf
from gasolinera.raffle.selection import Place, Rules, Selection, last_block, points_of, seed_of, select


def _seed(number: int) -> bytes:
    return sha256(number.to_bytes(8, "big")).digest()


def _leaves(
    weights: Sequence[int], owners: Sequence[int] | None = None, sources: Sequence[int] | None = None
) -> list[Leaf]:
    leaves: list[Leaf] = []
    start = 0
    for index, weight in enumerate(weights):
        owner = index if owners is None else owners[index]
        source = 1 if sources is None else sources[index]
        leaves.append(Leaf(source, index.to_bytes(28, "big"), owner.to_bytes(16, "big"), start, weight))
        start += weight
    return leaves


def _place(leaves: Sequence[Leaf], point: int) -> Place:
    index = bisect_right(leaves, point, key=lambda leaf: leaf.start) - 1
    return Place(index, leaves[index])


def _draw(
    leaves: Sequence[Leaf], sought: int, *, seed: bytes, one: bool = False, units: Mapping[int, int] | None = None,
    width: int = 32,
) -> Selection:  # fmt: skip
    steps = select(
        seed,
        Rules(weight=leaves[-1].end, sought=sought, one_prize_per_owner=one, units=units or {}),
        width=width,
    )
    points = next(steps)
    while True:
        try:
            points = steps.send({point: _place(leaves, point) for point in points})
        except StopIteration as end:
            return end.value


def _slow(
    leaves: Sequence[Leaf], sought: int, *, seed: bytes, one: bool, units: Mapping[int, int], width: int
) -> tuple[list[tuple[int, int, int, int]], set[int], int]:
    """The page of the format, read block by block: (block, point, index, ticket), consulted, blocks."""
    total = sum(leaf.weight for leaf in leaves)
    found: list[tuple[int, int, int, int]] = []
    drawn: set[tuple[int, int]] = set()
    owners: set[bytes] = set()
    consulted: set[int] = set()
    number = 0
    while len(found) < sought and number <= 100_000 + 20 * sought:
        block = sha256(b"gasolinera-draw-pick-1\0" + seed + number.to_bytes(8, "big")).digest()
        value = int.from_bytes(block[:width], "big")
        number += 1
        if value >= 2 ** (8 * width) // total * total:
            continue
        point = value % total
        place = _place(leaves, point)
        consulted.add(place.index)
        ticket = (point - place.leaf.start) // units.get(place.leaf.source, 1)
        if (place.index, ticket) in drawn or (one and place.leaf.owner_tag in owners):
            continue
        drawn.add((place.index, ticket))
        owners.add(place.leaf.owner_tag)
        found.append((number - 1, point, place.index, ticket))
    return found, consulted, number


@settings(max_examples=60, deadline=None)
@given(
    entries=st.lists(st.tuples(st.integers(1, 6), st.integers(0, 4), st.integers(1, 3)), min_size=1, max_size=20),
    sought=st.integers(1, 12),
    one=st.booleans(),
    width=st.sampled_from([1, 2, 32]),
    seed=st.binary(min_size=32, max_size=32),
)
def test_any_list_is_drawn_as_the_published_rules_say(
    entries: list[tuple[int, int, int]], sought: int, one: bool, width: int, seed: bytes
) -> None:  # fmt: skip
    units = {1: 1, 2: 3, 3: 2}
    leaves = _leaves(
        [tickets * units[source] for tickets, _, source in entries],
        [owner for _, owner, _ in entries],
        [source for _, _, source in entries],
    )
    capacity = len({owner for _, owner, _ in entries}) if one else sum(tickets for tickets, _, _ in entries)
    sought = min(sought, capacity)
    drawn = _draw(leaves, sought, seed=seed, one=one, units=units, width=width)
    expected, consulted, blocks = _slow(leaves, sought, seed=seed, one=one, units=units, width=width)
    assert [(pick.block, pick.point, pick.place.index, pick.ticket) for pick in drawn.picks] == expected
    assert [pick.position for pick in drawn.picks] == list(range(1, sought + 1))
    assert list(drawn.consulted) == sorted(consulted)
    assert drawn.blocks == blocks


def _chi_square(counts: Counter[int], expected: Mapping[int, float]) -> float:
    assert set(counts) <= set(expected)
    return sum((counts[key] - mean) ** 2 / mean for key, mean in expected.items())


def test_every_ticket_is_as_likely_as_every_other() -> None:
    draws, leaves = 6_000, _leaves([1, 4, 2, 3])
    counts = Counter(_draw(leaves, 1, seed=_seed(number)).picks[0].place.index for number in range(draws))
    # 3 degrees of freedom: above 16.27 once in a thousand seeds, and these seeds are always the same.
    assert _chi_square(counts, {0: 600, 1: 2400, 2: 1200, 3: 1800}) < 16.27


def test_second_positions_of_other_owners_are_as_likely_as_without_the_first_owner() -> None:
    """Owners of 1, 2 and 3 tickets, one prize each: P(second = j) = sum over i of P(i) * w(j) / (W - w(i))."""
    draws, weights = 6_000, (1, 2, 3)
    leaves = _leaves(weights)
    counts = Counter(_draw(leaves, 2, seed=_seed(number), one=True).picks[1].place.index for number in range(draws))
    expected = {
        second: draws * sum(first / 6 * weights[second] / (6 - first) for first in weights if first != weights[second])
        for second in range(3)
    }
    assert _chi_square(counts, expected) < 13.82  # 2 degrees of freedom, once in a thousand


def test_blocks_above_the_greatest_multiple_are_passed_over_and_leave_no_bias() -> None:
    """One byte and a weight of 200: 56 of 256 values are passed over, else the first 56 points were twice as likely."""
    read = [item for number in range(40) for item in islice(points_of(_seed(number), 200, width=1), 250)]
    counts = Counter(point // 50 for _, point in read)
    assert _chi_square(counts, dict.fromkeys(range(4), 2_500)) < 16.27
    numbers = [number for number, _ in islice(points_of(_seed(1), 200, width=1), 250)]
    assert 290 < numbers[-1] < 360  # 250 * 256 / 200 = 320 are read


def test_a_weight_just_above_half_of_all_values_passes_over_half_of_the_blocks() -> None:
    numbers = [number for number, _ in islice(points_of(_seed(7), 2**255 + 1), 400)]
    assert 700 < numbers[-1] < 900


def test_a_draw_ends_where_the_published_limit_says() -> None:
    """An owner of nearly everything and one of a ticket in 2^40: the second is not found within the blocks."""
    leaves = _leaves([2**32 - 1] * 200 + [1], [0] * 200 + [1])
    drawn = _draw(leaves, 2, seed=_seed(3), one=True)
    assert len(drawn.picks) == 1
    assert drawn.blocks == last_block(2) + 1 == 100_041


def test_a_winner_of_a_thousandth_of_all_is_found_by_its_seed_alone() -> None:
    """Computed by hand from the page of the format: nothing of a block is left to chance or to us."""
    seed = seed_of(b"\1" * 32, b"\2" * 32)
    assert seed == sha256(b"gasolinera-draw-seed-1" + b"\0" + b"\1" * 32 + b"\2" * 32).digest()
    first = int.from_bytes(sha256(b"gasolinera-draw-pick-1\0" + seed + bytes(8)).digest(), "big")
    assert next(points_of(seed, 1000)) == (0, first % 1000)


@pytest.mark.parametrize("tickets", [1, 5])
def test_one_entry_of_one_owner_wins_whatever_the_randomness(tickets: int) -> None:
    drawn = _draw(_leaves([tickets]), tickets, seed=_seed(0))
    assert sorted(pick.ticket for pick in drawn.picks) == list(range(tickets))
