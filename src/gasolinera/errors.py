"""One base for every error, and one renderer each for HTTP (problem details, RFC 9457) and for the command line.

An error has a stable code, a sentence, and sometimes a hint. Codes are lower case, `topic.what`; clients rely on them.
"""

import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, ClassVar

import asyncpg
import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.handlers import BaseRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example
from litestar.params import ParameterKwarg

PROBLEM_MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:gasolinera:problem:"
_RETRY_AFTER_S = 5
_MISSING = re.compile(r"Missing required \w+ parameter '(\w+)'")  # the framework says it in words alone
_MONTH_OF_PARTITION = re.compile(r"_[0-9]{4}_[0-9]{2}(?=_|$)")
_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

# Text that PostgreSQL cannot hold: NUL, say, in a part of the address that no pattern looked at.
_UNFIT_TEXT = (asyncpg.CharacterNotInRepertoireError, asyncpg.UntranslatableCharacterError)

# Somebody else's trouble: the server is gone, refuses connections, or a statement took too long.
_DATABASE_UNAVAILABLE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InternalClientError,  # what the driver says when a connection ends just as a statement begins
)

_CONNECTION_LOST = (
    ConnectionError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.InternalClientError,
)

# The database is there, but is not what this version of the code was made for.
_DATABASE_MISCONFIGURED = (
    asyncpg.InsufficientPrivilegeError,
    asyncpg.InvalidSchemaNameError,
    asyncpg.UndefinedTableError,
)


