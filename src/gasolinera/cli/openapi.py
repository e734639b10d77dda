"""`gasolinera openapi`: the API's description, without a database."""

import sys

from gasolinera.app import create_app
from gasolinera.cli.data import AsJson, write_json
from gasolinera.config import Settings


def command(*, as_json: AsJson = False) -> None:
    """Print the API: a line a route, or with --json the OpenAPI document that /openapi.json serves."""
    document = create_app(Settings()).openapi_schema.to_schema()
    if as_json:
        write_json(document)
        return
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            sys.stdout.write(f"{method.upper():7}{path:34}{operation.get('summary', '')}\n")
