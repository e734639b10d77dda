"""`python -m bench.qr [--rounds N] [--codes N] [--photos N] [--output FILE]`: writes docs/reference/qr-benchmarks.md.

Rounds of what is compared alternate, and a figure is the median of its rounds in CPU time: the machine is shared.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import zxingcpp
from nacl.bindings import crypto_sign_open
from tests.coupon.camera import held_by_hand

from gasolinera.coupon import base45, qr
from gasolinera.coupon.codes import new_codes, number_of
from gasolinera.coupon.qr_keys import public_half
from gasolinera.drawing import svg, symbol_of
from gasolinera.key_file import new_keys

_PAGE = Path(__file__).parents[1] / "docs" / "reference" / "qr-benchmarks.md"
_ZXING: Any = zxingcpp  # whose types leave the options open
_ACROSS = (90, 110, 135, 165, 200, 250, 320)
_BATCH = 2000  # codes a round


class Sample(msgspec.Struct, frozen=True):
    """Codes of one key as they are scanned, and what verifies them."""

    bodies: list[bytes]
    texts: list[str]
    signed: list[qr.SignedBody]
    keys: Mapping[int, qr.QrKey]
    now: datetime


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m bench.qr")
    arguments.add_argument("--rounds", type=int, default=9)
    arguments.add_argument("--codes", type=int, default=10_000, help="codes to draw")
    arguments.add_argument("--photos", type=int, default=100, help="pictures of each size")
    arguments.add_argument("--output", type=Path, default=_PAGE)
    chosen = arguments.parse_args()
    sample = _sample(_BATCH)
    text = _page(
        verifying=_verifying(sample, chosen.rounds),
        drawing=_drawing(sample, chosen.codes),
        reading=_reading(sample, chosen.photos),
        rounds=chosen.rounds,
        codes=chosen.codes,
        photos=chosen.photos,
    )
    chosen.output.write_text(text, encoding="utf-8")
    sys.stdout.write(text)


def _sample(count: int) -> Sample:
    now = datetime.now(UTC)
    [key] = new_keys(("coupon",), now)
    terms = qr.CouponBody(
        key_id=key.id,
        dense_index=0,
        coupon=0,
        campaign=qr.campaign_tag("BENCH"),
        kind="FIXED_AMOUNT",
        value=Decimal(25),
        currency="MXN",
        valid_from=now - timedelta(days=1),
        valid_until=now + timedelta(days=30),
    )
    pack, sign = qr.packer(terms), qr.signer(key)
    bodies = [pack(index, number_of(code)) for index, code in enumerate(new_codes(count))]
    signatures = [sign(body) for body in bodies]
    texts = [qr.as_text(body, signature) for body, signature in zip(bodies, signatures, strict=True)]
    keys = {key.id: qr.QrKey(key.id, public_half(key))}
    return Sample(bodies, texts, [qr.read(text) for text in texts], keys, now)


def _verifying(sample: Sample, rounds: int) -> dict[str, float]:
    """Microseconds of CPU a code."""
    [key] = sample.keys.values()
    messages = [one.signature + qr.DOMAIN + one.body for one in sample.signed]
    [signing] = new_keys(("coupon",), sample.now)
    sign = qr.signer(signing)

    def bare() -> None:
        for message in messages:
            crypto_sign_open(message, key.public_key)

    def ours() -> None:
        for one in sample.signed:
            qr.verify(one, sample.keys, sample.now)

    def parse() -> None:
        for text in sample.texts:
            qr.read(text)

    def make() -> None:
        for body in sample.bodies:
            qr.as_text(body, sign(body))

    return _alternated({"bare": bare, "ours": ours, "parse": parse, "make": make}, rounds, len(messages))


def _drawing(sample: Sample, count: int) -> dict[str, float]:
    """Seconds of CPU for `count` codes; each is drawn once, in turns of a few hundred."""
    turn = 500
    spent = {"ours": 0.0, "library": 0.0}
    for at in range(0, count, turn):
        texts = [sample.texts[index % len(sample.texts)] for index in range(at, min(at + turn, count))]
        for name, draw in (("ours", _draw_ours), ("library", _draw_by_library)):
            began = time.process_time()
            for text in texts:
                draw(text)
            spent[name] += time.process_time() - began
    return spent


def _draw_ours(text: str) -> str:
    return svg(symbol_of(text))


def _draw_by_library(text: str) -> str:
    made = _ZXING.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level="M")
    return str(made.to_svg())


def _reading(sample: Sample, photos: int) -> dict[str, list[int]]:
    """How many of a hundred pictures of each size are read, by form."""
    body, signature = sample.signed[0].body, sample.signed[0].signature
    forms = {
        "letters of the coupon alone": "ABCDEFGHJKMNP",
        "code": sample.texts[0],
        "live code": "GC1:" + base45.encode(body + signature + bytes(8)),
        "link": qr.as_link("https://q.example.com", body, signature),
    }
    read: dict[str, list[int]] = {}
    for name, text in forms.items():
        symbol = symbol_of(text)
        counts: list[int] = []
        for across in _ACROSS:
            rng = np.random.default_rng(across)
            found = [zxingcpp.read_barcode(held_by_hand(symbol, across, rng)) for _ in range(photos)]
            wrong = [one for one in found if one is not None and one.text != text]
            assert not wrong, "a code is read right or not at all"
            counts.append(round(100 * sum(one is not None for one in found) / photos))
        read[f"{name} ({symbol.size})"] = counts
    return read


def _alternated(work: Mapping[str, Callable[[], None]], rounds: int, each: int) -> dict[str, float]:
    """Microseconds of CPU for each thing of a batch: the medians of rounds that take turns."""
    spent: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(rounds):
        for name, run in work.items():
            began = time.process_time()
            run()
            spent[name].append((time.process_time() - began) / each * 1e6)
    return {name: statistics.median(times) for name, times in spent.items()}


def _page(
    *,
    verifying: dict[str, float],
    drawing: dict[str, float],
    reading: dict[str, list[int]],
    rounds: int,
    codes: int,
    photos: int,
) -> str:
    ratio = verifying["ours"] / verifying["bare"]
    drawn = drawing["ours"] * 10_000 / codes
    rows = "\n".join(
        f"| {name} | " + " | ".join(str(count) for count in counts) + " |" for name, counts in reading.items()
    )
    return f"""# QR benchmarks

