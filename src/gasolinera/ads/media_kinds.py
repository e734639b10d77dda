"""What uploaded bytes are: told by their structure from the first byte to the last, never by what the sender says.

A file that begins like one format and goes on as something else is refused, because a browser that reads it the other
way would run what nobody has reviewed. SVG is not taken: it is a program that looks like a picture.
"""

import re
import struct
import zlib
from collections.abc import Callable, Mapping
from itertools import pairwise

_GIF_EXTENSION, _GIF_IMAGE, _GIF_END = 0x21, 0x2C, 0x3B
_JPEG_START_OF_SCAN, _JPEG_END = 0xDA, 0xD9
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # where the size of the picture is
_EBML, _DOCUMENT_TYPE, _SEGMENT = 0x1A45DFA3, 0x4282, 0x18538067
_MAX_HEAD = 100
_MAX_PARTS = 200_000  # more has no real file of this size
# In a scan FF is followed by 00, or by a restart; by FF where it is filled up.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


def kind_of(content: bytes) -> str | None:
    """The media type, when it is whole and one that is taken; else None."""
    for kind, is_whole in _KINDS.items():
        try:
            if is_whole(content):
                return kind
        except (IndexError, struct.error):  # it ends in the middle
            continue
    return None


def _is_png(content: bytes) -> bool:
    if not content.startswith(b"\x89PNG\r\n\x1a\n"):
        return False
    at, names = 8, list[bytes]()
    while len(names) < _MAX_PARTS:
        size, name = struct.unpack_from(">I4s", content, at)
        (checksum,) = struct.unpack_from(">I", content, at + 8 + size)
        if checksum != zlib.crc32(content[at + 4 : at + 8 + size]):
            return False
        if not names and (name != b"IHDR" or size != 13 or 0 in struct.unpack_from(">II", content, at + 8)):
            return False
        names.append(name)
        at += 12 + size
        if name == b"IEND":
            return size == 0 and at == len(content) and b"IDAT" in names
    return False


def _is_jpeg(content: bytes) -> bool:
    if not content.startswith(b"\xff\xd8\xff"):
        return False
    at, has_size, has_scan = 2, False, False
    for _ in range(_MAX_PARTS):
        if content[at] != 0xFF:
            return False
        marker = content[at + 1]
        if marker == _JPEG_END:
            return has_size and has_scan and at + 2 == len(content)
        if marker in _JPEG_FRAMES:
            has_size = 0 not in struct.unpack_from(">HH", content, at + 5)
        at += 2 + int(struct.unpack_from(">H", content, at + 2)[0])
        if marker == _JPEG_START_OF_SCAN:
            has_scan = True
            found = _MARKER.search(content, at)
            if found is None:
                return False
            at = found.start()
    return False


def _is_gif(content: bytes) -> bool:
    if not content.startswith((b"GIF87a", b"GIF89a")):
        return False
    at, images = 13 + _palette_bytes(content[10]), 0
    for _ in range(_MAX_PARTS):
        block = content[at]
        if block == _GIF_END:
            return images > 0 and at + 1 == len(content)
        if block == _GIF_EXTENSION:
            at += 2
        elif block == _GIF_IMAGE:
            at += 11 + _palette_bytes(content[at + 9])
            images += 1
        else:
            return False
        at = _after_pieces(content, at)
    return False


def _after_pieces(content: bytes, at: int) -> int:
    """Where the chain of a GIF's pieces has ended."""
    for _ in range(_MAX_PARTS):
        if not content[at]:
            return at + 1
        at += 1 + content[at]
    raise IndexError


def _palette_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _is_riff(content: bytes, form: bytes, wanted: bytes) -> bool:
    """A RIFF file of a form, of nothing but chunks, one of which is wanted."""
    if content[:4] != b"RIFF" or content[8:12] != form:
        return False
    if struct.unpack_from("<I", content, 4)[0] + 8 != len(content):
        return False
    at, names = 12, set[bytes]()
    for _ in range(_MAX_PARTS):
        if at >= len(content):
            break
        name, size = struct.unpack_from("<4sI", content, at)
        if size:
            names.add(name)
        at += 8 + size + size % 2
    return at == len(content) and any(name.startswith(wanted) for name in names)


def _is_webp(content: bytes) -> bool:
    return _is_riff(content, b"WEBP", b"VP8") or _is_riff(content, b"WEBP", b"ANMF")


def _is_wav(content: bytes) -> bool:
    return _is_riff(content, b"WAVE", b"fmt ") and _is_riff(content, b"WAVE", b"data")


def _is_ogg(content: bytes) -> bool:
    at = 0
    for _ in range(_MAX_PARTS):
        if content[at : at + 4] != b"OggS":
            return False
        segments = content[at + 26]
        at += 27 + segments + sum(content[at + 27 : at + 27 + segments])
        if at == len(content):
            return True
    return False


_BITRATES = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_BITRATES_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_RATES = (44_100, 48_000, 32_000)


