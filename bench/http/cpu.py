"""CPU seconds of a process and everything below it, from /proc."""

import os
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def cpu_seconds(root: int) -> float:
    """User and system time of the tree, children that have ended included."""
    return sum(_ticks(pid) for pid in tree(root)) / _TICKS_PER_S


def tree(root: int) -> list[int]:
    """The process and its descendants."""
    found = [root]
    for pid in found:
        try:
            tasks = list(Path(f"/proc/{pid}/task").iterdir())
            children = " ".join((task / "children").read_text() for task in tasks)
        except OSError:
            continue  # it has ended
        found += [int(child) for child in children.split()]
    return found


def _ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    user, system, ended_user, ended_system = (int(field) for field in fields[11:15])
    return user + system + ended_user + ended_system
