"""`gasolinera keys`: make, look at, rotate and retire the secret keys of the platform. No secret is ever printed."""

import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from gasolinera import key_file
from gasolinera.cli.data import AsJson, write_json
from gasolinera.config import DEVELOPMENT_KEYS, PREFIX, Environment
from gasolinera.errors import ConfigError, InputError
from gasolinera.key_file import ALL_PURPOSES, LIFE, MAX_ID, OVERLAP, PURPOSES, SIGNING, Key, KeyFile, Purpose
from gasolinera.keyring import public_key

app = typer.Typer(help="Make and rotate the keys that sign, hash and encrypt.", no_args_is_help=True)
_OLD_AFTER = timedelta(days=366)

File = Annotated[Path | None, typer.Option("--file", help="The key ring. Default: GASOLINERA_KEYS_FILE.")]
ForEnvironment = Annotated[
    Environment | None, typer.Option("--environment", "-e", help="Default: GASOLINERA_ENVIRONMENT, development.")
]
PurposeName = Annotated[str, typer.Argument(metavar="PURPOSE", help=", ".join(ALL_PURPOSES))]


class KeyState(msgspec.Struct, frozen=True):
    """A key without its secret. `state`: waiting, current, accepted (verifies only) or retired."""

    purpose: Purpose
    id: int
    state: str
    created_at: datetime
    active_from: datetime
    retired_at: datetime | None
    kid: str | None


@app.command("generate")
def generate(
    *,
    file: File = None,
    environment: ForEnvironment = None,
    purpose: Annotated[
        list[str] | None, typer.Option(help="Only this; may be given again. Default: all but coupon_root.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a new key ring, for its owner's eyes only. Refuses where a file is."""
    path, chosen = _place(file, environment)
    wanted: tuple[Purpose, ...] = tuple(_purpose(name) for name in dict.fromkeys(purpose or []))
    ring = KeyFile(environment=chosen, keys=key_file.new_keys(wanted or PURPOSES, datetime.now(UTC)))
    with key_file.lock_folder(path):
        key_file.write_key_file(path, ring, is_new=True)
    sys.stderr.write(f"made {path} for {chosen}: keep a copy where only you can read it\n")
    _show(ring, as_json=as_json)


@app.command("list")
def list_keys(*, file: File = None, environment: ForEnvironment = None, as_json: AsJson = False) -> None:
    """List the keys and what each is good for now."""
    _show(key_file.read_key_file(*_place(file, environment)), as_json=as_json)


@app.command("rotate")
def rotate(
    purpose: PurposeName,
    *,
    overlap: Annotated[
        int, typer.Option(min=0, max=86_400, help="Seconds until the new key is used: all processes must know it.")
    ] = int(OVERLAP.total_seconds()),
    file: File = None,
    environment: ForEnvironment = None,
    as_json: AsJson = False,
) -> None:
    """Add a new key. The old one works until then, and after that verifies what it made until the last of it ends."""
    path, chosen = _place(file, environment)
    with key_file.lock_folder(path):
        ring = key_file.read_key_file(path, chosen)
        changed, new = key_file.rotated(
            ring, _purpose(purpose), now=datetime.now(UTC), overlap=timedelta(seconds=overlap)
        )
        key_file.write_key_file(path, changed, is_new=False)
    sys.stderr.write(f"{new.purpose} key {new.id} is used from {new.active_from:%Y-%m-%d %H:%M:%S} UTC on\n")
    if LIFE[new.purpose] is None:
        sys.stderr.write("what the keys before made is stored: retire them when nothing of it is left\n")
    _show(changed, as_json=as_json)


@app.command("retire")
def retire(
    purpose: PurposeName,
    number: Annotated[int, typer.Argument(metavar="ID", min=1, max=MAX_ID)],
    *,
    file: File = None,
    environment: ForEnvironment = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """End a key at once: what it made is refused, what it encrypted cannot be read. Not the key in use."""
    path, chosen = _place(file, environment)
    name = f"{_purpose(purpose)} {number}"
    if not yes and typer.prompt(f"what {name} made will be refused; type {name!r} to go on", err=True) != name:
        raise InputError("keys.not_confirmed", "nothing was changed")
    with key_file.lock_folder(path):
        ring = key_file.read_key_file(path, chosen)
        changed = key_file.retired(ring, _purpose(purpose), number, now=datetime.now(UTC))
        key_file.write_key_file(path, changed, is_new=False)
    _show(changed, as_json=as_json)


@app.command("check")
def check(*, file: File = None, environment: ForEnvironment = None, as_json: AsJson = False) -> None:
    """Is the key ring fit for use? Exit 1 when it is not; keys older than a year are named."""
    path, chosen = _place(file, environment)
    ring = key_file.read_key_file(path, chosen)
    now = datetime.now(UTC)
    missing = [
        purpose for purpose in PURPOSES if purpose not in SIGNING and not key_file.current_key(ring.keys, purpose, now)
    ]
    if missing:
        hint = f"gasolinera keys rotate {missing[0]}"
        raise ConfigError("keys.purpose_missing", f"{path} has no key in use for {', '.join(missing)}", hint)
    for key in ring.keys:
        if key_file.current_key(ring.keys, key.purpose, now) is key and key.created_at < now - _OLD_AFTER:
            sys.stderr.write(f"warning: {key.purpose} key {key.id} is more than a year old: rotate it\n")
    sys.stderr.write(f"{path} is good\n")
    _show(ring, as_json=as_json)


def _place(file: Path | None, environment: Environment | None) -> tuple[Path, Environment]:
    """Asked before the other settings of a process exist, so not through them. Raises ConfigError."""
    named = os.environ.get(f"{PREFIX}ENVIRONMENT") or Environment.DEVELOPMENT
    try:
        chosen = environment or Environment(named)
    except ValueError:
        known = ", ".join(Environment)
        raise ConfigError("config.invalid", f"{PREFIX}ENVIRONMENT is none of {known}") from None
    path = file or Path(os.environ.get(f"{PREFIX}KEYS_FILE") or DEVELOPMENT_KEYS)
    if chosen is Environment.PRODUCTION and path == DEVELOPMENT_KEYS:
        hint = f"name it with --file or {PREFIX}KEYS_FILE"
        raise ConfigError("keys.no_file", "production has no key ring in a developer's place", hint)
    return path, chosen


def _purpose(name: str) -> Purpose:
    for purpose in ALL_PURPOSES:
        if purpose == name:
            return purpose
    raise InputError("keys.unknown_purpose", f"{name} is no purpose of a key", f"known are {', '.join(ALL_PURPOSES)}")


def _show(ring: KeyFile, *, as_json: bool) -> None:
    now = datetime.now(UTC)
    states = [_state_of(key, ring, now) for key in sorted(ring.keys, key=lambda key: (key.purpose, key.id))]
    if as_json:
        write_json(states)
        return
    for one in states:
        until = f" until {one.retired_at:%Y-%m-%d %H:%M:%S}" if one.retired_at else ""
        sys.stdout.write(
            f"{one.purpose:14}{one.id:>4}  {one.state:9} from {one.active_from:%Y-%m-%d %H:%M:%S}{until}\n"
        )


def _state_of(key: Key, ring: KeyFile, now: datetime) -> KeyState:
    if not key.verifies(now):
        state = "retired"
    elif key.active_from > now:
        state = "waiting"
    else:
        state = "current" if key_file.current_key(ring.keys, key.purpose, now) is key else "accepted"
    kid = public_key(key).kid if key.purpose in SIGNING else None
    return KeyState(key.purpose, key.id, state, key.created_at, key.active_from, key.retired_at, kid)
