import os
import subprocess
import sys
from pathlib import Path

import pytest

from gasolinera.config import Settings


@pytest.fixture
def process_environment(settings: Settings, tmp_path: Path) -> dict[str, str]:
    """For processes that sign with one and the same key."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GASOLINERA_")},
        "GASOLINERA_ENVIRONMENT": "test",
        "GASOLINERA_COUPON_DATABASE_URL": settings.service_url("coupon"),
        "GASOLINERA_KEYS_FILE": str(tmp_path / "keys.json"),
    }
    command = [str(Path(sys.executable).with_name("gasolinera")), "keys", "generate"]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return environment
