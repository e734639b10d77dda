"""Small media as programs write them, made here byte by byte, independently of the code that tells what they are."""

import io
import math
import struct
import wave
import zlib

from PIL import Image

HTML = b"<!DOCTYPE html><html><body><button onclick='this.remove()'>Lima</button></body></html>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(document.cookie)</script></svg>'


def picture(kind: str, *, frames: int = 1, size: tuple[int, int] = (16, 9)) -> bytes:
    images = [Image.new("RGB", size, (40 * number, 120, 60)) for number in range(frames)]
    out = io.BytesIO()
    images[0].save(out, kind, **({"save_all": True, "append_images": images[1:]} if frames > 1 else {}))
    return out.getvalue()


def tone(seconds: float = 0.1) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"".join(struct.pack("<h", int(9000 * math.sin(n / 4))) for n in range(int(8000 * seconds))))
    return out.getvalue()


def ogg() -> bytes:
    """Two pages of an Ogg stream; what is in them nobody looks at."""
    page = b"OggS" + bytes(22) + bytes([2, 200, 5]) + bytes(205)
    return page + page


def mp3(frames: int = 3) -> bytes:
    """Frames of MPEG 1 layer III, 128 kbit/s, 44.1 kHz: 417 bytes each."""
    return (b"\xff\xfb\x90\x00" + bytes(413)) * frames


def mp4() -> bytes:
    film = b"".join(struct.pack(">I4s", 28, name) + bytes(20) for name in (b"mvhd", b"trak"))
    return b"".join(
        struct.pack(">I4s", 8 + len(content), name) + content
        for name, content in ((b"ftyp", b"isom\0\0\2\0isomiso2"), (b"moov", film), (b"mdat", bytes(50)))
    )


def webm() -> bytes:
    head = b"\x42\x82\x84webm"
    return b"\x1a\x45\xdf\xa3" + bytes([0x80 | len(head)]) + head + b"\x18\x53\x80\x67" + b"\x84" + bytes(4)


def png_with_trailing_script() -> bytes:
    return picture("PNG") + b"<script>alert(1)</script>"


def png_with_broken_checksum() -> bytes:
    content = bytearray(picture("PNG"))
    content[20] ^= 1
    return bytes(content)


def gif_that_is_a_script() -> bytes:
    """The classic: a GIF's six letters begin a comment's end and a program."""
    return b"GIF89a/*" + bytes(5) + b"*/=1;alert(document.domain);//;"


def jpeg_that_is_an_archive() -> bytes:
    return picture("JPEG") + b"PK\x05\x06" + bytes(18)


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content), name) + content + struct.pack(">I", zlib.crc32(name + content))
