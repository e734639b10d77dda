"""Every way to change a document that a test can think of: each gives bytes that must be refused."""

import copy
import json
import re
from collections.abc import Callable, Generator
from typing import Any

from tests.raffle.bundle_maker import Json, canonical, sealed

Path = tuple[str | int, ...]
Mutation = tuple[str, bytes]


def paths_of(value: Any, path: Path = ()) -> Generator[tuple[Path, Any]]:
    """Every value with the way to it, the containers too."""
    yield path, value
    if isinstance(value, dict):
        for name, one in value.items():  # pyright: ignore[reportUnknownVariableType]  JSON of any kind
            yield from paths_of(one, (*path, name))  # pyright: ignore[reportUnknownArgumentType]
    elif isinstance(value, list):
        for at, one in enumerate(value):  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
            yield from paths_of(one, (*path, at))


def resealed(data: bytes) -> bytes:
    """What an operator gives who has made the change himself; without a seal, or a format to seal, the same."""
    document = json.loads(data)
    if not {"seal", "format"} <= document.keys() or not isinstance(document["format"], str):
        return data
    return canonical(sealed(document))


def changed(document: Json, path: Path, change: Callable[[Any, Any], None]) -> bytes:
    """The document with what `change` does to the container and the last step of the path."""
    other = copy.deepcopy(document)
    parent: Any = other
    for step in path[:-1]:
        parent = parent[step]
    change(parent, path[-1])
    return canonical(other)


def replaced(document: Json, path: Path, value: Any) -> bytes:
    def put(parent: Any, step: str | int) -> None:
        parent[step] = value

    return changed(document, path, put)


def other_values(value: Any) -> list[Any]:
    """What could stand there instead."""
    if value is None:
        return [0, "", {}, False, 1]
    if isinstance(value, bool):
        return [not value, int(value), None]
    if isinstance(value, int):
        return [value + 1, value - 1, -value - 1, str(value), None, [value], 2**53, 2**70]
    assert isinstance(value, str)
    spellings = [value + "0", value[:-1], "", None, " " + value, value + "\0", 0, [value]]
    if re.fullmatch("[0-9a-f]+", value):
        last = "0" if value[-1] != "0" else "1"
        first = "0" if value[0] != "0" else "1"
        spellings += [value[:-1] + last, first + value[1:], value[2:] + value[:2], value + "00", value[:-2]]
        spellings += [value.upper()] if value.upper() != value else []
    else:
        spellings += [value[:-1] + chr(ord(value[-1]) ^ 1), value.swapcase()]
    return [one for one in spellings if one != value]


def of_values(document: Json) -> Generator[Mutation]:
    for path, value in paths_of(document):
        if isinstance(value, dict | list):
            continue
        for other in other_values(value):
            yield f"{path} = {other!r}", replaced(document, path, other)


def of_structure(document: Json) -> Generator[Mutation]:
    def drop(parent: Any, step: str | int) -> None:
        del parent[step]

    def add(parent: Any, step: str | int) -> None:
        parent[step]["extra"] = None

    def twice(parent: Any, step: int) -> None:
        parent.insert(step, copy.deepcopy(parent[step]))

    def swap(parent: Any, step: int) -> None:
        parent[step], parent[step - 1] = parent[step - 1], parent[step]

    for path, value in paths_of(document):
        if not path:
            yield "an unknown field", canonical(document | {"extra": 1})
            continue
        yield f"without {path}", changed(document, path, drop)
        for other in ({}, [], None, "x", [value], {"x": value}):
            if isinstance(value, dict | list) and other != value:
                yield f"{path} = {other!r}"[:200], replaced(document, path, other)
        if isinstance(value, dict):
            yield f"an unknown field in {path}", changed(document, path, add)
        if isinstance(path[-1], int):
            yield f"{path} twice", changed(document, path, twice)
            if path[-1] > 0:
                yield f"{path} before its neighbour", changed(document, path, swap)


def of_spelling(data: bytes) -> Generator[Mutation]:
    """The same document in other bytes."""
    text = data.decode()
    yield "a line feed at the end", data + b"\n"
    yield "a space before", b" " + data
    yield "a byte order mark", b"\xef\xbb\xbf" + data
    yield "indented", json.dumps(json.loads(data), indent=1, sort_keys=True, ensure_ascii=False).encode()
    yield "keys in another order", json.dumps(json.loads(data), separators=(",", ":"), ensure_ascii=False).encode()
    yield "other escapes", json.dumps(json.loads(data), separators=(",", ":"), sort_keys=True).encode()
    yield "UTF-16", text.encode("utf-16")
    yield "two documents", data + data
    for size in (1, len(data) // 2, len(data) - 1):
        yield f"the first {size} bytes", data[:size]
    for mark in (":", ",", "{", "}", "[", "]"):
        at = text.index(mark)
        yield f"a space after {mark}", (text[: at + 1] + " " + text[at + 1 :]).encode()
    for found in [*re.finditer(r"(?<=[:\[,])[0-9]+(?=[,}\]])", text)]:
        for other in (
            f"{found[0]}.0",
            f"{found[0]}e0",
            f"0{found[0]}",
            f"-{found[0]}",
            f"{found[0]}E+0",
            f"+{found[0]}",
        ):
            yield f"{found[0]} as {other}", (text[: found.start()] + other + text[found.end() :]).encode()
    for found in [*re.finditer(r'"[a-z_0-9]+":', text)]:
        key = found[0]
        yield f"{key} twice", (text[: found.start()] + key + "0," + text[found.start() :]).encode()
        escaped = f'"\\u{ord(key[1]):04x}{key[2:]}'
        yield f"{key} escaped", (text[: found.start()] + escaped + text[found.end() :]).encode()


def of_bytes(data: bytes, *, step: int, offset: int = 0) -> Generator[Mutation]:
    """A bit of every `step`-th byte flipped."""
    for at in range(offset, len(data), step):
        for bit in (1, 0x20):
            yield f"byte {at} ^ {bit}", data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]
