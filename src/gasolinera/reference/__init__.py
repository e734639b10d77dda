"""The API's reference as a page: the OpenAPI document, written out by the server. Needs no script and no other host."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec
from jinja2 import Environment, StrictUndefined, select_autoescape
from litestar import MediaType, Request, get
from litestar.response import Response

_POLICY = (
    "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_DAY = "public, max-age=3600"
_MAX_DEPTH = 4


class Field(msgspec.Struct, frozen=True):
    """One line of a table: a parameter, or a field of a body with its path."""

    name: str
    place: str
    kind: str
    is_required: bool
    description: str


class Answer(msgspec.Struct, frozen=True):
    status: str
    description: str
    example: str


class Operation(msgspec.Struct, frozen=True):
    anchor: str
    method: str
    path: str
    summary: str
    description: str
    is_open: bool
    parameters: tuple[Field, ...]
    body: tuple[Field, ...]
    answers: tuple[Answer, ...]


class Chapter(msgspec.Struct, frozen=True):
    title: str
    operations: tuple[Operation, ...]


@get("/docs", media_type=MediaType.HTML, include_in_schema=False, opt={"open": True}, sync_to_thread=False)
def page_route(request: Request[Any, Any, Any]) -> Response[str]:
    state = request.app.state
    if "reference_page" not in state:
        state["reference_page"] = render(json.loads(json.dumps(request.app.openapi_schema.to_schema(), default=str)))
    headers = {"content-security-policy": _POLICY, "cache-control": _DAY}
    return Response(state["reference_page"], media_type=MediaType.HTML, headers=headers)


@get("/docs/style.css", media_type=MediaType.CSS, include_in_schema=False, opt={"open": True}, sync_to_thread=False)
def style_route() -> Response[str]:
    return Response(_file("style.css"), media_type=MediaType.CSS, headers={"cache-control": _DAY})


def render(document: Mapping[str, Any]) -> str:
    """The page of an OpenAPI 3.1 document."""
    environment = Environment(
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.from_string(_file("page.html")).render(info=document["info"], chapters=chapters_of(document))


def chapters_of(document: Mapping[str, Any]) -> tuple[Chapter, ...]:
    """Operations by their tag, in the order of the document."""
    chapters: dict[str, list[Operation]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            title = operation.get("tags", ["other"])[0]
            chapters.setdefault(title, []).append(_operation(document, path, method, operation))
    return tuple(Chapter(title, tuple(operations)) for title, operations in chapters.items())


def _operation(document: Mapping[str, Any], path: str, method: str, operation: Mapping[str, Any]) -> Operation:
    content: Mapping[str, Any] = operation.get("requestBody", {}).get("content", {})
    nothing: Mapping[str, Any] = {}
    schema = next((media["schema"] for media in content.values()), nothing)
    return Operation(
        anchor=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation.get("summary", ""),
        description=operation.get("description") or "",
        is_open=not operation.get("security"),
        parameters=tuple(_parameter(document, parameter) for parameter in operation.get("parameters", ())),
        body=tuple(_fields(document, schema)),
        answers=tuple(_answer(status, answer) for status, answer in sorted(operation["responses"].items())),
    )


def _parameter(document: Mapping[str, Any], parameter: Mapping[str, Any]) -> Field:
    return Field(
        parameter["name"],
        parameter["in"],
        _kind(document, parameter["schema"]),
        bool(parameter.get("required")),
        parameter.get("description") or "",
    )


def _answer(status: str, answer: Mapping[str, Any]) -> Answer:
    examples = [
        example["value"]
        for media in answer.get("content", {}).values()
        for example in media.get("examples", {}).values()
        if "value" in example
    ]
    shown = json.dumps(examples[0], indent=2, ensure_ascii=False) if examples else ""
    return Answer(status, answer.get("description") or "", shown)


def _fields(
    document: Mapping[str, Any], schema: Mapping[str, Any], prefix: str = "", depth: int = 0
) -> Iterator[Field]:
    """The fields of an object and of what it holds, each by its path."""
    schema = _resolved(document, schema)
    if "items" in schema:
        yield from _fields(document, schema["items"], f"{prefix}[]", depth + 1)
        return
    required = schema.get("required", ())
    for name, inner in schema.get("properties", {}).items():
        path = f"{prefix}.{name}" if prefix else name
        resolved = _resolved(document, inner)
        description = inner.get("description") or resolved.get("description") or ""
        yield Field(path, "body", _kind(document, inner), name in required, description)
        if depth < _MAX_DEPTH:
            yield from _fields(document, resolved, path, depth + 1)


def _kind(document: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """A type in words: what it is, and what it is limited to."""
    schema = _resolved(document, schema)
    choices = schema.get("oneOf") or schema.get("anyOf")
    if choices:
        return " or ".join(_kind(document, choice) for choice in choices)
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    kind = schema.get("type", "anything")
    words = [" or ".join(kind) if isinstance(kind, list) else str(kind)]  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]  JSON
    if kind == "array" and "items" in schema:
        words = [f"list of {_kind(document, schema['items'])}"]
    if "format" in schema:
        words.append(f"({schema['format']})")
    bounds = [f"{sign} {schema[name]}" for name, sign in _BOUNDS.items() if name in schema]
    return " ".join([*words, ", ".join(bounds)]).strip()


_BOUNDS = {
    "minimum": "≥",
    "exclusiveMinimum": ">",
    "maximum": "≤",
    "exclusiveMaximum": "<",
    "minLength": "length ≥",
    "maxLength": "length ≤",
    "minItems": "items ≥",
    "maxItems": "items ≤",
}


def _resolved(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = schema.get("$ref")
    return document["components"]["schemas"][reference.rsplit("/", 1)[1]] if reference else schema


@cache
def _file(name: str) -> str:
    return files("gasolinera.reference").joinpath(name).read_text(encoding="utf-8")
