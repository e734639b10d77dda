"""What a use case refuses, told in the form that asked: each code has its words, and its field."""

from collections.abc import Awaitable, Mapping
from http import HTTPStatus
from typing import Any

import asyncpg
from litestar import Request

from gasolinera.errors import GasolineraError, refusal
from gasolinera.web.forms import Form
from gasolinera.web.pages import language_of
from gasolinera.wording import Wording


async def refused(request: Request[Any, Any, Any], work: Awaitable[object]) -> GasolineraError | None:
    """Why `work` was not done; None when it was. What is unknown, not allowed or our own fault it raises on."""
    try:
        await work
    except GasolineraError as error:
        return _tellable(error)
    except asyncpg.IntegrityConstraintViolationError as error:
        return _tellable(refusal(error, request.app.state.get("refusals", {})))
    return None


def _tellable(error: GasolineraError) -> GasolineraError:
    is_told = HTTPStatus.BAD_REQUEST < error.status < HTTPStatus.INTERNAL_SERVER_ERROR
    if not is_told or error.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND):
        raise error
    return error


def words_of(request: Request[Any, Any, Any], wording: Wording, error: GasolineraError) -> str:
    """The text `refused-<code>` of the page's own wording, its dots and underscores as dashes; else `refused-other`."""
    language = language_of(request)
    name = "refused-" + error.code.replace(".", "-").replace("_", "-")
    return wording.text(language, name if name in wording.names(language) else "refused-other")


def tell(
    request: Request[Any, Any, Any],
    form: Form,
    error: GasolineraError,
    wording: Wording,
    fields: Mapping[str, str] | None = None,
) -> None:
    """Puts it at the field that its code is about, else above the form."""
    form.refuse(words_of(request, wording, error), (fields or {}).get(error.code))
