"""What a manifest says of prizes."""

import pytest

from gasolinera.raffle.manifest import PrizeLine, prize_ends, unit_at


def prizes_of(*quantities: int) -> tuple[PrizeLine, ...]:
    return tuple(
        PrizeLine(rank=10 * rank, name="Fuel", type="FUEL_CREDIT", value="1.00", currency="MXN", quantity=quantity)
        for rank, quantity in enumerate(quantities, 1)
    )


@pytest.mark.parametrize(
    ("position", "won"),
    [(1, (10, 1)), (2, (10, 2)), (3, (20, 1)), (4, (30, 1)), (6, (30, 3)), (7, (None, None)), (10**9, (None, None))],
)
def test_positions_win_the_units_of_prizes_in_order(position: int, won: tuple[int | None, int | None]) -> None:
    found = prizes_of(2, 1, 3)
    assert unit_at(found, prize_ends(found), position) == won


def test_a_prize_of_a_million_units_is_one_number() -> None:
    found = prizes_of(1_000_000, 1_000_000, 1_000_000)
    assert prize_ends(found) == [1_000_000, 2_000_000, 3_000_000]
    assert unit_at(found, prize_ends(found), 2_999_999) == (30, 999_999)
