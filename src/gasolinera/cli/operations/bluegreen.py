"""`gasolinera ops bluegreen`: the guided deployment without downtime."""

import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Final

import typer

from gasolinera.cli.data import AsJson, write_json
from gasolinera.cli.operations.check import scheduled_jobs
from gasolinera.cli.operations.verify import chain_of, ignore, keys_here, settings_here, show
from gasolinera.errors import InputError
from gasolinera.ops.bluegreen import Deployment, Step, Try, abort, newest, perform_next, start
from gasolinera.ops.bluegreen_steps import Means, aborting, steps_with
from gasolinera.ops.checking import Group, Verdict
from gasolinera.ops.checking_rounds import Wanted, check_operations
from gasolinera.ops.reaching import Operations, reachable_operations
from gasolinera.ops.safety_backups import back_up_first
from gasolinera.ops.verifying import verify
from vuelo.cli.confirm import confirm

app = typer.Typer(help="Deploy without downtime, step by step.", no_args_is_help=True)

_FAILURE: Final = 1
# What a deployment changes is told by its own steps; the rows of all tables are not read in the middle of one.
_NOT_ASKED: Final = frozenset({Group.MIGRATIONS, Group.DATA})
_NEXT: Final = {
    Step.EXPAND: "next: expand the schemas, so that the old and the new release work with them",
    Step.SWITCH: "next: start the new release, and direct traffic to it",
    Step.VERIFY: "next: verify the new release by the journeys of `gasolinera ops verify`",
    Step.CONTRACT: "next: end the old release, then drop what it used",
}

Environment = Annotated[str | None, typer.Option("--environment", "-e", help="development, test or production.")]
Release = Annotated[
    str, typer.Option("--release", help="The new release's mark: its processes run with GASOLINERA_RELEASE of it.")
]
Url = Annotated[str, typer.Option("--url", help="Where the new release answers, before traffic comes to it too.")]
SwitchCommand = Annotated[
    str | None,
    typer.Option("--switch-command", help="Directs traffic; gets GASOLINERA_RELEASE and GASOLINERA_RELEASE_URL."),
]
BackCommand = Annotated[str | None, typer.Option("--switch-command", help="Directs traffic back to the old release.")]
Switched = Annotated[bool, typer.Option("--switched", help="Traffic was directed to the new release by hand.")]
Accept = Annotated[
    list[str] | None, typer.Option("--accept", metavar="CHECK", help="Go on although this check is red.")
]
SkipDrift = Annotated[bool, typer.Option("--skip-drift", help="Do not compare the schemas with their migrations.")]
WithoutDraw = Annotated[bool, typer.Option("--without-draw", help="Verify no draw, which takes a while.")]
Undo = Annotated[bool, typer.Option("--undo", help="Take back the migrations of this deployment, and lose their data.")]
NoBackup = Annotated[bool, typer.Option("--no-backup", help="With --undo: do not back up first what it loses.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for the database's name.")]


@app.command("start")
def start_command(*, release: Release, url: Url, environment: Environment = None, as_json: AsJson = False) -> None:
    """Begin a deployment. Nothing is changed yet; `next` does each step, and `status` says where it stands."""
    if not url.startswith(("http://", "https://")):
        raise InputError("ops.url", f"{url!r} is not an address", "such as https://green.example.net")
    with reachable_operations(environment) as operations:
        _tell(start(operations, release=release, url=url), as_json=as_json)


@app.command("status")
def status_command(*, environment: Environment = None, as_json: AsJson = False) -> None:
    """Show the deployment that is under way, else the last one, with every try of its steps."""
    with reachable_operations(environment) as operations:
        found = newest(operations)
    if found is None and not as_json:
        sys.stdout.write("there was no deployment yet\n")
    elif found is None:
        write_json(None)
    else:
        _tell(found, as_json=as_json)


@app.command("next")
def next_command(
    *,
    switch_command: SwitchCommand = None,
    switched: Switched = False,
    accept: Accept = None,
    skip_drift: SkipDrift = False,
    without_draw: WithoutDraw = False,
    environment: Environment = None,
    as_json: AsJson = False,
) -> None:
    """Do the next step, unless something speaks against it. Exit 1 when it was refused: it may be tried again."""
    with reachable_operations(environment) as operations:
        means = Means(
            red_checks=lambda: red_checks(operations, accept or []),
            verify=_journeys(operations, without_draw=without_draw, quiet=as_json),
            switch_command=switch_command,
            is_switched=switched,
            with_drift=not skip_drift,
        )
        deployment, done = perform_next(operations, steps_with(operations, means))
    _after(deployment, done, as_json=as_json)


@app.command("abort")
def abort_command(
    *,
    switch_command: BackCommand = None,
    undo: Undo = False,
    no_backup: NoBackup = False,
    yes: Yes = False,
    environment: Environment = None,
    as_json: AsJson = False,
) -> None:
    """End the deployment before its time, and say what was undone. The old release works with what expanding made, so
    that it may stay; what --undo takes back is backed up before. Refused once contract migrations have run.
    """
    with reachable_operations(environment) as operations:
        if undo:
            confirm(operations.project, yes=yes)
        back_up = None if no_backup else partial(back_up_first, operations)
        perform = aborting(operations, undo=undo, switch_command=switch_command, back_up=back_up)
        deployment, done = abort(operations, perform)
    _after(deployment, done, as_json=as_json)


def red_checks(operations: Operations, accepted: Sequence[str]) -> list[str]:
    """Names of those that are critical at this moment."""
    found = check_operations(operations, Wanted(without=_NOT_ASKED), jobs=scheduled_jobs())
    return sorted({one.name for one in found if one.verdict is Verdict.CRITICAL} - set(accepted))


def _journeys(operations: Operations, *, without_draw: bool, quiet: bool) -> Callable[[str], Sequence[str]]:
    def travel(url: str) -> Sequence[str]:
        settings = settings_here()
        keyring, chain = keys_here(settings), chain_of(settings)
        tell = ignore if quiet else show
        done = verify(operations, url, keyring=keyring, chain=chain, without_draw=without_draw, tell=tell)
        if keyring is None and not done.failed:
            return ("most journeys were not tried: set GASOLINERA_KEYS_FILE to the platform's key ring",)
        return done.failed

    return travel


def _after(deployment: Deployment, done: Try, *, as_json: bool) -> None:
    if as_json:
        write_json(deployment)
    else:
        _tell_try(done)
        sys.stdout.write(f"{_where(deployment)}\n")
    if not done.succeeded:
        raise typer.Exit(_FAILURE)


def _tell(deployment: Deployment, *, as_json: bool) -> None:
    if as_json:
        write_json(deployment)
        return
    sys.stdout.write(f"{deployment.release} at {deployment.url}, begun {deployment.started_at:%Y-%m-%d %H:%M:%S}\n")
    for one in deployment.tries:
        _tell_try(one)
    sys.stdout.write(f"{_where(deployment)}\n")


def _tell_try(one: Try) -> None:
    verdict = {True: "done", False: "refused", None: "under way, or its process has ended"}[one.succeeded]
    sys.stdout.write(f"{one.began_at:%H:%M:%S} {one.step.value.lower()}: {verdict}\n")
    for text in one.did:
        sys.stdout.write(f"  {text}\n")
    for text in one.refused:
        sys.stdout.write(f"  not: {text}\n")


def _where(deployment: Deployment) -> str:
    if deployment.next_step is not None:
        return _NEXT[deployment.next_step]
    return "the deployment is done" if deployment.outcome == "DONE" else "the deployment was aborted"
