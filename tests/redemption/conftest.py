from collections.abc import Generator

import pytest
from litestar.testing import TestClient

from gasolinera.config import Settings
from tests.applications import create_app
from tests.redemption.desk import Desk
from tests.redemption.offline_steps import Till, set_limits


@pytest.fixture
def desk(settings: Settings) -> Generator[Desk]:
    """The whole platform in this process, asked by whoever a test says."""
    app = create_app(settings)
    with TestClient(app, raise_server_exceptions=False) as opened:
        yield Desk(app, opened)


@pytest.fixture
def till(desk: Desk) -> Till:
    """An enrolled terminal that may take coupons without a connection."""
    assert set_limits(desk).status_code == 200
    made = Till(desk)
    assert made.open_lease().status_code == 201
    return made
