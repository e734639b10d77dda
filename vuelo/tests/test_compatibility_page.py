"""The page on Flyway names every setting there is, so that nobody has to try whether one works."""

import re
from pathlib import Path

import pytest

from vuelo.flyway import jdbc
from vuelo.flyway import keys as flyway_keys
from vuelo.settings import NAMES

_PAGE = Path(__file__).parents[2] / "docs" / "reference" / "flyway-compatibility.md"

pytestmark = pytest.mark.skipif(not _PAGE.exists(), reason="vuelo is tested without the project's documentation")


def named() -> set[str]:
    return set(re.findall(r"`([^`]+)`", _PAGE.read_text(encoding="utf-8")))


def test_every_setting_of_flyway_stands_on_the_page() -> None:
    keys = flyway_keys.known() | flyway_keys.NAMESPACES_WITHOUT_MEANING | flyway_keys.ROOT_WITHOUT_MEANING
    assert sorted(keys - named()) == []


def test_every_setting_of_vuelo_stands_on_the_page() -> None:
    flyways = {flyway_keys.snake(key) for key in flyway_keys.known()}
    assert sorted(NAMES - flyways - named()) == []


def test_every_parameter_of_an_address_that_is_translated_stands_on_the_page() -> None:
    assert sorted(jdbc.TRANSLATED - named()) == []


def test_no_setting_has_two_meanings() -> None:
    kinds = [flyway_keys.SETTINGS, flyway_keys.OF_A_SERVICE, flyway_keys.WITHOUT_MEANING, flyway_keys.REFUSED.keys()]
    assert sum(map(len, kinds)) == len(flyway_keys.known())
    assert {flyway_keys.snake(key) for key in flyway_keys.SETTINGS} <= NAMES
