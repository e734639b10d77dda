"""What a person in a browser sees when something is refused: a page instead of problem details, with the same status.

Addresses below /api answer programs, whatever they accept.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from litestar import Request
from litestar.response import Response, Template

from gasolinera.errors import Problem
from gasolinera.web.pages import page

Handlers = Mapping[int | type[Exception], Callable[[Request[Any, Any, Any], Any], Response[Any]]]
_OF_PROGRAMS: Final = ("/api/", "/static/", "/health/", "/metrics", "/openapi.json", "/.well-known/")
_KEPT: Final = ("retry-after", "www-authenticate")
_TEXTS: Final = {401: "login", 403: "forbidden", 404: "unknown", 423: "wait", 429: "wait", 503: "unavailable"}


def for_browsers(
    handlers: Handlers,
) -> dict[int | type[Exception], Callable[[Request[Any, Any, Any], Any], Response[Any]]]:
    """The same handlers, whose problems become pages where a browser asks for one."""
    return {kind: _for_browsers(handler) for kind, handler in handlers.items()}


def _for_browsers(
    handler: Callable[[Request[Any, Any, Any], Any], Response[Any]],
) -> Callable[[Request[Any, Any, Any], Any], Response[Any]]:
    def handled(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
        answer = handler(request, error)
        problem = answer.content
        if not isinstance(problem, Problem) or not wants_page(request):
            return answer
        return _page_of(request, problem, answer)

    return handled


def wants_page(request: Request[Any, Any, Any]) -> bool:
    """A browser that goes to an address says so; a program that takes anything does not."""
    return "text/html" in request.headers.get("accept", "") and not request.url.path.startswith(_OF_PROGRAMS)


def _page_of(request: Request[Any, Any, Any], problem: Problem, answer: Response[Any]) -> Template:
    known = _TEXTS.get(problem.status, "refused" if problem.status < 500 else "broken")
    headers = {name: value for name, value in answer.headers.items() if name in _KEPT}
    values = {"status": problem.status, "text": f"error-{known}", "code": problem.code}
    return page(request, "web/error.html", values, status=problem.status, headers=headers)
