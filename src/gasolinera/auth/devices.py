"""What people call the browser that a session is in: by what it says of itself, which nobody should have to read."""

from typing import Final

# The order matters: most browsers also name those that they want to be taken for.
_BROWSERS: Final = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("HeadlessChrome", "Chrome"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS: Final = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def device_of(user_agent: str | None) -> str | None:
    """Such as `Chrome · Android`; None for what says neither."""
    said = user_agent or ""
    found = [next((name for mark, name in known if mark in said), None) for known in (_BROWSERS, _SYSTEMS)]
    return " · ".join(name for name in found if name) or None
