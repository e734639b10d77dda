"""The folder of the embedded server: one that cannot be had is told, one that is being removed is nobody's."""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vuelo import embedded

Choice = dict[str, Any]

# What `--fresh` does: remove the data, use the server, leave; it may only be refused because of another user.
_FRESH = """
import sys
from pathlib import Path
from vuelo import embedded
from vuelo.errors import VueloError
choice = {"version": int(sys.argv[2])} if sys.argv[2].isdigit() else {"bin_dir": Path(sys.argv[2])}
for _ in range(3):
    try:
        embedded.destroy(Path(sys.argv[1]))
    except VueloError as error:
        assert error.code == "embedded.in_use", error
    with embedded.running(Path(sys.argv[1]), **choice):
        pass
"""


@pytest.mark.parametrize("place", ["vuelo.toml", "vuelo.toml/below", "/proc/x"])
def test_a_folder_that_cannot_be_had_is_told_with_the_reason(
    make_project: Callable[..., Any], cli: Callable[..., Any], place: str
) -> None:
    make_project({"shop": {}}, address=f"embedded:{place}")
    done = cli("info")
    assert done.returncode == 1
    assert "error: the embedded server cannot use /" in done.stderr
    assert place.removesuffix("/below") in done.stderr
    assert "Traceback" not in done.stderr


def test_an_error_of_the_one_who_uses_it_is_passed_on(server_choice: Choice) -> None:
    with pytest.raises(FileExistsError), embedded.temporary(**server_choice):
        raise FileExistsError


def test_removing_and_starting_at_once_is_one_after_the_other(server_choice: Choice) -> None:
    which = str(server_choice.get("version") or server_choice["bin_dir"])
    with tempfile.TemporaryDirectory(prefix="vuelo-test-") as root:
        Path(root).chmod(0o711)
        processes = [
            subprocess.Popen([sys.executable, "-c", _FRESH, f"{root}/pg", which], stderr=subprocess.PIPE, text=True)
            for _ in range(3)
        ]
        assert [(process.communicate(timeout=90)[1], process.returncode) for process in processes] == [("", 0)] * 3
        embedded.destroy(Path(root) / "pg")
        assert list((Path(root) / "pg").iterdir()) == []
