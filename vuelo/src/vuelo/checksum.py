"""Flyway's checksum of a script: CRC-32 over its lines without their ends, as a signed 32-bit number. Pure."""

import zlib
from collections.abc import Iterable


def checksum(lines: Iterable[str]) -> int:
    """Lines may carry their ends (\\n, \\r, \\r\\n); one byte order mark at the very start is not counted.

    Formula: `ChecksumCalculator` of Flyway 13, which updates one CRC32 with the UTF-8 bytes of each line.
    """
    crc = 0
    for number, line in enumerate(lines):
        text = line.rstrip("\r\n")
        if number == 0:
            text = text.removeprefix("\ufeff")
        crc = zlib.crc32(text.encode(), crc)
    return crc - (1 << 32) if crc >> 31 else crc
