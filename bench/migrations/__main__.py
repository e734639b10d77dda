"""`python -m bench.migrations [--rounds N] [--output FILE]`: measure everything, print the page and write it."""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import TypeVar

from bench.migrations import page, scenarios, server
from bench.migrations.measure import NotRunError
from bench.migrations.peers import PEERS, REPOSITORY, VUELO, Peer
from bench.migrations.scenarios import Tool

_TOOLS_HOME = REPOSITORY / ".local" / "bench"
_PAGE = REPOSITORY / "docs" / "reference" / "migration-benchmarks.md"

# The command of the environment that has the platform, and so its migrations.
PLATFORM = Path(sys.executable).with_name("vuelo")

_Answer = TypeVar("_Answer")


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m bench.migrations")
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--output", type=Path, default=_PAGE)
    chosen = arguments.parse_args()
    rounds: int = chosen.rounds

    _TOOLS_HOME.mkdir(parents=True, exist_ok=True)
    tools: list[Tool] = []
    absent: dict[str, NotRunError] = {}
    for peer in (VUELO, *PEERS):
        installed = _told(f"{peer.name}: install", lambda peer=peer: _installed(peer))
        if isinstance(installed, NotRunError):
            absent[peer.name] = installed
        else:
            tools.append(installed)
    own = tools[0]
    assert own.peer is VUELO, "vuelo itself is not installed"

    with server.running() as running, tempfile.TemporaryDirectory(prefix="bench-") as temporary:
        folder = Path(temporary)
        six = _told("six services", lambda: scenarios.six_services(running, folder, rounds, PLATFORM))
        small = _told("small migrations", lambda: scenarios.small_migrations(running, folder, rounds, tools))
        idle = _told("nothing to do", lambda: scenarios.nothing_to_do(running, folder, rounds, tools))
        large = _told("large history", lambda: scenarios.large_history(running, folder, min(rounds, 3), own))
        check = _told("check", lambda: scenarios.static_check(min(rounds, 3), PLATFORM))
        copied = _told("copied script", lambda: scenarios.copied_script(running, folder, own))
        measured = page.Measured(rounds, tools, six, _all(small, absent), _all(idle, absent), large, check, copied)
        text = page.render(running, measured)
    page.write(text, chosen.output)
    sys.stdout.write(text)


def _installed(peer: Peer) -> Tool:
    program, version = peer.install(_TOOLS_HOME)
    return Tool(peer, program, version)


def _told(what: str, work: Callable[[], _Answer]) -> _Answer | NotRunError:
    """The work's answer or why there is none; standard error tells how long it took."""
    started = monotonic()
    try:
        return work()
    except NotRunError as reason:
        sys.stderr.write(f"{what}: not run: {reason}\n")
        return reason
    finally:
        sys.stderr.write(f"{what}: {monotonic() - started:.1f} s\n")


def _all(outcomes: page.Peers | NotRunError, absent: dict[str, NotRunError]) -> page.Peers:
    assert not isinstance(outcomes, NotRunError), "each tool's failure is its own"
    return {**outcomes, **absent}


if __name__ == "__main__":
    main()
