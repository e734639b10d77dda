"""A photo of a code, decoded here for browsers whose camera no page can read.

A file from outside is opened with care: few bytes, known formats, few parts, and no more pixels than a phone takes are
decoded; a JPEG of more is read at a fraction of its size, which costs a fraction as well. A JPEG may paint its picture
over and over in scans of a hundred bytes, so these are counted first.
"""

import asyncio
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from itertools import islice
from typing import Any, Final

import zxingcpp
from PIL import Image, UnidentifiedImageError

from gasolinera.errors import InputError

MAX_BYTES: Final = 8_000_000
_MAX_PIXELS: Final = 16_000_000
_MAX_JPEG_PIXELS: Final = 80_000_000  # what the best phones take; read at a fraction of its sides
_SIDE: Final = 1600  # a code that fills a tenth of it is still read
_MAX_SIDE: Final = 2000  # more is made smaller: what looks like thousands of codes takes seconds to search
_FORMATS: Final = ("JPEG", "PNG", "WEBP")
_MAX_TEXT: Final = 400
_MAX_SCANS: Final = 32  # encoders make a dozen
_MAX_PARTS: Final = 4000  # each costs the reader some microseconds, and may be a few bytes
_START_OF_SCAN: Final = 0xDA
_END: Final = 0xD9
_MARKER: Final = re.compile(rb"\xff+([^\x00\x01\xd0-\xd8\xff])")  # one that says something, or ends it
# A decoder cannot be stopped: its thread is free when it is done, even if nobody waits for it any more.
_READERS: Final = ThreadPoolExecutor(2, "photo")
_zxing: Any = zxingcpp  # whose types leave options open


async def read_photo(data: bytes) -> str:
    """The text of the code in a picture. Raises InputError `photo.too_large`, `photo.unreadable`, `photo.no_code`."""
    if len(data) > MAX_BYTES:
        raise _too_large()
    return await asyncio.get_running_loop().run_in_executor(_READERS, _read, data)


def _read(data: bytes) -> str:
    is_jpeg = data.startswith(b"\xff\xd8")
    markers = list(islice(_jpeg_markers(data) if is_jpeg else _png_chunks(data), _MAX_PARTS + 1))
    scans = markers.count(_START_OF_SCAN) if is_jpeg else 0
    if len(markers) > _MAX_PARTS or scans > _MAX_SCANS:
        raise _too_large()
    try:
        with Image.open(BytesIO(data), formats=_FORMATS) as opened:
            # Several scans are put together before they are made smaller.
            is_streamed = scans == 1 and not opened.info.get("progressive")
            if opened.width * opened.height > (_MAX_JPEG_PIXELS if is_streamed else _MAX_PIXELS):
                raise _too_large()
            if is_jpeg:
                opened.draft("L", (_SIDE, _SIDE))
            picture = opened.convert("L")
    except Image.DecompressionBombError:
        raise _too_large() from None
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
        # Decoders say of broken files what they like.
        raise InputError(
            "photo.unreadable", "this is no picture that can be read", "send a JPEG, PNG or WebP"
        ) from None
    picture.thumbnail((_MAX_SIDE, _MAX_SIDE))
    for found in _zxing.read_barcodes(picture, formats=zxingcpp.BarcodeFormat.QRCode):
        if 0 < len(found.text) <= _MAX_TEXT:
            return str(found.text)
    raise InputError("photo.no_code", "there is no code in this picture", "take it closer, and without glare")


def _jpeg_markers(data: bytes) -> Iterator[int]:
    """Up to the end of its first picture, as decoders find them: whatever stands between two of them is passed over."""
    found = _MARKER.search(data, 2)
    while found is not None and found[1][0] != _END:
        yield found[1][0]
        length = int.from_bytes(data[found.end() : found.end() + 2])
        found = _MARKER.search(data, found.end() + length)


def _png_chunks(data: bytes) -> Iterator[int]:
    """Nothing for what is no PNG."""
    position = 8
    while data.startswith(b"\x89PNG") and position < len(data):
        yield 0
        position += 12 + int.from_bytes(data[position : position + 4])


def _too_large() -> InputError:
    return InputError("photo.too_large", "this picture is too large", "take it with less resolution")