`make bench-qr` measures these again and writes this page. One thread of a shared machine; CPU time, so that what else
runs there counts little; read the ratios.

- Date: {datetime.now(UTC):%Y-%m-%d}; {rounds} rounds in turns, {codes:,} codes drawn, {photos} pictures of each size

| measure | promised | measured | kept |
| --- | --- | --- | --- |
| verifying a code that was read | <= 1.3 x libsodium's `crypto_sign_open` | {ratio:.2f} x | {_kept(ratio <= 1.3)} |
| drawing 10,000 codes as SVG | <= 20 s | {drawn:.1f} s | {_kept(drawn <= 20)} |

| what | µs of CPU a code |
| --- | ---: |
| `nacl.bindings.crypto_sign_open` on the same bytes | {verifying["bare"]:.1f} |
| `qr.verify`: key, signature, fields, time | {verifying["ours"]:.1f} |
| `qr.read`: text to bytes, before it | {verifying["parse"]:.1f} |
| `qr.sign` and `qr.as_text`: making a code | {verifying["make"]:.1f} |
| `drawing.svg`: a picture | {drawing["ours"] / codes * 1e6:.0f} |
| zxing-cpp's own SVG of the same code | {drawing["library"] / codes * 1e6:.0f} |

## How many of a hundred pictures are read
Pictures as a hand-held camera takes them (`tests/coupon/camera.py`): turned by up to 20 degrees, at an angle, blurred
by 0.6 to 1.2 pixels, one side darker, noise of 9 in 255; read by zxing-cpp. Columns: pixels across the symbol with its
quiet zone; in brackets the modules. None was ever read wrong.

| form | {" | ".join(map(str, _ACROSS))} |
| --- |{" ---: |" * len(_ACROSS)}
{rows}
"""


def _kept(is_kept: bool) -> str:
    return "yes" if is_kept else "**no**"


if __name__ == "__main__":
    main()
