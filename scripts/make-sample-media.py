"""Draws the media of the sample advertisements and writes src/gasolinera/ads/sample_data/R__91_sample_media.sql.

Everything is made here: a picture, a tone, a document to play with, and a film. The film is WebM with one VP8 key frame
after the other, each taken out of a WebP picture: a film that browsers play, made without a film encoder, and much
larger than one of those would make it. Run it again after a change, and put the hashes that it prints into R__90.
"""

import base64
import hashlib
import io
import math
import struct
import textwrap
import wave
from pathlib import Path

from PIL import Image, ImageDraw

_TARGET = Path(__file__).parents[1] / "src/gasolinera/ads/sample_data/R__91_sample_media.sql"
_SIZE = (320, 180)
_FRAMES, _FRAME_MS = 30, 500
_HTML = """<!DOCTYPE html>
<html lang="es"><head><meta charset="utf-8"><title>Elige tu llanta</title>
<style>body{font:18px sans-serif;text-align:center;background:#17324d;color:#fff}
button{font:inherit;margin:.5em;padding:.7em 1.4em;border:0;border-radius:2em}
</style></head><body><h1>Elige tu llanta</h1><p id="answer">\u00bfPor d\u00f3nde manejas?</p>
<button data-tyre="Tecolote Lluvia">Ciudad</button><button data-tyre="Tecolote Noche">Carretera</button>
<button data-tyre="Tecolote Sierra">Terracer\u00eda</button>
<script>for (const button of document.querySelectorAll("button"))
  button.onclick = () => { document.getElementById("answer").textContent = "La tuya: " + button.dataset.tyre; };
</script></body></html>
"""


def picture() -> bytes:
    image = Image.new("RGB", _SIZE, "#f7e8c9")
    draw = ImageDraw.Draw(image)
    draw.polygon([(120, 30), (200, 30), (186, 160), (134, 160)], fill="#d9f2f0", outline="#17324d")
    draw.polygon([(124, 70), (196, 70), (186, 158), (134, 158)], fill="#c8dc4b")
    draw.ellipse((180, 14, 236, 70), fill="#e9f29b", outline="#7d8f1f", width=5)
    draw.line((160, 10, 150, 150), fill="#c0392b", width=5)
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()


def tone() -> bytes:
    """Five seconds of rain, in steps of a scale."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(4000)
        notes = (262, 294, 330, 392, 440)
        samples = (
            128 + int(60 * math.sin(2 * math.pi * notes[at // 4000] * at / 4000) * (1 - at % 4000 / 4000))
            for at in range(5 * 4000)
        )
        file.writeframes(bytes(samples))
    return out.getvalue()


def film() -> bytes:
    head = _element(
        0x1A45DFA3,
        _number(0x4286, 1) + _number(0x42F7, 1) + _number(0x42F2, 4) + _number(0x42F3, 8)
        + _element(0x4282, b"webm") + _number(0x4287, 4) + _number(0x4285, 2),
    )  # fmt: skip
    info = _element(
        0x1549A966,
        _number(0x2AD7B1, 1_000_000) + _element(0x4489, struct.pack(">d", float(_FRAMES * _FRAME_MS)))
        + _element(0x4D80, b"gasolinera") + _element(0x5741, b"gasolinera"),
    )  # fmt: skip
    size = _element(0xE0, _number(0xB0, _SIZE[0]) + _number(0xBA, _SIZE[1]))
    track = _number(0xD7, 1) + _number(0x73C5, 1) + _number(0x83, 1) + _element(0x86, b"V_VP8") + size
    tracks = _element(0x1654AE6B, _element(0xAE, track))
    clusters = b"".join(
        _element(
            0x1F43B675,
            _number(0xE7, number * _FRAME_MS) + _element(0xA3, b"\x81\x00\x00\x80" + _key_frame(number)),
        )
        for number in range(_FRAMES)
    )
    return head + _element(0x18538067, info + tracks + clusters)


def _key_frame(number: int) -> bytes:
    """The sun goes down behind the sea."""
    part = number / (_FRAMES - 1)
    image = Image.new("RGB", _SIZE, (int(250 - 190 * part), int(200 - 150 * part), int(140 - 40 * part)))
    draw = ImageDraw.Draw(image)
    draw.ellipse((130, 20 + 100 * part, 190, 80 + 100 * part), fill="#ffd24a")
    draw.rectangle((0, 110, *_SIZE), fill=(20, int(110 - 60 * part), int(150 - 60 * part)))
    draw.rectangle((0, 174, int(_SIZE[0] * part), 180), fill="#c8dc4b")
    out = io.BytesIO()
    image.save(out, "WEBP", quality=30, method=6)
    content = out.getvalue()
    at = content.index(b"VP8 ")
    (length,) = struct.unpack_from("<I", content, at + 4)
    return content[at + 8 : at + 8 + length]


def _element(name: int, content: bytes) -> bytes:
    return name.to_bytes((name.bit_length() + 7) // 8, "big") + (len(content) | 1 << 56).to_bytes(8, "big") + content


def _number(name: int, value: int) -> bytes:
    return _element(name, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))


def _statement(kind: str, content: bytes) -> str:
    digest = hashlib.sha256(content).hexdigest()
    text = textwrap.fill(base64.b64encode(content).decode(), 116)
    return (
        f"INSERT INTO ad_schema.ad_media (sha256, media_type, byte_count)\n"
        f"VALUES (decode('{digest}', 'hex'), '{kind}', {len(content)})\n"
        f"ON CONFLICT (sha256) DO NOTHING;\n"
        f"INSERT INTO ad_schema.ad_media_chunks (sha256, position, content)\n"
        f"VALUES (decode('{digest}', 'hex'), 0, decode('\n{text}\n', 'base64'))\n"
        f"ON CONFLICT (sha256, position) DO NOTHING;\n"
    )


def main() -> None:
    made = (
        ("video/webm", film()),
        ("image/png", picture()),
        ("text/html", _HTML.encode()),
        ("audio/wav", tone()),
    )
    head = (
        "-- Sample media of the ad engine, for development and tests: drawn by scripts/make-sample-media.py, which\n"
        "-- wrote this file. Loading it again changes nothing.\n"
    )
    _TARGET.write_text(head + "".join("\n" + _statement(kind, content) for kind, content in made), encoding="utf-8")
    for kind, content in made:
        print(kind, len(content), hashlib.sha256(content).hexdigest())  # noqa: T201


if __name__ == "__main__":
    main()
