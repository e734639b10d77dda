"""Getting the regulator's files from where it publishes them, within limits of size and time."""

from pathlib import Path

import httpx

from gasolinera.errors import InputError
from gasolinera.station.feed import MAX_UNPACKED_BYTES

_TIMEOUT_S = 30.0
MAX_BYTES = MAX_UNPACKED_BYTES  # a file that comes unpacked may be as large as one that is unpacked here


async def fetched(source: str, target: Path) -> Path:
    """The file itself, or what an address gives, written to `target`. Raises InputError `feed.unreachable`."""
    if not source.startswith(("https://", "http://")):
        return Path(source)
    try:
        async with (
            httpx.AsyncClient(timeout=_TIMEOUT_S, follow_redirects=True, max_redirects=3) as client,
            client.stream("GET", source) as response,
        ):
            response.raise_for_status()
            size = 0
            with target.open("wb") as file:
                async for chunk in response.aiter_bytes():
                    size += len(chunk)
                    if size > MAX_BYTES:
                        raise InputError("feed.too_large", f"{source} is larger than {MAX_BYTES // 1024**2} MB")
                    file.write(chunk)
    except httpx.HTTPError as error:
        message = f"{source} cannot be fetched: {type(error).__name__}"
        raise InputError("feed.unreachable", message, "try again later, or name files") from None
    return target
