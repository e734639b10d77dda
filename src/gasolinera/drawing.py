"""QR symbols drawn: as SVG for screens and paper, as characters for a terminal, as rows for whoever draws otherwise."""

import re
from math import isqrt
from typing import Any, Final, Literal

import msgspec
import zxingcpp

from gasolinera.errors import InputError

QUIET_ZONE: Final = 4  # light modules around the symbol, without which readers do not find it
Level = Literal["L", "M", "Q", "H"]
_zxing: Any = zxingcpp  # whose types leave options and buffers open
_DARK_RUN: Final = re.compile(b"\x01+")
_DARK_IS_ONE: Final = bytes([1]) + bytes(255)  # the library's pixels: 0 is black
_HALVES: Final = " ▀▄█"  # by upper + 2 · lower


class Symbol(msgspec.Struct, frozen=True):
    """`rows` of modules without the quiet zone: 1 is dark."""

    rows: tuple[bytes, ...]

    @property
    def size(self) -> int:
        return len(self.rows)


def symbol_of(text: str, level: Level = "M") -> Symbol:
    """The smallest symbol that holds a text. Raises InputError `qr.too_long`."""
    try:
        made = _zxing.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level=level)
    except ValueError:
        raise InputError("qr.too_long", "no QR code holds this text") from None
    modules = bytes(made.to_image(scale=1, add_quiet_zones=False)).translate(_DARK_IS_ONE)
    size = isqrt(len(modules))
    return Symbol(tuple(modules[at : at + size] for at in range(0, size * size, size)))


def svg(symbol: Symbol) -> str:
    """A picture of one unit a module, quiet zone included: whoever shows it gives it a size."""
    side = symbol.size + 2 * QUIET_ZONE
    runs = "".join(
        f"M{run.start() + QUIET_ZONE} {y}.5h{run.end() - run.start()}"
        for y, row in enumerate(symbol.rows, QUIET_ZONE)
        for run in _DARK_RUN.finditer(row)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}" shape-rendering="crispEdges">'
        f'<path fill="#fff" d="M0 0h{side}v{side}H0z"/><path stroke="#000" d="{runs}"/></svg>'
    )


def characters(symbol: Symbol, *, in_colour: bool) -> str:
    """Two rows of modules a line, dark on light; `in_colour` says so to terminals whose background is dark."""
    light = bytes(symbol.size + 2 * QUIET_ZONE)
    side = bytes(QUIET_ZONE)
    rows = [*[light] * QUIET_ZONE, *(side + row + side for row in symbol.rows), *[light] * QUIET_ZONE, light]
    lines = (
        "".join(_HALVES[upper + 2 * lower] for upper, lower in zip(rows[at], rows[at + 1], strict=True))
        for at in range(0, len(rows) - 1, 2)
    )
    begin, end = ("\x1b[38;5;16;48;5;231m", "\x1b[0m") if in_colour else ("", "")
    return "\n".join(f"{begin}{line}{end}" for line in lines) + "\n"
