"""Getting the regulator's files from where it publishes them, within limits of size and time."""

import asyncio
from pathlib import Path

import httpx

from gasolinera.errors import InputError
from gasolinera.station.feed import MAX_UNPACKED_BYTES

_SILENCE_S = 30.0
_LIMIT_S = 300.0
MAX_BYTES = MAX_UNPACKED_BYTES  # a file that comes unpacked may be as large as one that is unpacked here


async def fetched(source: str, target: Path, *, max_bytes: int = MAX_BYTES, limit_s: float = _LIMIT_S) -> Path:
    """The file itself, or what an address gives, written to `target`.

    Raises InputError `feed.unreachable`, `feed.too_large`, and `feed.not_https` where a redirection leads out of https.
    """
    if not source.startswith(("https://", "http://")):
        return Path(source)

    async def stay(request: httpx.Request) -> None:
        if source.startswith("https://") and request.url.scheme != "https":
            raise InputError("feed.not_https", f"{source} leads to an address that is not https")

    try:
        async with (
            asyncio.timeout(limit_s),
            httpx.AsyncClient(
                timeout=_SILENCE_S, follow_redirects=True, max_redirects=3, event_hooks={"request": [stay]}
            ) as client,
            client.stream("GET", source) as response,
        ):
            response.raise_for_status()
            size = 0
            with target.open("wb") as file:
                async for chunk in response.aiter_bytes():
                    size += len(chunk)
                    if size > max_bytes:
                        raise InputError("feed.too_large", f"{source} is larger than {max_bytes:,} bytes")
                    file.write(chunk)
    except (httpx.HTTPError, TimeoutError) as error:
        message = f"{source} cannot be fetched: {type(error).__name__}"
        raise InputError("feed.unreachable", message, "try again later, or name files") from None
    return target
