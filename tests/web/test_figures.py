"""How people read numbers, money and times."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from gasolinera.web.figures import filters_of

SPANISH = filters_of("es", "America/Mexico_City")
ENGLISH = filters_of("en", "America/Mexico_City")
BLANK = "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        ("1234.5", "MXN", "MXN 1,234.50"),
        ("0", "USD", "USD 0.00"),
        ("15000", "CRC", "CRC 15,000"),
        ("-3.005", "MXN", "MXN -3.00"),
        ("999999999999.99", "MXN", "MXN 999,999,999,999.99"),
    ],
)
def test_money_has_its_currency_and_its_digits(amount: str, currency: str, shown: str) -> None:
    assert SPANISH["money"](Decimal(amount), currency) == shown.replace(" ", BLANK)


def test_shares_and_numbers() -> None:
    assert SPANISH["percent"](Decimal("0.125")) == f"12.5{BLANK}%"
    assert SPANISH["percent"](1) == f"100{BLANK}%"
    assert ENGLISH["number"](1234567) == "1,234,567"


def test_a_time_is_that_of_the_place() -> None:
    at = datetime(2026, 1, 1, 5, 30, tzinfo=UTC)
    assert SPANISH["moment"](at) == "31 dic 2025, 23:30"
    assert SPANISH["moment"](at, "America/Tijuana") == "31 dic 2025, 21:30"
    assert ENGLISH["moment"](at, "UTC") == "1 Jan 2026, 05:30"
    assert (SPANISH["day"](at), SPANISH["day"](date(2026, 3, 9)), SPANISH["clock"](at)) == (
        "31 dic 2025",
        "9 mar 2026",
        "23:30",
    )


def test_what_is_not_known_is_a_dash() -> None:
    for name, arguments in (("money", ("MXN",)), ("number", ()), ("percent", ()), ("moment", ()), ("day", ())):
        assert SPANISH[name](None, *arguments) == "\N{EN DASH}"
