"""What every page is held to: accessible, small, silent, its own, and good to look at in all its shapes.

Screenshots of all of them, phone and desktop, light and dark, are left in `.local/screenshots`.
"""

import json
from pathlib import Path
from typing import Any, Final, cast

import pytest
from playwright.sync_api import Page, Response

from tests.browser.catalogue import PAGES, Shown
from tests.browser.conftest import DESKTOP, PHONE, Person, Site, Watch, watched

REPOSITORY: Final = Path(__file__).parents[2]
AXE: Final = REPOSITORY / "src/gasolinera/web/node_modules/axe-core/axe.min.js"
SHOTS: Final = REPOSITORY / ".local/screenshots"
MOST_BYTES: Final = 60_000
SHAPES: Final = (("light", "es-MX"), ("dark", "en-US"))
_NOT_COUNTED: Final = ("image", "media", "font")


@pytest.mark.parametrize("shown", PAGES, ids=[one.name for one in PAGES])
def test_a_page_is_accessible_small_and_silent(shown: Shown, site: Site, person: Person) -> None:
    for scheme, locale in SHAPES:
        watch = Watch()
        context = person(shown.phone, color_scheme=scheme, locale=locale)
        page = watched(context.new_page(), watch)
        answers: list[Response] = []
        page.on("response", lambda one, into=answers: into.append(one))
        answer = page.goto(shown.path, wait_until="load")
        assert answer is not None
        assert answer.status == (404 if shown.name == "unknown" else 200), shown.path
        policy = answer.headers["content-security-policy"]
        assert "unsafe-inline" not in policy
        assert "unsafe-eval" not in policy.replace("wasm-unsafe-eval", "")
        assert page.locator("h1").count() == 1
        assert page.locator("html").get_attribute("lang") == locale[:2]
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], "it is wider than a phone"
        assert findings(page) == []
        drawn(page, f"{shown.name}-phone-{scheme}")
        page.set_viewport_size(DESKTOP)
        assert page.evaluate("document.documentElement.scrollWidth") <= DESKTOP["width"]
        drawn(page, f"{shown.name}-desktop-{scheme}")
        assert sum(size_of(one) for one in answers) <= MOST_BYTES
        assert [one for one in watch.asked if not one.startswith((site.url, "data:", "blob:"))] == []
        expected = ["404"] if shown.name == "unknown" else []
        assert [one for one in watch.complaints if not any(sign in one for sign in expected)] == []
        context.close()


def drawn(page: Page, name: str) -> None:
    """The page whole, as if the screen were as long: what sticks to the lower edge is there and not in the middle."""
    height = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size({"width": page.evaluate("innerWidth"), "height": height})
    page.screenshot(path=SHOTS / f"{name}.png")


def findings(page: Page) -> list[str]:
    """What axe-core calls serious or worse. The browser's own world runs it: the page's policy lets no script in."""
    session = page.context.new_cdp_session(page)

    def send(method: str, **arguments: Any) -> Any:
        return cast("Any", session).send(method, arguments)

    frame = send("Page.getFrameTree")["frameTree"]["frame"]["id"]
    world = send("Page.createIsolatedWorld", frameId=frame)["executionContextId"]

    def run(expression: str) -> Any:
        how = {"contextId": world, "awaitPromise": True, "returnByValue": True}
        answer = send("Runtime.evaluate", expression=expression, **how)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    run(AXE.read_text() + "; 0")
    found = json.loads(run("axe.run(document, {resultTypes: ['violations']}).then(r => JSON.stringify(r.violations))"))
    session.detach()
    return [
        f"{one['id']}: {node['html'][:160]} {node['failureSummary'][:200]}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


def size_of(answer: Response) -> int:
    """Bytes that came over the wire, without pictures and third-party libraries, which browsers keep."""
    if answer.request.resource_type in _NOT_COUNTED or "/npm/" in answer.url:
        return 0
    return answer.request.sizes()["responseBodySize"]
