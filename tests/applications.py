"""Applications for tests. Making one costs a second of work on its routes, so one that was closed is used again, with
the settings and the state of a new one.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from litestar import Litestar

from gasolinera import app as application
from gasolinera.app import ALL_PARTS
from gasolinera.config import SERVICES, Settings
from gasolinera.parts import Parts

_ADDRESSES = ("database_url", *(f"{service}_database_url" for service in SERVICES))
_free: dict[tuple[Settings, tuple[str, ...]], list[Litestar]] = {}


def create_app(settings: Settings, parts: Sequence[Parts] = ALL_PARTS) -> Litestar:
    """As `gasolinera.app.create_app`. It may be opened once."""
    if any(part not in ALL_PARTS for part in parts):
        return application.create_app(settings, parts)
    alike = settings.model_copy(update=dict.fromkeys(_ADDRESSES))
    free = _free.setdefault((alike, tuple(part.name for part in parts)), [])
    if free:
        app = free.pop()
        app.state = application.state_of(settings, parts)
        return app

    @asynccontextmanager
    async def let_go(app: Litestar) -> AsyncGenerator[None]:
        yield
        free.append(app)

    return application.create_app(settings, parts, also=[let_go])
