"""The mark of an outage lies where nobody else can lay one, and an outage is told though it cannot be kept."""

import os
from pathlib import Path

import pytest

from gasolinera.ops.alerting_notices import Receiver
from gasolinera.ops.alerting_outage import mark_of, tell_end_of_outage, tell_outage
from tests.ops.alert_receiver import listening

_TWICE = [("reachable", "firing"), ("reachable", "firing")]


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The account's, on a machine where no unit has a folder."""
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


def told_twice(mark: Path) -> list[tuple[str, str]]:
    with listening() as heard:
        for _ in range(2):
            tell_outage(Receiver(url=heard.url), mark, remind_after_s=3600)
        return heard.notices


def test_a_mark_lies_in_a_folder_of_the_account_alone_and_goes_with_the_outage(state: Path) -> None:
    mark = mark_of("postgresql://somewhere")
    assert mark.parent == state / "gasolinera" / "alerts"
    assert told_twice(mark) == [("reachable", "firing")]
    assert mark.parent.stat().st_mode & 0o777 == 0o700
    with listening() as heard:
        assert tell_end_of_outage(Receiver(url=heard.url), mark) is not None
        assert tell_end_of_outage(Receiver(url=heard.url), mark) is None
    assert not mark.exists()


def test_a_units_folder_is_preferred_and_the_home_is_the_last(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/gasolinera:/var/lib/gasolinera/metrics")
    assert mark_of("x").parent == Path("/var/lib/gasolinera/alerts")
    monkeypatch.delenv("STATE_DIRECTORY")
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert mark_of("x").parent == Path("/home/somebody/.local/state/gasolinera/alerts")


def test_a_folder_that_is_a_link_is_not_written_to_and_each_run_tells(state: Path, tmp_path: Path) -> None:
    mark = mark_of("x")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    mark.parent.parent.mkdir(parents=True)
    mark.parent.symlink_to(elsewhere)
    (elsewhere / mark.name).touch()
    assert told_twice(mark) == _TWICE
    assert (elsewhere / mark.name).exists()


def test_a_folder_that_others_may_write_to_is_not_trusted(state: Path) -> None:
    mark = mark_of("x")
    mark.parent.mkdir(parents=True)
    mark.parent.chmod(0o777)
    mark.touch()
    assert told_twice(mark) == _TWICE


def test_a_folder_of_somebody_else_is_not_trusted(state: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root gives a folder away")
    mark = mark_of("x")
    mark.parent.mkdir(parents=True, mode=0o700)
    mark.touch()
    os.chown(mark.parent, 65534, 65534)
    assert told_twice(mark) == _TWICE
    with listening() as heard:
        assert tell_end_of_outage(Receiver(url=heard.url), mark) is None
