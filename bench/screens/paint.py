"""When a slow phone has painted what counts: largest contentful paint (W3C), and what came over the wire for it.

The profile is Lighthouse's: a quarter of this machine's processor, 1.6 Mbit/s, 150 ms for each round trip.
"""

import shutil
import statistics
from typing import Any, cast

import msgspec
from playwright.sync_api import Browser, Page, sync_playwright

from bench.screens.place import Place

SLOWER = 4
LATENCY_MS = 150
BYTES_PER_S = 1_600_000 // 8
PAINTED = """() => new Promise(done => new PerformanceObserver(list => done(list.getEntries().at(-1).startTime))
  .observe({type: 'largest-contentful-paint', buffered: true}))"""
PHONE: Any = {"width": 390, "height": 844}


class Painted(msgspec.Struct, frozen=True):
    path: str
    first_ms: float  # nothing kept in the browser
    again_ms: float  # the static files kept, as from the second page on
    without_scripts: bool  # something is read where scripts are off
    bytes_sent: int


def measure(place: Place, pages: dict[str, str | None], rounds: int) -> list[Painted]:
    """`pages`: whose session looks, by path."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        found = [_measured(browser, place, path, phone, rounds) for path, phone in pages.items()]
        browser.close()
    return found


def _measured(browser: Browser, place: Place, path: str, phone: str | None, rounds: int) -> Painted:
    sent = 0
    first: list[float] = []
    again: list[float] = []
    sizes: list[int] = []
    for _ in range(rounds):
        page = _opened(browser, place, phone)
        page.on("requestfinished", lambda request, into=sizes: into.append(_size(request)))
        sizes.clear()
        first.append(_paint_of(page, place.url + path))
        sent = sum(sizes)
        again.append(_paint_of(page, place.url + path))
        page.context.close()
    page = _opened(browser, place, phone, java_script_enabled=False)
    page.goto(place.url + path)
    reads = len(page.locator("main").inner_text().strip()) > 0
    page.context.close()
    return Painted(path, statistics.median(first), statistics.median(again), reads, sent)


def _size(request: Any) -> int:
    if request.resource_type in ("image", "media") or "/npm/" in request.url:
        return 0
    return int(request.sizes()["responseBodySize"])


def _opened(browser: Browser, place: Place, phone: str | None, **options: Any) -> Page:
    context = browser.new_context(viewport=PHONE, device_scale_factor=2, is_mobile=True, locale="es-MX", **options)
    if phone is not None:
        address = place.url.replace("http:", "https:")
        session = {"name": "__Host-session", "value": place.session(phone), "url": address, "secure": True}
        context.add_cookies([cast("Any", session)])
    page = context.new_page()
    slow = cast("Any", context.new_cdp_session(page))
    slow.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    slow.send("Network.enable")
    slow.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": LATENCY_MS, "downloadThroughput": BYTES_PER_S, "uploadThroughput": BYTES_PER_S},
    )
    return page


def _paint_of(page: Page, address: str) -> float:
    page.goto(address, wait_until="load")
    return float(page.evaluate(PAINTED))
