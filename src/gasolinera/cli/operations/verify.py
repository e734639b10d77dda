"""`gasolinera ops verify`: after a deployment, one critical journey a service and one event across services."""

import sys
from typing import Annotated, Final

import typer

from gasolinera.cli.data import AsJson, write_json
from gasolinera.config import SERVICES, Environment, Settings, load_settings
from gasolinera.errors import ConfigError, InputError
from gasolinera.keyring import Keyring, load_keyring
from gasolinera.ops.reaching import reachable_operations
from gasolinera.ops.verifying import Outcome, Step, Verification, verify

EnvironmentName = Annotated[str | None, typer.Option("--environment", "-e", help="development, test or production.")]
Url = Annotated[str | None, typer.Option("--url", help="Where the platform answers. Default: GASOLINERA_PUBLIC_URL.")]
ServiceUrls = Annotated[
    list[str] | None, typer.Option("--service-url", metavar="SERVICE=URL", help="A service that answers elsewhere.")
]
WithoutDraw = Annotated[bool, typer.Option("--without-draw", help="Verify no draw, which takes a while.")]
_SIGNS: Final = {Outcome.OK: "ok     ", Outcome.FAILED: "FAILED ", Outcome.SKIPPED: "skipped"}


def command(
    *,
    url: Url = None,
    service_url: ServiceUrls = None,
    without_draw: WithoutDraw = False,
    environment: EnvironmentName = None,
    as_json: AsJson = False,
) -> None:
    """Try what people come for, on the running platform: log in, find a station, issue a coupon, redeem and cancel it,
    ask for an advertisement, verify a draw; and see one event arrive. What it makes is marked, and closed again, also
    after a run that was killed. Exit 0 good, 1 something could not be tried, 2 something failed.
    """
    with reachable_operations(environment) as operations:
        settings = settings_here()
        done = verify(
            operations,
            url or settings.public_url,
            keyring=keys_here(settings),
            service_urls=_pairs(service_url or []),
            chain=chain_of(settings),
            without_draw=without_draw,
            tell=ignore if as_json else show,
        )
    if as_json:
        write_json({"url": done.url, "seconds": done.seconds, "exit_code": done.exit_code, "steps": done.steps})
    else:
        sys.stdout.write(f"{_verdict(done)}; {done.seconds:.1f} s\n")
    if done.exit_code:
        raise typer.Exit(done.exit_code)


def settings_here() -> Settings:
    """Of the environment alone: no database is needed for what is asked of them."""
    return load_settings()


def keys_here(settings: Settings) -> Keyring | None:
    """None where there is no ring: then what needs none is tried alone."""
    try:
        return load_keyring(settings)
    except ConfigError as error:
        sys.stderr.write(f"without keys: {error.message}\n")
        return None


def chain_of(settings: Settings) -> str:
    """The beacon that the platform draws by, as `raffle verify` names it."""
    if settings.beacon_chain is not None:
        return settings.beacon_chain
    return "quicknet" if settings.environment is Environment.PRODUCTION else "test"


def show(step: Step) -> None:
    detail = f": {step.detail}" if step.detail else ""
    sys.stdout.write(f"{_SIGNS[step.outcome]} {step.seconds:6.2f} s  {step.service}: {step.name}{detail}\n")
    sys.stdout.flush()


def ignore(_step: Step) -> None:
    """Data is written at the end."""


def _verdict(done: Verification) -> str:
    if done.failed:
        return f"{len(done.failed)} of {len(done.steps)} steps failed"
    skipped = sum(one.outcome is Outcome.SKIPPED for one in done.steps)
    return (
        f"{skipped} of {len(done.steps)} steps were not tried" if skipped else f"all {len(done.steps)} steps went well"
    )


def _pairs(given: list[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for one in given:
        service, is_pair, url = one.partition("=")
        if not is_pair or service not in SERVICES or not url.startswith(("http://", "https://")):
            raise InputError("ops.service_url", f"{one!r} is not a service and its address", "such as coupon=http://…")
        pairs[service] = url
    return pairs
