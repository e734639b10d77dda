"""Text from outside: something to see, nothing that hides."""

from typing import Annotated

import msgspec
import pytest

from gasolinera.texts import lines, text


class _Body(msgspec.Struct):
    name: Annotated[str, text(5)]
    note: Annotated[str, lines(10)] = "-"


def accepted(**fields: str) -> bool:
    try:
        msgspec.json.decode(msgspec.json.encode(fields), type=_Body)
    except msgspec.ValidationError:
        return False
    return True


@pytest.mark.parametrize("name", ["a", "Ñandú", " a b ", "加油站", "🚗", "a'--", "12345"])
def test_what_people_write_is_taken(name: str) -> None:
    assert accepted(name=name)


@pytest.mark.parametrize(
    "name", ["", " ", "　", "a\0", "a\n", "\ta", "a\x7f", "a\x85", "a\u202eb", "a\u2028", "123456"]
)
def test_what_hides_or_breaks_the_line_is_not(name: str) -> None:
    assert not accepted(name=name)


def test_lines_may_have_line_ends_and_nothing_worse() -> None:
    assert accepted(name="a", note="one\r\n\ttwo")
    for note in ("\n", "a\0", "a\x1b[0m", "12345678901"):
        assert not accepted(name="a", note=note)


def test_a_long_run_of_blanks_is_judged_at_once() -> None:
    assert not accepted(name="a", note=" " * 100_000)
