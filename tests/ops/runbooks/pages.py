"""Runbooks as data: the commands of a page's `console` blocks, in order, with what the page shows of their output."""

import re
from pathlib import Path

import msgspec

REPOSITORY = Path(__file__).parents[3]
RUNBOOKS = REPOSITORY / "docs" / "how-to" / "runbooks"
_EXIT = re.compile(r"  # exit (any|[0-9]+)$")


class Step(msgspec.Struct):
    """`exit`: None where the page says that any will do. `shown`: lines, in which … stands for anything."""

    section: str
    line: int
    command: str
    exit: int | None
    shown: list[str]


def steps_of(page: Path) -> list[Step]:
    steps: list[Step] = []
    section, is_inside = "", False
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("```"):
            is_inside = line == "```console"
        elif not is_inside and line.startswith("#"):
            section = re.sub(r"[^a-z0-9 -]", "", line.lstrip("# ").lower()).replace(" ", "-")
        elif is_inside and line.startswith("$ "):
            said = _EXIT.search(line)
            expected = 0 if said is None else None if said[1] == "any" else int(said[1])
            steps.append(Step(section, number, _EXIT.sub("", line[2:]), expected, []))
        elif is_inside:
            steps[-1].shown.append(line)
    return steps


def missing(shown: list[str], output: str) -> list[str]:
    """Lines of the page that the output does not have, in this order. Numbers and blanks may differ."""
    rest = " ".join(output.split())
    lost: list[str] = []
    for line in shown:
        found = re.search(_pattern(line), rest)
        if found is None:
            lost.append(line)
        else:
            rest = rest[found.end() :]
    return lost


def _pattern(line: str) -> str:
    parts = ["[0-9.,:]+" if re.fullmatch(r"[0-9][0-9.,:]*", part) else re.escape(part) for part in _split(line)]
    return "".join(parts).replace(re.escape("…"), ".*?").replace("\\ ", " ")


def _split(line: str) -> list[str]:
    return re.split(r"([0-9][0-9.,:]*)", " ".join(line.split()))
