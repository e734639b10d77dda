from collections.abc import Generator

import pytest
from litestar.testing import TestClient

from gasolinera.config import Settings
from tests.applications import create_app
from tests.redemption.desk import Desk


@pytest.fixture
def desk(settings: Settings) -> Generator[Desk]:
    """The whole platform in this process, asked by whoever a test says."""
    app = create_app(settings)
    with TestClient(app, raise_server_exceptions=False) as opened:
        yield Desk(app, opened)
