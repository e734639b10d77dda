"""Pages that a browser keeps for when there is no connection: the service worker keeps them by what they say here."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from litestar import Request

from gasolinera.web.cookies import session_of


def session_tag(request: Request[Any, Any, Any]) -> str:
    """Which session a kept page belongs to. Says nothing of the session's secret, which is 256 random bits."""
    return hashlib.sha256(b"wallet\0" + (session_of(request) or "").encode()).hexdigest()[:24]


def kept(request: Request[Any, Any, Any], now: datetime) -> Mapping[str, str]:
    """The headers of a page that is kept."""
    return {"x-wallet-owner": session_tag(request), "x-wallet-at": now.isoformat()}
