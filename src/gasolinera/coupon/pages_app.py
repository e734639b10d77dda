"""What makes the wallet an app: its manifest, its service worker, and the page for when there is no connection."""

from functools import cache
from importlib.resources import files
from typing import Any, Final

import msgspec
from litestar import Request, Response, get
from litestar.response import Template

from gasolinera.coupon.wallet_words import WORDING
from gasolinera.web.assets import asset_url
from gasolinera.web.pages import language_of, page

_AnyRequest = Request[Any, Any, Any]
_GREEN: Final = "#0a6b4f"
# A worker's policy is that of its script: it asks our own origin, and runs nothing else.
_WORKER_POLICY: Final = "default-src 'none'; connect-src 'self'"


class Icon(msgspec.Struct, frozen=True):
    src: str
    sizes: str
    type: str
    purpose: str = "any"


class Shortcut(msgspec.Struct, frozen=True):
    name: str
    url: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """A web application's manifest (W3C)."""

    id: str
    name: str
    short_name: str
    description: str
    lang: str
    start_url: str
    scope: str
    display: str
    theme_color: str
    background_color: str
    icons: tuple[Icon, ...]
    shortcuts: tuple[Shortcut, ...]


@get("/manifest.webmanifest", opt={"open": True}, include_in_schema=False, sync_to_thread=False)
def manifest_route(request: _AnyRequest) -> Response[bytes]:
    language = language_of(request)
    manifest = Manifest(
        id="/wallet",
        name="Gasolinera JSM",
        short_name="Gasolinera",
        description=WORDING.text(language, "app-description"),
        lang=language,
        start_url="/wallet",
        scope="/",
        display="standalone",
        theme_color=_GREEN,
        background_color="#ffffff",
        icons=(
            Icon(asset_url("icon-192.png"), "192x192", "image/png"),
            Icon(asset_url("icon-512.png"), "512x512", "image/png"),
            Icon(asset_url("icon-maskable-512.png"), "512x512", "image/png", "maskable"),
            Icon(asset_url("icon.svg"), "any", "image/svg+xml"),
        ),
        shortcuts=(
            Shortcut(WORDING.text(language, "wallet-title"), "/wallet"),
            Shortcut(WORDING.text(language, "offers-title"), "/offers"),
        ),
    )
    headers = {"cache-control": "no-cache", "vary": "accept-language, cookie"}
    return Response(msgspec.json.encode(manifest), media_type="application/manifest+json", headers=headers)


@get("/sw.js", opt={"open": True}, include_in_schema=False, sync_to_thread=False)
def worker_route() -> Response[bytes]:
    """At the top, since it looks after the pages below its own address."""
    headers = {"cache-control": "no-cache", "content-security-policy": _WORKER_POLICY}
    return Response(_worker(), media_type="text/javascript", headers=headers)


@cache
def _worker() -> bytes:
    return files("gasolinera.web").joinpath("static", "service-worker.js").read_bytes()


@get("/offline", opt={"open": True}, include_in_schema=False, sync_to_thread=False)
def offline_route(request: _AnyRequest) -> Template:
    return page(request, "coupon/wallet/offline.html", {}, wording=WORDING)


HANDLERS = (manifest_route, worker_route, offline_route)
