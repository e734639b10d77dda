"""Forms that are posted: only from our own pages, and only with the token that the page was given.

Browsers say where a request comes from (Sec-Fetch-Site, Origin); the token holds where they do not, and binds a form
to the session that it was shown in.
"""

import hmac
import time
from typing import Any, Final
from urllib.parse import urlsplit

from litestar import Request
from litestar.connection import ASGIConnection

from gasolinera.errors import ForbiddenError, UnauthenticatedError
from gasolinera.keyring import Keyring
from gasolinera.web.cookies import session_of

_GOOD_FOR_S: Final = 12 * 3600
_BINDS: Final = b"form"


def form_token(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    """For the hidden field `token` of a form on a page of this request."""
    keyring: Keyring = connection.app.state["keyring"]
    until = int(time.time()) + _GOOD_FOR_S
    key_id, mac = keyring.mac("cursor", _bound(connection, until))
    return f"{until}.{key_id}.{mac.hex()}"


def check_form(request: Request[Any, Any, Any], token: str) -> None:
    """Raises ForbiddenError `form.foreign` or `form.expired`; called before anything is done."""
    if not _is_from_us(request):
        raise ForbiddenError("form.foreign", "this form was sent from another site")
    until, _, rest = token.partition(".")
    key_id, _, mac = rest.partition(".")
    expired = ForbiddenError("form.expired", "this form is too old", "load the page again")
    if not (until.isascii() and until.isdigit() and key_id.isascii() and key_id.isdigit() and len(token) < 200):
        raise expired
    keyring: Keyring = request.app.state["keyring"]
    try:
        expected = keyring.mac_with("cursor", int(key_id), _bound(request, int(until)))
    except UnauthenticatedError:
        raise expired from None
    if not hmac.compare_digest(mac.encode(), expected.hex().encode()) or int(until) < time.time():
        raise expired


def _bound(connection: ASGIConnection[Any, Any, Any, Any], until: int) -> bytes:
    return b"\0".join((_BINDS, str(until).encode(), (session_of(connection) or "").encode()))


def _is_from_us(request: Request[Any, Any, Any]) -> bool:
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


def local_path(path: str) -> str:
    """Where to go after a form: a path of ours, never another site."""
    good = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() and path.isascii()
    return path if good and len(path) <= 500 else "/"
