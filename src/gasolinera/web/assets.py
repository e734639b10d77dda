"""Static files. Their address holds a digest of their content, so a browser may keep them for good."""

import hashlib
from functools import cache
from importlib.resources import files
from typing import Annotated, Final

from litestar import get
from litestar.exceptions import NotFoundException
from litestar.params import PathParameter
from litestar.response import Response

_KINDS: Final = {
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
}
_FOR_GOOD: Final = "public, max-age=31536000, immutable"


@cache
def asset_url(name: str) -> str:
    """Raises KeyError for a file that does not exist: a template names it wrongly."""
    stem, _, kind = name.rpartition(".")
    return f"/static/{stem}.{_digest(_contents()[name])}.{kind}"


@cache
def _contents() -> dict[str, bytes]:
    folder = files("gasolinera.web").joinpath("static")
    return {entry.name: entry.read_bytes() for entry in folder.iterdir() if entry.name.rpartition(".")[2] in _KINDS}


@cache
def _by_address() -> dict[str, tuple[str, bytes]]:
    """By the last part of the address: only what is in the list is ever read."""
    return {
        asset_url(name).rpartition("/")[2]: (_KINDS[name.rpartition(".")[2]], content)
        for name, content in _contents().items()
    }


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


@get("/static/{name:str}", include_in_schema=False, opt={"open": True}, sync_to_thread=False)
def asset_route(name: Annotated[str, PathParameter(max_length=100)]) -> Response[bytes]:
    found = _by_address().get(name)
    if found is None:
        raise NotFoundException
    kind, content = found
    return Response(content, media_type=kind, headers={"cache-control": _FOR_GOOD})