def _is_mp3(content: bytes) -> bool:
    """Frames of layer III to the end, between an ID3v2 tag and an ID3v1 one if there are any."""
    at = 0
    if content.startswith(b"ID3"):
        size = content[6:10]
        if max(size) > 127:
            return False
        at = 10 + (size[0] << 21 | size[1] << 14 | size[2] << 7 | size[3])
    end = len(content) - 128 if content[-128:-125] == b"TAG" else len(content)
    frames = 0
    while at < end:
        (header,) = struct.unpack_from(">I", content, at)
        version, layer = header >> 19 & 3, header >> 17 & 3
        bitrate, rate = header >> 12 & 15, header >> 10 & 3
        if header >> 21 != 0x7FF or version == 1 or layer != 1 or bitrate in (0, 15) or rate == 3:
            return False
        is_first = version == 3
        hertz = _RATES[rate] >> (0 if is_first else 1 if version == 2 else 2)
        kilobits = (_BITRATES if is_first else _BITRATES_2)[bitrate]
        at += (144 if is_first else 72) * kilobits * 1000 // hertz + (header >> 9 & 1)
        frames += 1
    return frames > 0 and at == end


def _is_mp4(content: bytes) -> bool:
    """Boxes from end to end: the kind of file first, then what a film has."""
    boxes = _boxes(content, 0, len(content))
    if boxes is None or content[4:8] != b"ftyp" or not {b"ftyp", b"moov", b"mdat"} <= boxes.keys():
        return False
    first, last = boxes[b"moov"]
    film = _boxes(content, first, last)
    # A kind, a length and a track at least; and something that is shown.
    is_told = boxes[b"ftyp"][1] - boxes[b"ftyp"][0] >= 8 and film is not None and {b"mvhd", b"trak"} <= film.keys()
    return is_told and boxes[b"mdat"][0] < boxes[b"mdat"][1]


def _boxes(content: bytes, at: int, end: int) -> dict[bytes, tuple[int, int]] | None:
    """Where the content of each kind of box, the last one of it, begins and ends; None: it is not all boxes."""
    found = dict[bytes, tuple[int, int]]()
    for _ in range(_MAX_PARTS):
        if at >= end:
            break
        size, name = struct.unpack_from(">I4s", content, at)
        head = 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", content, at + 8)
            head = 16
        if size < head:
            return None
        found[name] = (at + head, at + size)
        at += size
    return found if at == end else None


def _is_webm(content: bytes) -> bool:
    """An EBML head that says webm, and one segment which ends where the file does."""
    name, size, at = _ebml_element(content, 0)
    if name != _EBML or size is None:
        return False
    end, told = at + size, dict[int, bytes]()
    while at < end and len(told) < _MAX_HEAD:
        name, size, at = _ebml_element(content, at)
        if size is None:
            return False
        told[name] = content[at : at + size]
        at += size
    if told.get(_DOCUMENT_TYPE) != b"webm" or at != end:
        return False
    name, size, at = _ebml_element(content, at)
    return name == _SEGMENT and size is not None and size > 0 and at + size == len(content)


def _ebml_element(content: bytes, at: int) -> tuple[int, int | None, int]:
    """Its name, its size (None: unknown), and where its content begins."""
    name_bytes = 9 - content[at].bit_length()
    name = int.from_bytes(content[at : at + name_bytes], "big")
    at += name_bytes
    size_bytes = 9 - content[at].bit_length()
    if size_bytes > 8:
        raise IndexError
    size = int.from_bytes(content[at : at + size_bytes], "big") & ((1 << 7 * size_bytes) - 1)
    is_unknown = size == (1 << 7 * size_bytes) - 1
    return name, None if is_unknown else size, at + size_bytes


def _is_html(content: bytes) -> bool:
    """Text that says at its beginning what it is. What it may do its headers say, wherever it is opened."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    head = text.lstrip("\ufeff \t\r\n")[:100].lower()
    return head.startswith("<!doctype html") and "\x00" not in text


_KINDS: Mapping[str, Callable[[bytes], bool]] = {
    "image/png": _is_png,
    "image/jpeg": _is_jpeg,
    "image/gif": _is_gif,
    "image/webp": _is_webp,
    "audio/wav": _is_wav,
    "audio/ogg": _is_ogg,
    "audio/mpeg": _is_mp3,
    "video/mp4": _is_mp4,
    "video/webm": _is_webm,
    "text/html": _is_html,
}
TAKEN = tuple(_KINDS)
# What senders call the same thing.
_OTHER_NAMES = {
    "audio/x-wav": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/vnd.wave": "audio/wav",
    "audio/mp3": "audio/mpeg",
    "image/jpg": "image/jpeg",
    "application/ogg": "audio/ogg",
}


def named_kind(declared: str) -> str:
    """The name under which we know a declared type; without its parameters."""
    plain = declared.partition(";")[0].strip().lower()
    return _OTHER_NAMES.get(plain, plain)


def pieces(content: bytes, size: int) -> list[bytes]:
    bounds = [*range(0, len(content), size), len(content)]
    return [content[start:end] for start, end in pairwise(bounds)]
