"""`vuelo clean`: empty the schemas. Off unless the settings allow it."""

from vuelo import run
from vuelo.cleaning import clean, refuse_disabled
from vuelo.cli.confirm import Yes, confirm
from vuelo.cli.options import DEFAULT_CONFIG, Config, Environment, Json, Services, load, print_json
from vuelo.report import answer


def command(
    *,
    config: Config = DEFAULT_CONFIG,
    environment: Environment = None,
    service: Services = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Drop everything in the services' schemas, and the schemas that vuelo made. All data in them is lost.

    Only where clean_disabled = false is set.
    """
    project = load(config, environment, service)
    refuse_disabled(project)
    with run.reachable(project) as reached:
        confirm(reached, yes=yes)
        done = clean(reached)
    if as_json:
        services = [
            {"service": name, "objects": one.objects, "cleaned": list(one.cleaned), "dropped": list(one.dropped)}
            for name, one in done.items()
        ]
        print_json({"services": services})
        return
    for name, one in done.items():
        said = [f"schema {schema} dropped" for schema in one.dropped]
        said += [f"schema {', '.join(one.cleaned)} emptied of {one.objects} objects"] if one.cleaned else []
        answer.print(f"{name}: {'; '.join(said) or 'there is nothing to clean'}", markup=False, highlight=False)
