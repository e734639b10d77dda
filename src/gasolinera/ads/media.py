"""Media that advertisers upload: kept by the hash of their content, in the database, in pieces.

In the database and not in a folder: they are small and few, every process sees them at once, they are in the backup
that has the advertisements which name them, and an upload that fails leaves nothing behind. Large films stay at a URL.
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator
from uuid import UUID

import msgspec

from gasolinera.ads import queries_ads as queries
from gasolinera.ads.errors import TooLargeError, unknown_media
from gasolinera.ads.media_kinds import TAKEN, kind_of, named_kind, pieces
from gasolinera.ads.models_ads import StoredMedia
from gasolinera.ads.queries_ads import FoundMedia
from gasolinera.ads.serving import MEDIA_PATH
from gasolinera.database import Connection, Database
from gasolinera.errors import InputError

MAX_MEDIA_BYTES = 8_000_000
CHUNK_BYTES = 262_144
# For a document of an advertiser, which is opened in a frame: it runs as nobody, reaches nobody, and keeps nothing.
HTML_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data:; media-src data:; font-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)


class Examined(msgspec.Struct, frozen=True):
    """Bytes that are known to be whole media of a kind that is taken."""

    content: bytes
    kind: str
    digest: bytes


async def examine(content: bytes, *, declared: str) -> Examined:
    """In a thread, and before there is a transaction: nobody waits for somebody's megabytes to be read.

    Raises TooLargeError `ad_media.size`, InputError `ad_media.kind` for what is not taken or not what it is said to be.
    """
    return await asyncio.to_thread(_examine, content, declared)


def _examine(content: bytes, declared: str) -> Examined:
    if not 0 < len(content) <= MAX_MEDIA_BYTES:
        hint = "leave large media where they are, and name their URL"
        raise TooLargeError("ad_media.size", f"media have 1 to {MAX_MEDIA_BYTES:,} bytes", hint)
    kind = kind_of(content)
    if kind is None:
        raise InputError("ad_media.kind", "these bytes are no media that are taken", f"one of {', '.join(TAKEN)}")
    if kind != named_kind(declared):
        raise InputError("ad_media.kind", f"these bytes are {kind}, which is not what they are said to be")
    return Examined(content, kind, hashlib.sha256(content).digest())


async def keep(conn: Connection, media: Examined, *, uploaded_by: UUID | None) -> StoredMedia:
    """Once each: the same bytes again are the same media, which then have their week anew. Locks their row."""
    sha256, size = media.digest.hex(), len(media.content)
    if await queries.keep_media(conn, media.digest, media.kind, size, uploaded_by):
        await queries.keep_chunks(conn, media.digest, pieces(media.content, CHUNK_BYTES))
    return StoredMedia(sha256=sha256, media_type=media.kind, byte_count=size, url=MEDIA_PATH + sha256)


async def find(conn: Connection, sha256: str, *, may_see_all: bool) -> FoundMedia:
    """What no approved advertisement has is unknown to whom `may_see_all` is not true of. Raises UnknownError."""
    found = await queries.find_media(conn, bytes.fromhex(sha256))
    if found is None or not (found.is_public or may_see_all):
        raise unknown_media()
    return found


async def read(db: Database, sha256: str, *, first: int, last: int) -> AsyncGenerator[bytes]:
    """The bytes from first to last, both included, a piece at a time; a connection is held for a piece, not for as
    long as the receiver takes.
    """
    digest = bytes.fromhex(sha256)
    for position in range(first // CHUNK_BYTES, last // CHUNK_BYTES + 1):
        async with db.connection() as conn:
            content = await queries.read_chunk(conn, digest, position)
        if content is None:
            raise unknown_media()
        start = position * CHUNK_BYTES
        yield content[max(0, first - start) : last + 1 - start]


async def forget_unused(conn: Connection, at_once: int) -> int:
    """Uploads that no advertisement has had for a week; how many. Passes over what others have locked."""
    return await queries.forget_unused_media(conn, at_once)
