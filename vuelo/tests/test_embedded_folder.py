"""The folder of the embedded server: one that cannot be had is told."""

from collections.abc import Callable
from typing import Any

import pytest

from vuelo import embedded

Choice = dict[str, Any]


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
