from collections.abc import Generator

import pytest
from litestar.testing import TestClient

from gasolinera.config import Settings
from tests.applications import create_app
from tests.auth.journeys import Client


@pytest.fixture
def client(settings: Settings) -> Generator[Client]:
    with TestClient(create_app(settings), raise_server_exceptions=False) as opened:
        yield opened
