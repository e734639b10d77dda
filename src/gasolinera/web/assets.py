"""Static files: our own, and those of the packages that `package.json` names, which set-up has installed.

Their address begins with a digest of all of them, so that a browser may keep them for good and modules may import each
other by the relative addresses that they have on disk.
"""

import hashlib
import json
from base64 import b64encode
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Final

import msgspec
from litestar import get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, PathParameter
from litestar.response import Response

_KINDS: Final = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".json": "application/json",
    ".wasm": "application/wasm",
}
_FOR_GOOD: Final = "public, max-age=31536000, immutable"
_ROOT: Final = Path(str(files("gasolinera.web")))
_OWN: Final = ("static", "modules")
_PACKAGES: Final = _ROOT / "node_modules"


class ImportMap(msgspec.Struct, frozen=True):
    """What a page says about the packages that its modules import by name, and the hash that the policy allows."""

    text: str
    source: str


def asset_url(name: str) -> str:
    """Raises KeyError for a file that does not exist: a template names it wrongly."""
    if name not in _found():
        raise KeyError(name)
    return f"/static/{_digest()}/{name}"


def has_package(name: str) -> bool:
    """Whether set-up has installed it; a page that would use it has a plainer way."""
    return f"npm/{name}/package.json" in _found()


def import_map(modules: Iterable[str]) -> ImportMap | None:
    """None where one of the packages is missing. A module is named as it is imported, `@noble/curves/bls12-381.js`.

    The packages that those import by their names are in the map, too: each of ours that is installed.
    """
    if any(f"npm/{one}" not in _found() for one in modules):
        return None
    imports = {f"{name}/": f"/static/{_digest()}/npm/{name}/" for name in _package_names() if has_package(name)}
    text = json.dumps({"imports": imports}, separators=(",", ":"))
    digest = b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return ImportMap(text, f"'sha256-{digest}'")


@cache
def _package_names() -> tuple[str, ...]:
    named: Mapping[str, object] = json.loads((_ROOT / "package.json").read_text(encoding="utf-8"))["dependencies"]
    return tuple(named)


@cache
def _found() -> Mapping[str, Path]:
    """By name: only what is in the list is ever read. The list is that of when the process began."""
    own = {path.name: path for folder in _OWN for path in sorted((_ROOT / folder).iterdir()) if path.suffix in _KINDS}
    packages = {
        f"npm/{path.relative_to(_PACKAGES).as_posix()}": path
        for name in _package_names()
        for path in sorted((_PACKAGES / name).rglob("*"))
        if path.suffix in _KINDS and path.is_file()
    }
    return own | packages


@cache
def _digest() -> str:
    """Of our own files' content, and of the lock file for the packages'."""
    digest = hashlib.sha256((_ROOT / "package-lock.json").read_bytes())
    for name, path in sorted(_found().items()):
        digest.update(name.encode() + b"\0")
        if not name.startswith("npm/"):
            digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


@cache
def _content(name: str) -> bytes:
    return _found()[name].read_bytes()


@get("/static/{digest:str}/{name:path}", include_in_schema=False, opt={"open": True}, sync_to_thread=False)
def asset_route(digest: Annotated[str, PathParameter(max_length=16)], name: FromPath[Path]) -> Response[bytes]:
    """An address of another version is none: it must not be kept for good with what is there now."""
    asked = name.as_posix().lstrip("/")
    if digest != _digest() or asked not in _found():
        raise NotFoundException
    return Response(_content(asked), media_type=_KINDS[_found()[asked].suffix], headers={"cache-control": _FOR_GOOD})
