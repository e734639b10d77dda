"""The file of secret keys: what a key is, reading it with distrust, writing it whole or not at all, rotating.

Nothing here signs or encrypts: `security` does, with the keys of this file.
"""

import fcntl
import os
import secrets
import stat
import tempfile
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final, Literal, get_args

import msgspec

from gasolinera.config import Environment
from gasolinera.errors import ConfigError, ConflictError, UnknownError

Purpose = Literal[
    "token",
    "service",
    "otp",
    "phone",
    "second_factor",
    "webhook",
    "cursor",
    "coupon",
    "display",
    "receipt",
    "raffle",
    "coupon_root",
]
ALL_PURPOSES: Final[tuple[Purpose, ...]] = get_args(Purpose)
# Keys that lie in a file of their own, on no host that serves.
OFFLINE: Final[frozenset[Purpose]] = frozenset(("coupon_root",))
PURPOSES: Final[tuple[Purpose, ...]] = tuple(purpose for purpose in ALL_PURPOSES if purpose not in OFFLINE)
# Keys that sign for others to verify: a process without them verifies by what is published.
SIGNING: Final[frozenset[Purpose]] = frozenset(("token", "coupon", "receipt", "raffle", "coupon_root"))

# How long what a key made may still come back. None: it is stored, so the key stays until somebody retires it.
LIFE: Final[dict[Purpose, timedelta | None]] = {
    "token": timedelta(minutes=16),  # access tokens live for 15, and clocks differ
    "service": timedelta(minutes=2),
    "otp": timedelta(minutes=10),
    "cursor": timedelta(days=1),
    "phone": None,
    "second_factor": None,
    "webhook": None,
    "coupon": None,
    "display": timedelta(minutes=5),  # a code shown live is good for one
    "receipt": None,  # its holder keeps it
    "raffle": None,  # draws are verified for ever
    "coupon_root": None,  # terminals hold its public half
}
# How long a new key is in the file before it is used: every process must have read it, and the tokens' public half.
OVERLAP: Final = timedelta(minutes=10)
SECRET_BYTES: Final = 32
MAX_ID: Final = 32_767  # what a smallint column holds
MAX_COUPON_ID: Final = 255  # the byte by which a QR code names its key
_MAX_FILE_BYTES: Final = 1_000_000
# Of 32 random bytes about 30 differ; fewer than 16 has a probability below 1e-13. What people type repeats itself.
_MIN_DIFFERENT_BYTES: Final = 16
_GENERATE: Final = "make a key ring with `gasolinera keys generate`"


