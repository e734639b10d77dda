"""Rendering of pages: the templates of the services, the language of the reader, and a policy without exceptions."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlencode

import msgspec
from jinja2 import ChoiceLoader, Environment, PackageLoader, PrefixLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from litestar import Request, post
from litestar.params import URLEncodedBody
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.response import Redirect, Template
from litestar.template import TemplateConfig

from gasolinera.requests import known_caller
from gasolinera.web.assets import asset_url, import_map
from gasolinera.web.cookies import LANGUAGE_COOKIE, language_cookie
from gasolinera.web.figures import filters_of
from gasolinera.web.forms import check_form, form_token, local_path
from gasolinera.web.navigation import navigation_of
from gasolinera.wording import LANGUAGES, Wording, load_wording, preferred_language

CHAIN_ZONE: Final = "America/Mexico_City"  # of what has no place of its own
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src {scripts}; img-src 'self' data: blob:; media-src 'self' blob:; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; frame-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_DEVICES: Final = "camera={camera}, geolocation={location}, microphone=()"
_FILTERS: Final = ("money", "number", "percent", "moment", "day", "clock")
_WORDING: Final = load_wording("gasolinera.web")


def template_config(services: Sequence[str]) -> TemplateConfig[JinjaTemplateEngine]:
    """Templates are named `web/…` and `<service>/…`: each service that has some keeps them in its `templates/`."""
    folders = {"web": PackageLoader("gasolinera.web")}
    folders |= {service: PackageLoader(f"gasolinera.{service}") for service in services}
    environment = Environment(
        loader=ChoiceLoader([PrefixLoader(folders)]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    for name in _FILTERS:
        environment.filters[name] = _of_the_page(name)
    return TemplateConfig(instance=JinjaTemplateEngine.from_environment(environment))


def _of_the_page(name: str) -> Any:
    """A filter that shows things in the language of the page that it stands in."""

    @pass_context
    def shown(context: Context, value: Any, *arguments: Any) -> str:
        return context["figures"][name](value, *arguments)

    return shown


def language_of(request: Request[Any, Any, Any]) -> str:
    """That of the choice, else of the browser, else Spanish."""
    return preferred_language(request.headers.get("accept-language", ""), request.cookies.get(LANGUAGE_COOKIE))


def page(
    request: Request[Any, Any, Any],
    template: str,
    values: Mapping[str, Any],
    *,
    wording: Wording | None = None,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    imports: Sequence[str] = (),
    uses: Sequence[Literal["wasm", "camera", "location"]] = (),
) -> Template:
    """`wording` are the service's own texts, `own(…)` in its template; `say(…)` are those of all pages.

    `imports` are the packages' modules that the page's own import by name; `uses` is what the page may beyond what all
    may.
    """
    language = language_of(request)
    imported = import_map(imports) if imports else None

    def say(name: str, /, **arguments: str | int) -> str:
        return _WORDING.text(language, name, arguments)

    def own(name: str, /, **arguments: str | int) -> str:
        assert wording is not None, "a page that has texts of its own names them"
        return wording.text(language, name, arguments)

    def url(**changes: str | int | None) -> str:
        """This address with other parameters; None takes one away. What was said is not said again."""
        asked = {**dict(request.query_params), "said": None, **changes}
        query = urlencode({name: value for name, value in asked.items() if value not in (None, "")})
        return f"{request.url.path}?{query}" if query else request.url.path

    said = f"said-{request.query_params.get('said', '')}"
    caller = known_caller(request.scope)
    context = {
        "figures": filters_of(language, CHAIN_ZONE),
        "caller": caller,
        "notice": own(said) if wording is not None and said in wording.names(language) else None,
        "navigation": navigation_of(caller, request.url.path),
        "imported": imported,
        **values,
        "say": say,
        "own": own,
        "url": url,
        "asset": asset_url,
        "language": language,
        "languages": LANGUAGES,
        "here": local_path(request.url.path),
        "back_here": local_path(url()),
        "query": dict(request.query_params),
        "form_token": form_token(request),
    }
    scripts = ["'self'", *(["'wasm-unsafe-eval'"] if "wasm" in uses else []), *([imported.source] if imported else [])]
    return Template(
        template,
        context=context,
        status_code=status,
        headers={
            "content-security-policy": _POLICY.format(scripts=" ".join(scripts)),
            "permissions-policy": _DEVICES.format(
                camera=_allowed("camera" in uses), location=_allowed("location" in uses)
            ),
            # A form's own site must show in its request.
            "referrer-policy": "same-origin",
            "cache-control": "no-store",
            "vary": "accept-language, cookie",
            "content-language": language,
            **(headers or {}),
        },
    )


def _allowed(is_used: bool) -> str:
    return "(self)" if is_used else "()"


class LanguageForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    language: str
    token: Annotated[str, msgspec.Meta(max_length=200)]
    back: Annotated[str, msgspec.Meta(max_length=500)] = "/"


@post("/language", status_code=303, include_in_schema=False, opt={"open": True})
async def language_route(request: Request[Any, Any, Any], data: URLEncodedBody[LanguageForm]) -> Redirect:
    """A choice that is none of ours changes nothing."""
    check_form(request, data.token)
    environment = request.app.state["settings"].environment
    cookies = [language_cookie(data.language, environment)] if data.language in LANGUAGES else []
    return Redirect(local_path(data.back), status_code=303, cookies=cookies)
