"""The OpenAPI document: its head, and what every route says without having to say it again."""

from dataclasses import dataclass
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

from litestar import MediaType, Request, Router, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Components, Example, OpenAPIType, Operation, Parameter, Schema, SecurityScheme
from litestar.response import Response
from litestar.serialization import encode_json

from gasolinera.errors import problem_spec
from gasolinera.idempotency import HEADER, MAX_KEY

_BODY_METHODS = frozenset({"POST", "PUT", "PATCH"})
_ALWAYS = {
    400: problem_spec(
        HTTPStatus.BAD_REQUEST, "request.unknown_parameter", "the request has an unknown query parameter"
    ),
    422: problem_spec(HTTPStatus.UNPROCESSABLE_ENTITY, "request.invalid", "the request has wrong values"),
    503: problem_spec(HTTPStatus.SERVICE_UNAVAILABLE, "database.unavailable", "the database cannot be reached"),
    504: problem_spec(HTTPStatus.GATEWAY_TIMEOUT, "request.timeout", "the answer took too long"),
}
_WITH_BODY = {
    413: problem_spec(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "request.too_large", "the body is larger than is allowed"),
    415: problem_spec(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "request.media_type", "the body is not what this takes"),
}
_GUARDED = {
    401: problem_spec(HTTPStatus.UNAUTHORIZED, "auth.no_token", "this needs a login"),
    403: problem_spec(HTTPStatus.FORBIDDEN, "auth.not_allowed", "this account may not do that"),
}
_LIMITED = {
    429: problem_spec(HTTPStatus.TOO_MANY_REQUESTS, "rate.limited", "this was asked more often than is allowed"),
}
_ONCE = {
    409: problem_spec(HTTPStatus.CONFLICT, "idempotency.running", f"a request with this {HEADER} still runs"),
}


def good(kind: Any, description: str, example: object) -> ResponseSpec:
    """What a route answers with when it did what it was asked. The example is shown as it is, none is made up."""
    return ResponseSpec(kind, generate_examples=False, description=description, examples=[Example(value=example)])


@dataclass
class _OnceOperation(Operation):
    """An operation that needs an Idempotency-Key, which the edge reads and no handler has as an argument."""

    def __post_init__(self) -> None:
        schema = Schema(type=OpenAPIType.STRING, min_length=1, max_length=MAX_KEY, pattern="^[!#-~][!-~]*$")
        key = Parameter(
            name=HEADER,
            param_in="header",
            required=True,
            schema=schema,
            description="Names this request. Sent again with the same key, it has no second effect and gets the same "
            "answer, for a day.",
            examples={"uuid": Example(value="6f0f6f3e-6a51-4b0e-9d1c-0d5d0c1f8f0a")},
        )
        self.parameters = [*(self.parameters or []), key]


def describe(handler: HTTPRouteHandler) -> HTTPRouteHandler:
    """Adds to a route's document what its options and its methods imply; what it says itself stays."""
    opt = handler.opt
    known: dict[int, ResponseSpec] = dict(_ALWAYS)
    if _BODY_METHODS & set(handler.http_methods):
        known |= _WITH_BODY
    if not opt.get("open"):
        known |= _GUARDED
        handler.security = [*(handler.security or []), {"bearer": []}, {"partner": []}]
    if opt.get("limits"):
        known |= _LIMITED
    if opt.get("idempotent"):
        known |= _ONCE
        handler.operation_class = _OnceOperation
    handler.responses = known | dict(handler.responses or {})
    return handler


class _NoRoutes(Router):
    """The framework adds pages of its own beside the document; ours are in `router`."""

    def register(self, value: Any) -> list[Any]:  # noqa: ARG002  see above
        return []


def openapi_config() -> OpenAPIConfig:
    return OpenAPIConfig(
        title="Gasolinera JSM",
        version=version("gasolinera"),
        description="A digital coupon platform for petrol-station chains. Errors are problem details (RFC 9457); "
        "their `code` is stable.",
        openapi_router=_NoRoutes("/openapi.json", route_handlers=[]),
        components=Components(
            security_schemes={
                "bearer": SecurityScheme(type="http", scheme="bearer", bearer_format="JWT"),
                "partner": SecurityScheme(type="apiKey", name="X-API-Key", security_scheme_in="header"),
            }
        ),
        use_handler_docstrings=False,
    )


@get("/openapi.json", include_in_schema=False, opt={"open": True}, sync_to_thread=False)
def openapi_route(request: Request[Any, Any, Any]) -> Response[bytes]:
    state = request.app.state
    if "openapi_json" not in state:
        state["openapi_json"] = encode_json(request.app.openapi_schema.to_schema())
    return Response(state["openapi_json"], media_type=MediaType.JSON)
