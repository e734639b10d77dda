"""`${name}` in scripts, replaced character by character wherever it stands, as Flyway does. Pure."""

import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import takewhile

from vuelo.errors import Place, ScriptError

_SHOWN = str.maketrans("\r\n", "␍␊")


class Continued(str):
    """A line that a value of several lines has brought: in the file it is part of the line before it."""

    __slots__ = ()


@dataclass(frozen=True)
class Placeholders:
    """Values by name. Names are compared without case; there is no way to escape one, as in Flyway."""

    values: Mapping[str, str]
    prefix: str = "${"
    suffix: str = "}"
    separator: str = ":"  # in the names of the built-in ones

    def replaced(self, lines: Iterable[str]) -> Iterator[str]:
        """The lines with every placeholder replaced. Raises ScriptError `placeholder.unknown`."""
        values = {name.lower(): value for name, value in self.values.items()}
        pattern = re.compile(f"{re.escape(self.prefix)}(.*?)(?:({re.escape(self.suffix)})|$)", re.DOTALL)
        for number, line in enumerate(lines, start=1):
            if self.prefix not in line:
                yield line
                continue

            def value_of(match: re.Match[str], number: int = number, line: str = line) -> str:
                value = values.get(match[1].lower())
                if match[2] is None or value is None:
                    raise _unknown(match, number, line, values)
                return value

            # A value may bring line ends of its own; newline="" keeps them as they are.
            pieces = io.StringIO(pattern.sub(value_of, line), newline="")
            yield next(pieces, "")
            yield from map(Continued, pieces)


def numbered(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Each line with the number, from 1, of the file's line that it comes from."""
    number = 0
    for line in lines:
        number += line.__class__ is not Continued
        yield number, line


def line_as_sent(lines: Iterable[str], number: int) -> str:
    """One line of the file, placeholders replaced; line ends that a value has brought are shown, so that it is one."""
    sent = takewhile(lambda pair: pair[0] <= number, numbered(lines))
    text = "".join(line for at, line in sent if at == number).rstrip("\r\n")
    return (text.removeprefix("\ufeff") if number == 1 else text).translate(_SHOWN)


def _unknown(match: re.Match[str], number: int, line: str, values: Mapping[str, str]) -> ScriptError:
    if match[2] is None:
        message = "a placeholder is not closed on its line"
        hint = "choose another placeholder prefix, or turn placeholder replacement off, if this is no placeholder"
    else:
        message = f"no value for the placeholder {match[0]}"
        known = ", ".join(sorted(name for name in values if ":" not in name)) or "none"
        hint = f"give it one under [placeholders]; those with a value: {known}"
    return ScriptError("placeholder.unknown", message, Place.of(number, match.start() + 1, line), hint)
