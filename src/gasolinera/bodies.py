"""Bodies of requests: JSON that says it is JSON."""

from http import HTTPStatus
from typing import Any, ClassVar

from litestar import Request
from litestar.datastructures import Headers
from litestar.enums import RequestEncodingType
from litestar.exceptions import ClientException
from litestar.handlers import BaseRouteHandler
from litestar.params import BodyKwarg
from litestar.types import Scope

from gasolinera.errors import GasolineraError


class JsonRequest(Request[Any, Any, Any]):
    """The framework's request, which lets two errors of the decoder through as if they were our bugs."""

    async def json(self) -> Any:
        """Raises ClientException for what is nested too deeply, or is not UTF-8."""
        try:
            return await super().json()
        except (RecursionError, UnicodeDecodeError) as error:
            raise ClientException from error


class MediaTypeError(GasolineraError):
    """The body is of another kind than the route takes."""

    status: ClassVar[HTTPStatus] = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


def only_json(scope: Scope, handler: BaseRouteHandler) -> None:
    """A body says that it is JSON, where the route takes JSON: a form of another site cannot. Raises MediaTypeError."""
    if not _takes_json(handler):
        return
    headers = Headers.from_scope(scope)
    if headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers:
        return  # nothing there: told as what is missing
    kind = headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "application/json":
        raise MediaTypeError("request.media_type", "the body is not what this takes", "send application/json")


def _takes_json(handler: BaseRouteHandler) -> bool:
    field = handler.parsed_fn_signature.parameters.get("data")
    if field is None:
        return False
    body = field.kwarg_definition
    return not isinstance(body, BodyKwarg) or body.media_type == RequestEncodingType.JSON
