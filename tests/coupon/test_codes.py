"""Codes of coupons: what the check symbol catches, and what is understood of what people type."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gasolinera.coupon.codes import code_of, grouped, new_codes, normalised, number_of

# Written down again, and not imported: the alphabet is on paper and cannot change.
SYMBOLS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

numbers = st.integers(0, 2**60 - 1)


@given(numbers)
def test_a_number_and_its_code_lead_to_each_other(number: int) -> None:
    code = code_of(number)
    assert len(code) == 13
    assert set(code) <= set(SYMBOLS)
    assert int(code[:12].translate(str.maketrans(SYMBOLS, "0123456789abcdefghijklmnopqrstuv")), 32) == number
    assert number_of(code) == number
    assert normalised(code) == code


@given(numbers)
def test_every_single_wrong_symbol_is_caught(number: int) -> None:
    code = code_of(number)
    for place, right in enumerate(code):
        for wrong in SYMBOLS:
            if wrong != right:
                assert normalised(code[:place] + wrong + code[place + 1 :]) is None


@given(numbers)
def test_every_swap_of_two_symbols_is_caught_neighbours_or_not(number: int) -> None:
    code = code_of(number)
    for first, second in combinations(range(13), 2):
        symbols = list(code)
        symbols[first], symbols[second] = symbols[second], symbols[first]
        if symbols != list(code):
            assert normalised("".join(symbols)) is None


@given(numbers, st.data())
def test_case_blanks_dashes_and_look_alikes_do_not_matter(number: int, data: st.DataObject) -> None:
    code = code_of(number)
    typed = ""
    for symbol in code:
        spellings = {"0": "0Oo", "1": "1IiLl"}.get(symbol, symbol + symbol.lower())
        typed += data.draw(st.sampled_from(spellings)) + data.draw(st.sampled_from(["", " ", "-", "\u2013"]))
    assert normalised(typed) == code


@given(st.text(max_size=60))
def test_what_is_no_code_is_refused_and_never_fails(text: str) -> None:
    found = normalised(text)
    assert found is None or (len(found) == 13 and set(found) <= set(SYMBOLS))


def test_known_codes_stay_what_they_are() -> None:
    # By hand: the check symbol makes the sum of symbol * g^place zero in GF(32) with g^5 = g^2 + 1.
    assert code_of(0) == "0000000000000"
    assert code_of(1) == "0000000000012"
    assert code_of(32) == "0000000000104"
    assert code_of(2**10) == "0000000001008"


def test_letters_of_other_alphabets_are_not_taken_for_ours() -> None:
    assert normalised("000000000001\u0131") is None
    assert normalised("\uff10" * 13) is None


@pytest.mark.parametrize("code", ["", "0000000000001", "00000000000000", "000000000000U", "o000000000000"])
def test_only_a_normalised_code_has_a_number(code: str) -> None:
    with pytest.raises(ValueError, match="not the code"):
        number_of(code)


def test_new_codes_are_good_and_different() -> None:
    codes = new_codes(20_000)
    assert len(set(codes)) == 20_000
    assert all(normalised(code) == code for code in codes)
    # Every symbol at every place, about as often as any other: 625 times each, give or take six deviations.
    for place in range(13):
        counts = [sum(code[place] == symbol for code in codes) for symbol in SYMBOLS]
        assert all(475 < count < 775 for count in counts)


def test_a_code_for_people_is_in_groups() -> None:
    assert grouped("ABCDEFGHJKMNP") == "ABCD-EFGH-JKMNP"
