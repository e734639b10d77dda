"""`vuelo migrate`: bring every service up to date."""

from vuelo import run
from vuelo.cli.options import (
    DEFAULT_CONFIG,
    Config,
    Environment,
    Json,
    OutOfOrder,
    Services,
    Target,
    load,
    print_json,
    version_of,
)
from vuelo.cli.progress import watching
from vuelo.report import result_data, show_results


def command(
    *,
    config: Config = DEFAULT_CONFIG,
    environment: Environment = None,
    service: Services = None,
    target: Target = None,
    out_of_order: OutOfOrder = False,
    as_json: Json = False,
) -> None:
    """Apply pending versioned migrations in order, then new and changed repeatable ones; services side by side."""
    project = load(config, environment, service)
    with watching(project) as watch:
        results = run.migrate(project, target=version_of(target), out_of_order=out_of_order, watch=watch)
    if as_json:
        print_json({"services": [result_data(result) for result in results]})
    else:
        show_results(results, "Applied")
