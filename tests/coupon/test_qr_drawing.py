"""Every code that is drawn is read by a real decoder, however a camera sees it."""

import re
from itertools import product
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import zxingcpp

from gasolinera.coupon import base45
from gasolinera.drawing import QUIET_ZONE, Symbol, characters, svg, symbol_of
from gasolinera.errors import InputError
from tests.coupon.camera import Picture, held_by_hand, photo, printed
from tests.coupon.qr_vectors import EXAMPLES, vector

TEXTS = [vector(example)[form] for example, form in product(EXAMPLES, ("text", "display_text", "link"))]
CODE = symbol_of(vector(EXAMPLES[1])["text"])


def decoded(picture: Picture) -> str | None:
    found = zxingcpp.read_barcode(picture)
    return None if found is None else found.text


def enlarged(symbol: Symbol, pixels: int = 4) -> Picture:
    return np.kron(printed(symbol), np.ones((pixels, pixels))).astype(np.uint8)


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_drawn_is_read_back(text: str) -> None:
    assert decoded(enlarged(symbol_of(text))) == text


def test_a_code_has_41_modules_at_level_m_and_a_link_45() -> None:
    sizes = {form: {symbol_of(vector(example)[form]).size for example in EXAMPLES} for form in ("text", "display_text")}
    assert sizes == {"text": {41}, "display_text": {41}}
    links = [symbol_of("HTTPS://" + "Q" * host + "/C/" + "A" * 148).size for host in (19, 20)]
    assert links == [45, 49]
    found = zxingcpp.read_barcode(enlarged(CODE))
    assert found is not None
    assert found.ec_level == "M"


def test_a_thousand_random_codes_are_read_back() -> None:
    rng = np.random.default_rng(5)
    for _ in range(1000):
        text = "GC1:" + base45.encode(rng.bytes(92))
        symbol = symbol_of(text)
        assert symbol.size == 41
        assert decoded(enlarged(symbol, 3)) == text


def test_the_svg_shows_the_modules_of_the_symbol() -> None:
    root = ET.fromstring(svg(CODE))  # noqa: S314  our own
    side = CODE.size + 2 * QUIET_ZONE
    assert root.get("viewBox") == f"0 0 {side} {side}"
    background, dark = root.findall("{http://www.w3.org/2000/svg}path")
    assert (background.get("fill"), background.get("d")) == ("#fff", f"M0 0h{side}v{side}H0z")
    shown = np.full((side, side), 255.0)
    for x, y, width in re.findall(r"M(\d+) (\d+)\.5h(\d+)", dark.get("d", "")):
        shown[int(y), int(x) : int(x) + int(width)] = 0
    assert np.array_equal(shown, printed(CODE))


@pytest.mark.parametrize("in_colour", [False, True])
def test_the_characters_show_the_modules_of_the_symbol(in_colour: bool) -> None:
    shown: list[list[bool]] = []
    for line in characters(CODE, in_colour=in_colour).splitlines():
        plain = re.sub(r"\x1b\[[0-9;]*m", "", line)
        shown += [[c in "▀█" for c in plain], [c in "▄█" for c in plain]]
    expected = printed(CODE) == 0
    assert np.array_equal(np.array(shown)[: len(expected)], expected)
    assert not np.array(shown)[len(expected) :].any()


def test_a_text_that_no_code_holds_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        symbol_of("x" * 8000)
    assert caught.value.code == "qr.too_long"


@pytest.mark.parametrize("degrees", range(0, 360, 15))
def test_a_turned_code_is_read(degrees: int) -> None:
    assert decoded(photo(CODE, 200, turn=np.radians(degrees))) == TEXTS[3]


@pytest.mark.parametrize("tilt", [(0.4, 0.0), (0.0, -0.4), (0.3, 0.3), (-0.35, 0.2)])
def test_a_code_is_read_at_an_angle(tilt: tuple[float, float]) -> None:
    assert decoded(photo(CODE, 240, tilt=tilt)) == TEXTS[3]


@pytest.mark.parametrize("blur", [0.5, 1.0, 1.5, 2.0])
def test_a_blurred_code_is_read(blur: float) -> None:
    assert decoded(photo(CODE, 240, turn=0.1, blur=blur)) == TEXTS[3]


@pytest.mark.parametrize("noise", [5.0, 15.0, 30.0])
def test_a_noisy_code_is_read(noise: float) -> None:
    assert decoded(photo(CODE, 240, turn=0.1, blur=0.7, noise=noise, rng=np.random.default_rng(1))) == TEXTS[3]


def test_a_code_in_a_shadow_is_read() -> None:
    assert decoded(photo(CODE, 240, turn=0.1, light=0.8)) == TEXTS[3]


@pytest.mark.parametrize("pixels_per_module", [2.0, 2.5, 3.0])
def test_a_small_code_is_read(pixels_per_module: float) -> None:
    assert decoded(photo(CODE, pixels_per_module * (CODE.size + 2 * QUIET_ZONE))) == TEXTS[3]


@pytest.mark.parametrize(("across", "at_least"), [(165, 0.85), (200, 0.95), (250, 1.0)])
def test_a_code_in_a_hand_is_read_nearly_always(across: int, at_least: float) -> None:
    rng = np.random.default_rng(across)
    read = [decoded(held_by_hand(CODE, across, rng)) for _ in range(40)]
    assert set(read) <= {TEXTS[3], None}, "a code is read right or not at all"
    assert read.count(TEXTS[3]) >= at_least * len(read)
