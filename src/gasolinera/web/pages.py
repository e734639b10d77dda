"""Rendering of pages: the templates of the services, the language of the reader, and a policy without exceptions."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import msgspec
from jinja2 import ChoiceLoader, Environment, PackageLoader, PrefixLoader, StrictUndefined
from litestar import Request, post
from litestar.params import URLEncodedBody
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.response import Redirect, Template
from litestar.template import TemplateConfig

from gasolinera.web.assets import asset_url
from gasolinera.web.cookies import LANGUAGE_COOKIE, language_cookie
from gasolinera.web.forms import check_form, form_token, local_path
from gasolinera.wording import LANGUAGES, Wording, load_wording, preferred_language

POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
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
    )
    return TemplateConfig(instance=JinjaTemplateEngine.from_environment(environment))


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
) -> Template:
    """`wording` are the service's own texts, `own(…)` in its template; `say(…)` are those of all pages."""
    language = language_of(request)

    def say(name: str, **arguments: str | int) -> str:
        return _WORDING.text(language, name, arguments)

    def own(name: str, **arguments: str | int) -> str:
        assert wording is not None, "a page that has texts of its own names them"
        return wording.text(language, name, arguments)

    context = {
        **values,
        "say": say,
        "own": own,
        "asset": asset_url,
        "language": language,
        "languages": LANGUAGES,
        "here": local_path(request.url.path),
        "form_token": form_token(request),
    }
    return Template(
        template,
        context=context,
        status_code=status,
        headers={
            "content-security-policy": POLICY,
            # A form's own site must show in its request.
            "referrer-policy": "same-origin",
            "cache-control": "no-store",
            "vary": "accept-language, cookie",
            "content-language": language,
            **(headers or {}),
        },
    )


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
