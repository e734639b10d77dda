"""The verifiers to download: whoever doubts a draw needs no repository to check it."""

from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Annotated, Any, Final, TypeAlias

from litestar import Response, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example
from litestar.params import HeaderParameter

from gasolinera.limits import Limit
from gasolinera.raffle.api_raffles import PROBLEMS

_OPEN: Final[dict[str, Any]] = {"open": True, "limits": (Limit("ip", 120, 60),)}
_SINGLE_FILE: Final = ("gasolinera.raffle", "verifier/verify_draw.py")
_MODULE: Final = ("gasolinera.web", "modules/verify_draw.mjs")
_PYTHON: Final = "text/x-python"
_JAVASCRIPT: Final = "text/javascript"
_FRESH_FOR: Final = "public, max-age=3600"  # the address stays the same when a release brings another file

_IfNoneMatch: TypeAlias = Annotated[
    str | None, HeaderParameter(name="If-None-Match", max_length=200, description="The ETag that is there already.")
]


@cache
def _file(package: str, path: str) -> tuple[bytes, str]:
    """With its SHA-256, which the ETag names."""
    data = files(package).joinpath(path).read_bytes()
    return data, sha256(data).hexdigest()


def _answer(file: tuple[str, str], media_type: str, if_none_match: str | None) -> Response[bytes | None]:
    data, hashed = _file(*file)
    headers = {"etag": f'"{hashed}"', "cache-control": _FRESH_FOR}
    if if_none_match is not None and headers["etag"] in if_none_match:
        return Response(None, status_code=304, headers=headers)
    return Response(data, media_type=media_type, headers=headers)


def _program(description: str, media_type: str) -> ResponseSpec:
    return ResponseSpec(
        bytes,
        generate_examples=False,
        description=description,
        media_type=media_type,
        examples=[Example(value="its text")],
    )


@get(
    "/verifier/verify_draw.py",
    opt=_OPEN,
    sync_to_thread=False,
    summary="Get the verifier in one file of Python",
    description="Its ETag is its SHA-256: compare it with one from where you trust it.",
    responses={200: _program("The file.", _PYTHON), **PROBLEMS},
)
def single_file_route(if_none_match: _IfNoneMatch = None) -> Response[bytes | None]:
    return _answer(_SINGLE_FILE, _PYTHON, if_none_match)


@get(
    "/verifier/verify_draw.mjs",
    opt=_OPEN,
    sync_to_thread=False,
    summary="Get the verifier for browsers",
    description="An ES module; it imports `@noble/curves` and `@noble/hashes`. Its ETag is its SHA-256.",
    responses={200: _program("The module.", _JAVASCRIPT), **PROBLEMS},
)
def module_route(if_none_match: _IfNoneMatch = None) -> Response[bytes | None]:
    return _answer(_MODULE, _JAVASCRIPT, if_none_match)


HANDLERS = (single_file_route, module_route)
