"""What a person in a browser sees when something is refused: a page instead of problem details, with the same status.

Addresses below /api answer programs, whatever they accept.
"""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote, urlsplit

from litestar import Request
from litestar.response import Redirect, Response, Template

from gasolinera.errors import Problem
from gasolinera.web.cookies import is_for_programs
from gasolinera.web.forms import local_path, posted_again
from gasolinera.web.pages import page

Handlers = Mapping[int | type[Exception], Callable[[Request[Any, Any, Any], Any], Response[Any]]]
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
        return _way_in(request, problem) or _page_of(request, problem, answer)

    return handled


def wants_page(request: Request[Any, Any, Any]) -> bool:
    """A browser that goes to an address says so; a program that takes anything does not."""
    return "text/html" in request.headers.get("accept", "") and not is_for_programs(request.url.path)


def _came_from(request: Request[Any, Any, Any]) -> str:
    """The page that posted, as far as the browser says and it is ours."""
    came = urlsplit(request.headers.get("referer", ""))
    query = f"?{came.query}" if came.query else ""
    return local_path(came.path + query) if came.netloc == request.headers.get("host") else "/"


def _way_in(request: Request[Any, Any, Any], problem: Problem) -> Redirect | None:
    """Whoever lacks a login, or its second factor, is led there and comes back; what was posted is not sent again."""
    door = "/login/second-factor" if problem.code == "auth.second_factor_needed" else "/login"
    if request.method != "GET" or (problem.status != HTTPStatus.UNAUTHORIZED and door == "/login"):
        return None
    query = f"?{request.url.query}" if request.url.query else ""
    return Redirect(f"{door}?next={quote(local_path(request.url.path + query))}", status_code=303)


def _page_of(request: Request[Any, Any, Any], problem: Problem, answer: Response[Any]) -> Template:
    if problem.code == "form.expired":
        values = {"fields": posted_again(request), "back": _came_from(request)}
        return page(request, "web/expired.html", values, status=problem.status)
    if problem.status == HTTPStatus.UNAUTHORIZED:
        door = f"/login?next={quote(_came_from(request))}"
        return page(request, "web/ended.html", {"door": door}, status=problem.status)
    known = _TEXTS.get(problem.status, "refused" if problem.status < 500 else "broken")
    headers = {name: value for name, value in answer.headers.items() if name in _KEPT}
    values = {"status": problem.status, "text": f"error-{known}", "code": problem.code}
    return page(request, "web/error.html", values, status=problem.status, headers=headers)