class GasolineraError(Exception):
    """Base of what we raise on purpose. `status` is what HTTP makes of it."""

    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR

    def __init__(self, code: str, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


class ConfigError(GasolineraError):
    """The process was set up wrongly."""


class InputError(GasolineraError):
    """A file, an argument or a field from outside is not what it must be."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


class UnknownError(GasolineraError):
    """What was asked for does not exist."""

    status = HTTPStatus.NOT_FOUND


class UnauthenticatedError(GasolineraError):
    """Nobody knows who asks: no token, or one that is not good."""

    status = HTTPStatus.UNAUTHORIZED


class ForbiddenError(GasolineraError):
    """Who asks is known, and may not."""

    status = HTTPStatus.FORBIDDEN


class ConflictError(GasolineraError):
    """What is there already stands in the way."""

    status = HTTPStatus.CONFLICT


class GoneError(GasolineraError):
    """It was good once, and is over."""

    status = HTTPStatus.GONE


class LockedError(GasolineraError):
    """Good again later; until then nobody gets in."""

    status = HTTPStatus.LOCKED

    def __init__(self, code: str, message: str, hint: str | None = None, *, retry_after_s: int) -> None:
        super().__init__(code, message, hint)
        self.retry_after_s = retry_after_s


class TooManyError(LockedError):
    """Asked more often than is allowed."""

    status = HTTPStatus.TOO_MANY_REQUESTS


class UnavailableError(GasolineraError):
    """Works again later without the caller's doing."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


class FieldProblem(msgspec.Struct, frozen=True):
    """One field or parameter, and what is wrong with it."""

    field: str
    message: str


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """Problem details by RFC 9457; `code` is stable, `detail` is for people and may change."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    hint: str | None = None
    errors: tuple[FieldProblem, ...] = ()


def problem_response(
    status: HTTPStatus,
    code: str,
    detail: str,
    *,
    hint: str | None = None,
    errors: tuple[FieldProblem, ...] = (),
    headers: dict[str, str] | None = None,
) -> Response[Problem]:
    problem = Problem(TYPE_PREFIX + code, status.phrase, int(status), code, detail, hint, errors)
    return Response(problem, status_code=int(status), media_type=PROBLEM_MEDIA_TYPE, headers=headers)


def problem_spec(status: HTTPStatus, code: str, detail: str) -> ResponseSpec:
    """How a route documents one of its problems in OpenAPI, with an example."""
    value = {
        "type": TYPE_PREFIX + code,
        "title": status.phrase,
        "status": int(status),
        "code": code,
        "detail": detail,
    }
    return ResponseSpec(
        Problem,
        generate_examples=False,
        description=status.phrase,
        media_type=PROBLEM_MEDIA_TYPE,
        examples=[Example(summary=code, value=value)],
    )


def unavailable(error: Exception) -> UnavailableError | None:
    """The error that callers see when the database is out of reach or too slow; None when it is something else."""
    if isinstance(error, asyncpg.QueryCanceledError | asyncpg.LockNotAvailableError):
        return UnavailableError("database.timeout", "the database took too long to answer", "try again later")
    if isinstance(error, _DATABASE_MISCONFIGURED):
        return UnavailableError("database.misconfigured", "the database is not set up for this", "run vuelo migrate")
    if isinstance(error, _DATABASE_UNAVAILABLE) or _is_closed(error):
        return UnavailableError("database.unavailable", "the database cannot be reached", "try again later")
    return None


def is_connection_lost(error: BaseException) -> bool:
    """The connection ended or could not be made, for no fault of the statement."""
    return isinstance(error, _CONNECTION_LOST) or _is_closed(error)


def _is_closed(error: BaseException) -> bool:
    """The driver has one class for a connection that is closed and for being used wrongly, which is our bug."""
    return type(error) is asyncpg.InterfaceError and "closed" in str(error)


Refusals = Mapping[tuple[str, str], Callable[[], GasolineraError]]
"""What breaking a constraint means to the one who asked, by schema and constraint."""


def refusal(error: asyncpg.IntegrityConstraintViolationError, refusals: Refusals) -> GasolineraError:
    """The service's own error where it has one for the constraint, else one that shows nothing of our insides."""
    schema, constraint = error.schema_name or "", constraint_of(error)
    make = refusals.get((schema, constraint))
    if make is not None:
        return make()
    # Nobody has thought of it: an operator should see which it was, without the values that it names.
    _log.warning("constraint_unmapped", schema=schema, constraint=constraint)
    if isinstance(error, asyncpg.CheckViolationError | asyncpg.NotNullViolationError):
        return InputError("database.constraint", "a value is not one of those that are allowed")
    return ConflictError("database.constraint", "what is there already stands in the way")


def constraint_of(error: asyncpg.IntegrityConstraintViolationError) -> str:
    """Its name; that of the whole table where a month's partition carries it."""
    return _MONTH_OF_PARTITION.sub("", error.constraint_name or "unnamed")


def public_name(handler: BaseRouteHandler, argument: str) -> str:
    """What the outside calls an argument of a route: its alias where it has one."""
    field = handler.parsed_fn_signature.parameters.get(argument)
    definition = None if field is None else field.kwarg_definition
    return (definition.name if isinstance(definition, ParameterKwarg) else None) or argument


def _on_our_error(_request: Request[Any, Any, Any], error: GasolineraError) -> Response[Problem]:
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR and not isinstance(error, UnavailableError):
        return _on_bug(_request, error)
    return problem_response(error.status, error.code, error.message, hint=error.hint, headers=_headers_of(error))


def _headers_of(error: GasolineraError) -> dict[str, str]:
    if isinstance(error, UnavailableError):
        return {"retry-after": str(_RETRY_AFTER_S)}
    if isinstance(error, LockedError):
        return {"retry-after": str(error.retry_after_s)}
    if isinstance(error, UnauthenticatedError):
        return {"www-authenticate": "Bearer"}
    return {}


def _on_invalid(request: Request[Any, Any, Any], error: ValidationException) -> Response[Problem]:
    extra: list[Any] = error.extra if isinstance(error.extra, list) else []
    errors = tuple(
        FieldProblem(public_name(request.route_handler, str(entry.get("key", "body"))), str(entry.get("message")))
        for entry in extra
    )
    missing = _MISSING.match(error.detail)
    if missing:
        errors = (FieldProblem(missing[1], "is required"),)
    detail = "the request has wrong values" if errors else "the request is not well-formed"
    return problem_response(HTTPStatus.UNPROCESSABLE_ENTITY, "request.invalid", detail, errors=errors)


# The framework's only sign that somebody left while he was sending: no bug of ours, and nobody reads the answer.
_LEFT = "client disconnected prematurely"


def _on_http(request: Request[Any, Any, Any], error: HTTPException) -> Response[Problem]:
    """What the framework raises itself: an unknown path, a wrong method, a body that is too large, not JSON."""
    status = HTTPStatus(error.status_code)
    if error.detail == _LEFT:
        return problem_response(HTTPStatus.BAD_REQUEST, "request.malformed", "the request ended within its body")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _on_bug(request, error)
    code, detail = {
        HTTPStatus.NOT_FOUND: ("request.unknown_path", "there is nothing at this address"),
        HTTPStatus.METHOD_NOT_ALLOWED: ("request.method_not_allowed", "this address does not take that method"),
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ("request.too_large", "the body is larger than is allowed"),
    }.get(status, ("request.malformed", "the request is not well-formed"))
    return problem_response(status, code, detail, headers=error.headers)


def _on_bug(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    trouble = unavailable(error)
    if trouble is not None:
        _log.warning("database_trouble", code=trouble.code, error=type(error).__name__, path=request.url.path)
        return _on_our_error(request, trouble)
    _log.error("unexpected_error", method=request.method, path=request.url.path, exc_info=error)
    return problem_response(
        HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "something went wrong on our side; it has been recorded"
    )


def _on_constraint(
    request: Request[Any, Any, Any], error: asyncpg.IntegrityConstraintViolationError
) -> Response[Problem]:
    refusals: Refusals = request.app.state.get("refusals", {})
    return _on_our_error(request, refusal(error, refusals))


def _on_unfit_text(request: Request[Any, Any, Any], _error: asyncpg.PostgresError) -> Response[Problem]:
    hint = "leave out characters that nobody can see"
    return _on_our_error(request, InputError("request.unfit_text", "a text holds what no text can", hint))


# The framework's own type for this leaves its parameters open.
EXCEPTION_HANDLERS: dict[int | type[Exception], Callable[[Request[Any, Any, Any], Any], Response[Any]]] = {
    GasolineraError: _on_our_error,
    ValidationException: _on_invalid,
    HTTPException: _on_http,
    asyncpg.IntegrityConstraintViolationError: _on_constraint,
    **dict.fromkeys(_UNFIT_TEXT, _on_unfit_text),
    Exception: _on_bug,
}
