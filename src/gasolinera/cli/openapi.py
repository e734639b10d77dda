"""`gasolinera openapi`: the API's description, without a database."""

import sys
from typing import Annotated

import msgspec
import typer

from gasolinera.app import create_app
from gasolinera.config import Settings

AsJson = Annotated[bool, typer.Option("--json", help="The whole OpenAPI document.")]


def command(*, as_json: AsJson = False) -> None:
    """Print the API: a line a route, or with --json the OpenAPI document that /openapi.json serves."""
    document = create_app(Settings()).openapi_schema.to_schema()
    if as_json:
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")
        return
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            sys.stdout.write(f"{method.upper():7}{path:34}{operation.get('summary', '')}\n")
