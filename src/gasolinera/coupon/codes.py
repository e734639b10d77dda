"""The codes of coupons: 60 random bits in twelve symbols that nobody mixes up, and one that checks them. Pure.

The alphabet is Crockford's base32. Symbols are elements of GF(32); with weights that are all different powers of a
generator, the weighted sum of a code is zero. So every single wrong symbol and every swap of two symbols shows.
"""

import secrets
from functools import cache
from itertools import product
from typing import Final

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH: Final = 13
BITS: Final = 60
_POLYNOMIAL: Final = 0b100101  # x^5 + x^2 + 1 is primitive: its root has order 31
_PAIRS: Final = (LENGTH - 1) // 2
_PAIR_MASK: Final = 1023

_VALUES: Final = {symbol: value for value, symbol in enumerate(ALPHABET)}
# What people and fonts make of a symbol, and what they put between groups.
_LOOK_ALIKES: Final = str.maketrans("OIL", "011", " -\u2010\u2011\u2012\u2013\u2014\u2212\u00a0\u202f\t")
_MAX_TYPED: Final = 40


def new_codes(count: int) -> list[str]:
    """Codes from the system's secure randomness; two of them, here or anywhere, are the same only by the chance of
    60 bits: the table's unique key is what excludes it.
    """
    return [code_of(number) for number in new_numbers(count)]


def new_numbers(count: int) -> list[int]:
    """The numbers of new codes."""
    drawn = memoryview(secrets.token_bytes(8 * count)).cast("Q")
    return [number >> (64 - BITS) for number in drawn]


def code_of(number: int) -> str:
    """The code of a number of 60 bits."""
    texts, checks = _tables()
    one, two, three = number >> 50 & _PAIR_MASK, number >> 40 & _PAIR_MASK, number >> 30 & _PAIR_MASK
    four, five, six = number >> 20 & _PAIR_MASK, number >> 10 & _PAIR_MASK, number & _PAIR_MASK
    check = checks[0][one] ^ checks[1][two] ^ checks[2][three] ^ checks[3][four] ^ checks[4][five] ^ checks[5][six]
    return texts[one] + texts[two] + texts[three] + texts[four] + texts[five] + texts[six] + ALPHABET[check]


def number_of(code: str) -> int:
    """The number of a normalised code. Raises ValueError for anything else."""
    if normalised(code) != code:
        raise ValueError("not the code of a coupon")
    number = 0
    for symbol in code[:-1]:
        number = number << 5 | _VALUES[symbol]
    return number


def normalised(text: str) -> str | None:
    """The code that somebody typed, scanned or was told, as the tables hold it; None when that is no code of ours."""
    if len(text) > _MAX_TYPED:
        return None
    # Upper case of ASCII alone: other alphabets have letters that turn into ours.
    code = text.translate(_LOWER).translate(_LOOK_ALIKES)
    if len(code) != LENGTH or any(symbol not in _VALUES for symbol in code):
        return None
    total = 0
    for position, symbol in enumerate(reversed(code)):
        total ^= _times_power(_VALUES[symbol], position)
    return code if total == 0 else None


def grouped(code: str) -> str:
    """As it is printed for people: ABCD-EFGH-JKMNP."""
    return f"{code[:4]}-{code[4:8]}-{code[8:]}"


_LOWER: Final = {ord(letter): letter.upper() for letter in "abcdefghijklmnopqrstuvwxyz"}


def _times_power(value: int, power: int) -> int:
    """A symbol's weight: multiplied by the generator so many times."""
    for _ in range(power):
        value <<= 1
        if value & 32:
            value ^= _POLYNOMIAL
    return value


@cache
def _tables() -> tuple[list[str], list[list[int]]]:
    """Two symbols at a time: their text, and for each of the six places what they add to the check symbol."""
    texts = [first + second for first, second in product(ALPHABET, repeat=2)]
    checks = [
        [
            _times_power(pair >> 5, LENGTH - 1 - 2 * place) ^ _times_power(pair & 31, LENGTH - 2 - 2 * place)
            for pair in range(1024)
        ]
        for place in range(_PAIRS)
    ]
    return texts, checks
