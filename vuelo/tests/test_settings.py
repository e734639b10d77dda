"""Settings are read with the rest of the project, so that a slip is told at once."""

import pytest

from vuelo.errors import VueloError
from vuelo.settings import parsed


def test_a_maintenance_window_that_is_none_is_refused_when_settings_are_read() -> None:
    assert parsed({"maintenance_window": "Sun 02:00-04:30 UTC"}, "shop").maintenance_window == "Sun 02:00-04:30 UTC"
    with pytest.raises(VueloError, match="shop: 'whenever' is no maintenance window") as caught:
        parsed({"maintenance_window": "whenever"}, "shop")
    assert caught.value.code == "config.window"
