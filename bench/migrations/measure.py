"""Whole processes, timed: wall clock and peak memory of each, and the spread over rounds."""

import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from threading import Event, Thread, Timer
from time import monotonic

_LONGEST_S = 300


class NotRunError(Exception):
    """Why something could not be measured; it stands in the table instead of a number."""


@dataclass(frozen=True)
class Finished:
    seconds: float
    peak_mib: float
    output: str


@dataclass(frozen=True)
class Spread:
    """The seconds of every round of one measurement."""

    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        return median(self.rounds)

    def __str__(self) -> str:
        return f"{self.median:.3f} ({min(self.rounds):.3f}-{max(self.rounds):.3f})"


def run(
    command: Sequence[str | Path],
    folder: Path,
    *,
    environment: Mapping[str, str] | None = None,
    stdin: str = "",
    may_fail: bool = False,
) -> Finished:
    """Run to the end. Raises NotRunError with what it said when it fails.

    Python may keep what it has compiled, wherever this runs: else the six services and `check`, which run from the
    sources, would be measured with the compiler.
    """
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryFile("w+", encoding="utf-8") as given, tempfile.TemporaryFile("w+b") as said:
        given.write(stdin)
        given.seek(0)
        started = monotonic()
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=folder,
            env={**inherited, **(environment or {})},
            stdin=given,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        limit = Timer(_LONGEST_S, process.kill)
        limit.start()
        watch, ended, peaks = Path(f"/proc/{process.pid}/status"), Event(), [0.0]
        watcher = Thread(target=_watch_memory, args=(watch, ended, peaks))
        watcher.start()
        process.wait()
        seconds = monotonic() - started
        limit.cancel()
        ended.set()
        watcher.join()
        said.seek(0)
        output = said.read().decode(errors="replace")
    if process.returncode != 0 and not may_fail:
        last_line = (output.strip().splitlines() or ["it said nothing"])[-1]
        raise NotRunError(f"{Path(command[0]).name} failed with {process.returncode}: {last_line[:200]}")
    return Finished(seconds, max(peaks), output)


def _watch_memory(status: Path, ended: Event, peaks: list[float]) -> None:
    """What the system keeps as a child's peak begins with that of this process; the peak in `status` does not."""
    while not ended.wait(0.05):
        with suppress(OSError):
            lines = status.read_text(encoding="utf-8").splitlines()
            peaks += [int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")]
