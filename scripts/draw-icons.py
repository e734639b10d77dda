"""Draws the icons of the installed app from `icon.svg`: PNG for whoever takes no SVG, and one that may be cut round.

    .venv/bin/python scripts/draw-icons.py

The maskable one has its drawing inside the middle four fifths, which no shape cuts (W3C App Manifest).
"""

from pathlib import Path

from playwright.sync_api import Page, sync_playwright

_STATIC = Path(__file__).parent.parent / "src/gasolinera/web/static"
_GREEN = "#0a6b4f"


def main() -> None:
    drawing = (_STATIC / "icon.svg").read_text(encoding="utf-8")
    with sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page()
        for size in (192, 512):
            _draw(page, drawing, size, size, "transparent", f"icon-{size}.png")
        _draw(page, drawing, 512, 410, _GREEN, "icon-maskable-512.png")
        browser.close()


def _draw(page: Page, drawing: str, size: int, inner: int, ground: str, name: str) -> None:
    page.set_viewport_size({"width": size, "height": size})
    page.set_content(
        f"<style>html{{background:{ground}}}body{{margin:0;height:100vh;display:grid;place-items:center}}"
        f"svg{{width:{inner}px;height:{inner}px}}</style>{drawing}"
    )
    page.screenshot(path=_STATIC / name, omit_background=True)


if __name__ == "__main__":
    main()
