"""The file `<script>.conf` beside a script, and the header `-- vuelo: …` in it. Pure.

Flyway's keys are executeInTransaction, encoding, placeholderReplacement and shouldExecute; `placeholders.NAME` gives
values that hold for this script alone.
"""

import re
from collections.abc import Iterable

from vuelo.errors import VueloError
from vuelo.migration import ScriptConfig
from vuelo.placeholders import Placeholders
from vuelo.properties import read_properties
from vuelo.settings import Phase

_TRUTHS = {"true": True, "false": False}
_HEADER = re.compile(r"--\s*vuelo:\s*(?P<settings>.*\bphase\s*=.*)")
_SETTING = re.compile(r"phase\s*=\s*([a-z]+)")


def parse_config(text: str, where: str, placeholders: Placeholders) -> ScriptConfig:
    """`shouldExecute` is worked out at once. Raises VueloError `config.script` naming the file `where`."""
    values: dict[str, str] = {}
    own: dict[str, str] = {}
    for name, value in read_properties(text).items():
        key = name.removeprefix("flyway.")
        if key.startswith("placeholders."):
            own[key.removeprefix("placeholders.")] = value
        elif key in ("executeInTransaction", "encoding", "placeholderReplacement", "shouldExecute"):
            values[key] = value
        else:
            hint = "known are executeInTransaction, encoding, placeholderReplacement, shouldExecute, placeholders.NAME"
            raise VueloError("config.script", f"{where}: unknown setting {name!r}", hint)
    return ScriptConfig(
        execute_in_transaction=_truth(values, "executeInTransaction", where),
        encoding=values.get("encoding"),
        placeholder_replacement=_truth(values, "placeholderReplacement", where),
        should_execute=_should_execute(values.get("shouldExecute", "true"), where, placeholders),
        placeholders=own,
    )


def phase_of(lines: Iterable[str]) -> Phase:
    """By the comment lines that a script begins with. Raises ValueError for a phase that there is not."""
    for line in lines:
        text = line.removeprefix("\ufeff").strip()
        if text and not text.startswith("--"):
            break
        header = _HEADER.match(text)
        if header:
            found = _SETTING.search(header["settings"])
            if found is None or found[1] not in tuple(Phase):
                raise ValueError(f"its header says {text!r}; a phase is expand or contract")
            return Phase(found[1])
    return Phase.EXPAND


def _truth(values: dict[str, str], key: str, where: str) -> bool | None:
    if key not in values:
        return None
    read = _TRUTHS.get(values[key].lower())
    if read is None:
        raise VueloError("config.script", f"{where}: {key} is true or false")
    return read


def _should_execute(text: str, where: str, placeholders: Placeholders) -> bool:
    """`true`, `false`, `A==B`, `A!=B`, joined by `&&` and `||` (which binds less), with parentheses."""
    replaced = "".join(placeholders.replaced([text]))
    tokens = re.findall(r"\(|\)|&&|\|\||==|!=|(?:(?!&&|\|\||==|!=)[^()])+", replaced)
    reader = _Expression([token.strip() for token in tokens if token.strip()])
    try:
        return reader.whole()
    except (ValueError, IndexError):
        hint = "true, false, A==B or A!=B, joined by && and ||, with parentheses"
        raise VueloError("config.script", f"{where}: shouldExecute cannot be read: {text}", hint) from None


class _Expression:
    """Reads tokens from the left; ValueError or IndexError on what is no expression."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens

    def whole(self) -> bool:
        value = self.either()
        if self.tokens:
            raise ValueError(self.tokens[0])
        return value

    def either(self) -> bool:
        value = self.both()
        while self.tokens[:1] == ["||"]:
            self.tokens.pop(0)
            other = self.both()
            value = value or other
        return value

    def both(self) -> bool:
        value = self.one()
        while self.tokens[:1] == ["&&"]:
            self.tokens.pop(0)
            other = self.one()
            value = value and other
        return value

    def one(self) -> bool:
        first = self.tokens.pop(0)
        if first == "(":
            value = self.either()
            if self.tokens.pop(0) != ")":
                raise ValueError(first)
            return value
        if self.tokens[:1] in (["=="], ["!="]):
            operator, other = self.tokens.pop(0), self.tokens.pop(0)
            return (first == other) == (operator == "==")
        if first.lower() not in _TRUTHS:
            raise ValueError(first)
        return _TRUTHS[first.lower()]