class Key(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One secret. It makes new things from `active_from` on, and what it made is refused from `retired_at` on."""

    purpose: Purpose
    id: Annotated[int, msgspec.Meta(ge=1, le=MAX_ID)]
    created_at: Annotated[datetime, msgspec.Meta(tz=True)]
    active_from: Annotated[datetime, msgspec.Meta(tz=True)]
    secret: bytes
    retired_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None

    def __repr__(self) -> str:
        """Without the secret: a struct prints its fields, and tracebacks print structs."""
        return f"Key({self.purpose} {self.id})"

    def verifies(self, now: datetime) -> bool:
        return self.retired_at is None or now < self.retired_at


class KeyFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`environment` is the one it was made for: keys from a developer's disk have no business in production."""

    version: Literal[1] = 1
    environment: Environment
    keys: tuple[Key, ...]


def read_key_file(path: Path, environment: Environment) -> KeyFile:
    """Raises ConfigError `keys.missing`, `keys.unsafe`, `keys.malformed`, `keys.foreign` or `keys.weak`."""
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            if environment is not Environment.DEVELOPMENT and stat.S_IMODE(found.st_mode) & 0o077:
                raise ConfigError(
                    "keys.unsafe", f"others than its owner may open the key ring {path}", f"chmod 600 {path}"
                )
            data = file.read(_MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError("keys.missing", f"there is no key ring at {path}", _GENERATE) from None
    except OSError as error:
        raise ConfigError("keys.unreadable", f"the key ring {path} cannot be read: {error.strerror}") from None
    if len(data) > _MAX_FILE_BYTES:
        raise ConfigError("keys.malformed", f"the key ring {path} is larger than {_MAX_FILE_BYTES} bytes")
    try:
        ring = msgspec.json.decode(data, type=KeyFile)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        # msgspec names the place and the kind of value, and never the value.
        raise ConfigError("keys.malformed", f"the key ring {path} is malformed: {error}", _GENERATE) from None
    if ring.environment is Environment.DEVELOPMENT and environment is Environment.PRODUCTION:
        hint = "make one of its own with `gasolinera keys generate --environment production`"
        raise ConfigError("keys.foreign", f"the key ring {path} was made for development", hint)
    problems = weaknesses(ring.keys)
    if problems:
        raise ConfigError("keys.weak", f"the key ring {path} is not fit for use: {'; '.join(problems)}", _GENERATE)
    return ring


def weaknesses(keys: Iterable[Key]) -> list[str]:
    """Why these keys must not be used: too short, no randomness, the same secret or number twice."""
    problems: list[str] = []
    names: set[tuple[str, int]] = set()
    known: set[bytes] = set()
    for key in keys:
        name = f"{key.purpose} key {key.id}"
        if (key.purpose, key.id) in names:
            problems.append(f"{name} exists twice")
        if key.purpose == "coupon" and key.id > MAX_COUPON_ID:
            problems.append(f"{name} has a number that no QR code can name")
        if len(key.secret) != SECRET_BYTES:
            problems.append(f"{name} has {len(key.secret)} bytes instead of {SECRET_BYTES}")
        elif len(set(key.secret)) < _MIN_DIFFERENT_BYTES:
            problems.append(f"{name} is not random")
        if key.secret in known:
            problems.append(f"{name} has the secret of another key")
        if key.retired_at is not None and key.retired_at <= key.active_from:
            problems.append(f"{name} is retired before it is used")
        names.add((key.purpose, key.id))
        known.add(key.secret)
    return problems


def new_keys(purposes: Iterable[Purpose], now: datetime) -> tuple[Key, ...]:
    return tuple(_new_key(purpose, 1, now, now) for purpose in purposes)


def _new_key(purpose: Purpose, number: int, now: datetime, active_from: datetime) -> Key:
    now, active_from = (_to_the_second(at) for at in (now, active_from))
    return Key(
        purpose=purpose, id=number, created_at=now, active_from=active_from, secret=secrets.token_bytes(SECRET_BYTES)
    )


def _to_the_second(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(microsecond=0)


def current_key(keys: Iterable[Key], purpose: Purpose, now: datetime) -> Key | None:
    """The key that makes new things: of those that may be used, the one that came last."""
    usable = [key for key in keys if key.purpose == purpose and key.active_from <= now and key.verifies(now)]
    return max(usable, key=lambda key: (key.active_from, key.id), default=None)


def rotated(ring: KeyFile, purpose: Purpose, *, now: datetime, overlap: timedelta = OVERLAP) -> tuple[KeyFile, Key]:
    """The ring with a new key that is used from now + overlap on. The ones before verify what they made until it ends.

    Without overlap a new key that waits is used at once. Otherwise that raises ConflictError `keys.already_rotating`.
    Raises ConflictError `keys.exhausted` after the last number.
    """
    mine = [key for key in ring.keys if key.purpose == purpose]
    waiting = next((key for key in mine if key.active_from > now), None)
    if waiting is not None and overlap:
        until = f"{waiting.active_from:%Y-%m-%d %H:%M:%S} UTC"
        hint = f"to use it at once: gasolinera keys rotate {purpose} --overlap 0"
        raise ConflictError("keys.already_rotating", f"{purpose} key {waiting.id} waits until {until}", hint)
    number = max((key.id for key in mine), default=0) + 1
    if number > (MAX_COUPON_ID if purpose == "coupon" else MAX_ID):
        raise ConflictError("keys.exhausted", f"there is no number left for another {purpose} key")
    new = (
        _new_key(purpose, number, now, now + overlap if mine else now)
        if waiting is None
        else msgspec.structs.replace(waiting, active_from=_to_the_second(now))
    )
    return msgspec.structs.replace(ring, keys=(*_before(ring.keys, new, now), new)), new


def _before(keys: Iterable[Key], new: Key, now: datetime) -> Generator[Key]:
    """The other keys: those of the new one's purpose end when the last that they made does."""
    life = LIFE[new.purpose]
    for key in keys:
        # A week after nothing of it can come back, the secret itself goes.
        forgotten = key.retired_at is not None and key.retired_at <= now - timedelta(days=7)
        if forgotten or (key.purpose, key.id) == (new.purpose, new.id):
            continue
        if key.purpose != new.purpose or life is None:
            yield key
            continue
        end = max(new.active_from + life, key.active_from + timedelta(seconds=1))
        yield msgspec.structs.replace(key, retired_at=end if key.retired_at is None else min(key.retired_at, end))


def retired(ring: KeyFile, purpose: Purpose, number: int, *, now: datetime) -> KeyFile:
    """The ring in which a key is over at once. Raises UnknownError `keys.unknown`, ConflictError `keys.in_use`."""
    key = next((key for key in ring.keys if key.purpose == purpose and key.id == number), None)
    if key is None:
        raise UnknownError("keys.unknown", f"there is no {purpose} key {number}")
    if current_key(ring.keys, purpose, now) in (key, None):
        hint = f"rotate first: gasolinera keys rotate {purpose} --overlap 0"
        raise ConflictError("keys.in_use", f"{purpose} key {number} is the one in use", hint)
    end = max(_to_the_second(now), key.active_from + timedelta(seconds=1))
    ended = msgspec.structs.replace(key, retired_at=end)
    return msgspec.structs.replace(ring, keys=tuple(ended if other is key else other for other in ring.keys))


@contextmanager
def lock_folder(path: Path) -> Generator[None]:
    """Only one command at a time changes a ring: two rotations would each forget the other's key."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def write_key_file(path: Path, ring: KeyFile, *, is_new: bool) -> None:
    """All or nothing, on the disk when it returns, for the owner's eyes only: who owned the file before owns it still.

    Raises ConfigError `keys.owner` where that cannot be, and ConflictError `keys.exists` where `is_new` and something
    is there.
    """
    target = path.resolve()  # a link keeps pointing at the file that it points at
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".keys-")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            if not is_new:
                _keep_owner(target, file.fileno())
            file.write(msgspec.json.format(msgspec.json.encode(ring), indent=2) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            os.link(temporary, target)  # unlike a rename it refuses to replace
        else:
            temporary.replace(target)
    except FileExistsError:
        hint = "keys are replaced with `gasolinera keys rotate`; another file is named with --file"
        raise ConflictError("keys.exists", f"there is a key ring at {path} already", hint) from None
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _keep_owner(target: Path, handle: int) -> None:
    """Root rotates what a service reads: a ring that root took over would be closed to it."""
    try:
        before, now = target.stat(), os.fstat(handle)
        if (before.st_uid, before.st_gid) != (now.st_uid, now.st_gid):
            os.fchown(handle, before.st_uid, before.st_gid)
    except FileNotFoundError:
        return
    except PermissionError:
        hint = "run this as the owner of the file, or as root"
        raise ConfigError("keys.owner", f"the key ring {target} belongs to somebody else", hint) from None
