"""A code that a browser waits for: kept in a cookie of its own, so that no other browser can answer with it.

Its session's token opens nothing without the code, and a code that somebody else asked for cannot be put into another's
browser: the cookie is set by our answer alone, and sent with our own forms alone.
"""

import base64
import binascii
import time
from typing import Annotated, Any, Final

import msgspec
from litestar import Request
from litestar.datastructures import Cookie

from gasolinera.auth.models import CODE_LIFE_S, CodeSession
from gasolinera.config import Environment, Settings
from gasolinera.web.forms import local_path

_MAX_COOKIE: Final = 1_200


class Waiting(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`ending`: of the number that was typed. `then`: where the browser wanted to go."""

    session_token: Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[0-9A-Za-z._-]+$(?!\n)")]
    ending: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{2}$(?!\n)")]
    asked_at: Annotated[int, msgspec.Meta(ge=0, le=2**40)]
    is_new: bool = False
    then: Annotated[str, msgspec.Meta(max_length=500)] = "/"


def waiting_for(session: CodeSession, ending: str, *, is_new: bool = False, then: str = "/") -> Waiting:
    return Waiting(
        session_token=session.session_token,
        ending=ending,
        asked_at=int(time.time()),
        is_new=is_new,
        then=local_path(then),
    )


def waiting_of(request: Request[Any, Any, Any], purpose: str = "login") -> Waiting | None:
    """None where there is none, or what it says is not what we write."""
    kept = request.cookies.get(_name(purpose, _environment_of(request)), "")
    if not 0 < len(kept) <= _MAX_COOKIE or not kept.isascii():
        return None
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(kept + "=" * (-len(kept) % 4)), type=Waiting)
    except (msgspec.MsgspecError, binascii.Error, ValueError):
        return None


def waiting_cookie(request: Request[Any, Any, Any], waiting: Waiting, purpose: str = "login") -> Cookie:
    value = base64.urlsafe_b64encode(msgspec.json.encode(waiting)).decode().rstrip("=")
    return _cookie(request, purpose, value, CODE_LIFE_S)


def no_waiting_cookie(request: Request[Any, Any, Any], purpose: str = "login") -> Cookie:
    return _cookie(request, purpose, "", 0)


def resend_in_s(waiting: Waiting, resend_after_s: int) -> int:
    """How long until another code may be asked for."""
    return max(0, min(resend_after_s, waiting.asked_at + resend_after_s - int(time.time())))


def _cookie(request: Request[Any, Any, Any], purpose: str, value: str, max_age_s: int) -> Cookie:
    environment = _environment_of(request)
    return Cookie(
        key=_name(purpose, environment),
        value=value,
        max_age=max_age_s,
        path="/",
        secure=environment is not Environment.DEVELOPMENT,
        httponly=True,
        samesite="strict",
    )


def _name(purpose: str, environment: Environment) -> str:
    """The prefix makes browsers refuse a cookie that another host or an open connection has set (RFC 6265bis)."""
    return f"code-{purpose}" if environment is Environment.DEVELOPMENT else f"__Host-code-{purpose}"


def _environment_of(request: Request[Any, Any, Any]) -> Environment:
    settings: Settings = request.app.state["settings"]
    return settings.environment
