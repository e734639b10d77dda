"""Keys at work: keyed hashes, encryption, and which keys sign and verify tokens.

A `Keyring` follows its file: what `gasolinera keys rotate` writes is in use within seconds, without a restart.
"""

import hashlib
import hmac
import secrets
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Final

import msgspec
import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from nacl.signing import SigningKey, VerifyKey

from gasolinera.config import Environment, Settings
from gasolinera.errors import ConfigError, UnauthenticatedError
from gasolinera.key_file import (
    OFFLINE,
    PURPOSES,
    SIGNING,
    Key,
    KeyFile,
    Purpose,
    current_key,
    lock_folder,
    new_keys,
    read_key_file,
    write_key_file,
)

_LOOK_EVERY_S: Final = 5.0
_LOOK_FOR_UNKNOWN_S: Final = 1.0  # strangers decide which keys their tokens name
_NONCE_BYTES: Final = 12
_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

Clock = Callable[[], datetime]


class UnknownKeyError(UnauthenticatedError):
    """A token names a key that this process does not know; whoever publishes keys may."""


class PublicKey(msgspec.Struct, frozen=True):
    """The public half of a token key. `kid` is the thumbprint of RFC 7638: the same key always has the same name."""

    kid: str
    x: str  # base64url, as JWKS writes it

    @property
    def raw(self) -> bytes:
        return from_base64url(self.x)


class Keyring:
    """The keys of this process. Make it with `load_keyring`. Methods raise ConfigError `keys.purpose_missing`."""

    def __init__(
        self, keys: Iterable[Key], *, clock: Clock | None = None, read: Callable[[], KeyFile | None] = lambda: None
    ) -> None:
        """`read` gives the ring again when its file has changed, else None. It is asked every five seconds at most, and
        once a second more when something names a key that is unknown: a process beside this one may have read it first.
        """
        self.clock: Clock = clock or (lambda: datetime.now(UTC))
        self._read = read
        self._look_at = time.monotonic() + _LOOK_EVERY_S
        self._look_for_unknown_at = float("-inf")
        self._trusted: dict[str, VerifyKey] = {}
        self.generation = 0  # whoever remembers what a key verified forgets it when this changes
        self._take(tuple(keys))

    def _take(self, keys: tuple[Key, ...]) -> None:
        self._keys = keys
        self._by_name = {(key.purpose, key.id): key for key in keys}
        self._token_keys = {public_key(key).kid: key for key in keys if key.purpose == "token"}
        self.generation += 1

    def refresh(self) -> None:
        """Take over what the file holds now. A file that broke meanwhile is logged, and the keys at hand stay."""
        if time.monotonic() >= self._look_at:
            self._look()

    def _look_for_unknown(self) -> None:
        if time.monotonic() >= self._look_for_unknown_at:
            self._look_for_unknown_at = time.monotonic() + _LOOK_FOR_UNKNOWN_S
            self._look()

    def _look(self) -> None:
        self._look_at = time.monotonic() + _LOOK_EVERY_S
        try:
            ring = self._read()
        except ConfigError as error:
            _log.error("key_ring_unusable", code=error.code)
            return
        if ring is not None:
            self._take(ring.keys)
            _log.info("key_ring_read_again", keys=len(ring.keys))

    def has(self, purpose: Purpose) -> bool:
        self.refresh()
        return current_key(self._keys, purpose, self.clock()) is not None

    def current(self, purpose: Purpose) -> Key:
        """The key that makes new things."""
        self.refresh()
        key = current_key(self._keys, purpose, self.clock())
        if key is None:
            hint = f"make one with `gasolinera keys rotate {purpose}`"
            raise ConfigError("keys.purpose_missing", f"the key ring has no key for the purpose {purpose}", hint)
        return key

    def verifying(self, purpose: Purpose) -> tuple[Key, ...]:
        """Every key whose work is still accepted, the newest first."""
        self.refresh()
        now = self.clock()
        return tuple(reversed([key for key in self._keys if key.purpose == purpose and key.verifies(now)]))

    def all_of(self, purpose: Purpose) -> tuple[Key, ...]:
        """Every key in the ring, those that wait and those that are over as well."""
        self.refresh()
        return tuple(key for key in self._keys if key.purpose == purpose)

    def mac(self, purpose: Purpose, data: bytes) -> tuple[int, bytes]:
        """The current key's number and the HMAC-SHA-256 that it makes."""
        key = self.current(purpose)
        return key.id, _mac(key, data)

    def mac_with(self, purpose: Purpose, key_id: int, data: bytes) -> bytes:
        """With a key that an earlier `mac` named. Raises UnknownKeyError when it is gone or retired."""
        return _mac(self._key(purpose, key_id), data)

    def macs(self, purpose: Purpose, data: bytes) -> tuple[tuple[int, bytes], ...]:
        """With every accepted key, so that one statement can look for each."""
        return tuple((key.id, _mac(key, data)) for key in self.verifying(purpose))

    def encrypt(self, purpose: Purpose, plain: bytes, *, context: bytes = b"") -> tuple[int, bytes]:
        """AES-256-GCM: nonce, ciphertext, tag. `context` (whose it is, say) must be the same when it is decrypted."""
        key = self.current(purpose)
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return key.id, nonce + _cipher(key).encrypt(nonce, plain, _bound(key, context))

    def decrypt(self, purpose: Purpose, key_id: int, data: bytes, *, context: bytes = b"") -> bytes:
        """Raises UnknownKeyError, and ConfigError `keys.cannot_decrypt` when it was not this key, data and context."""
        key = self._key(purpose, key_id)
        try:
            return _cipher(key).decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], _bound(key, context))
        except (InvalidTag, ValueError):
            raise ConfigError("keys.cannot_decrypt", f"{purpose} key {key_id} does not open what it should") from None

    def _key(self, purpose: Purpose, key_id: int) -> Key:
        self.refresh()
        if (purpose, key_id) not in self._by_name:
            self._look_for_unknown()
        key = self._by_name.get((purpose, key_id))
        if key is None or not key.verifies(self.clock()):
            raise UnknownKeyError("keys.unknown", f"there is no {purpose} key {key_id} any more")
        return key

    def trust(self, published: Iterable[PublicKey]) -> None:
        """Accept the tokens of these keys, which another process publishes, and of no others but the own."""
        self._trusted = {key.kid: VerifyKey(key.raw) for key in published}
        self.generation += 1

    def token_key(self, kid: str) -> tuple[VerifyKey, datetime | None]:
        """What verifies the tokens of a key, and until when. Raises UnknownKeyError."""
        if kid not in self._token_keys and kid not in self._trusted:
            self._look_for_unknown()
        own = self._token_keys.get(kid)
        if own is not None and own.verifies(self.clock()):
            return signing_key(own).verify_key, own.retired_at
        trusted = self._trusted.get(kid)
        if trusted is None:
            raise UnknownKeyError("auth.token_invalid", "the access token is signed with a key that nobody knows")
        return trusted, None

    def public_keys(self) -> tuple[PublicKey, ...]:
        """What verifies access tokens: the current key, those before it, and the one that waits for its time."""
        return tuple(public_key(key) for key in self.verifying("token"))


def load_keyring(settings: Settings, *, clock: Clock | None = None) -> Keyring:
    """The ring of this process's settings; development makes one by itself, a test without a file has one in memory.

    Raises ConfigError `keys.*` when the file is missing, open to others, malformed, weak, lacks a purpose, or holds a
    root key.
    """
    path = settings.chosen_keys_file
    if settings.environment is Environment.TEST and settings.keys_file is None:
        return Keyring(_keys_of_tests(), clock=clock)
    if settings.environment is Environment.DEVELOPMENT:
        _make_for_development(path)
    ring = read_key_file(path, settings.environment)
    held = {key.purpose for key in ring.keys}
    if held & OFFLINE:
        hint = "keep it in a file of its own, away from hosts that serve"
        raise ConfigError("keys.root_on_host", f"the key ring {path} holds a root key", hint)
    missing = [purpose for purpose in PURPOSES if purpose not in SIGNING and purpose not in held]
    if missing:
        hint = "; ".join(f"gasolinera keys rotate {purpose}" for purpose in missing)
        raise ConfigError("keys.purpose_missing", f"the key ring {path} has no key for {', '.join(missing)}", hint)
    return Keyring(ring.keys, clock=clock, read=_watch(path, settings.environment))


@cache
def _keys_of_tests() -> tuple[Key, ...]:
    return new_keys(PURPOSES, datetime.now(UTC))


def _make_for_development(path: Path) -> None:
    """A ring where there is none; where one is from before a purpose came, the key that it lacks."""
    development = Environment.DEVELOPMENT
    if path.exists() and not _lacking(read_key_file(path, development)):
        return
    try:
        with lock_folder(path):  # another process of the same developer may have been first
            is_new = not path.exists()
            ring = KeyFile(environment=development, keys=()) if is_new else read_key_file(path, development)
            lacking = PURPOSES if is_new else _lacking(ring)
            if lacking:
                more = new_keys(lacking, datetime.now(UTC))
                write_key_file(path, msgspec.structs.replace(ring, keys=(*ring.keys, *more)), is_new=is_new)
    except OSError as error:
        hint = "name a place for it with GASOLINERA_KEYS_FILE"
        raise ConfigError("keys.unwritable", f"no key ring can be made at {path}: {error.strerror}", hint) from None


def _lacking(ring: KeyFile) -> list[Purpose]:
    """But for `token`: a process without it verifies by what another publishes."""
    held = {key.purpose for key in ring.keys}
    return [purpose for purpose in PURPOSES if purpose not in held and purpose != "token"]


def _watch(path: Path, environment: Environment) -> Callable[[], KeyFile | None]:
    """Reads the ring again whenever its file is another one than before."""
    seen = _identity(path)

    def read() -> KeyFile | None:
        nonlocal seen
        found = _identity(path)
        if found == seen:
            return None
        ring = read_key_file(path, environment)
        seen = found
        return ring

    return read


def _identity(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _derived(key: Key, use: str) -> bytes:
    """A key of its own for each use, so that a MAC never says anything about a ciphertext."""
    return hmac.digest(key.secret, f"gasolinera/{key.purpose}/{use}".encode(), "sha256")


@cache
def _mac_key(key: Key) -> bytes:
    return _derived(key, "mac")


@cache
def _cipher(key: Key) -> AESGCM:
    return AESGCM(_derived(key, "encrypt"))


@cache
def signing_key(key: Key) -> SigningKey:
    return SigningKey(key.secret)


def _mac(key: Key, data: bytes) -> bytes:
    return hmac.digest(_mac_key(key), data, "sha256")


def _bound(key: Key, context: bytes) -> bytes:
    return f"{key.purpose}/{key.id}/".encode() + context


@cache
def public_key(key: Key) -> PublicKey:
    x = to_base64url(signing_key(key).verify_key.encode())
    return PublicKey(thumbprint(x), x)


def thumbprint(x: str) -> str:
    """RFC 7638 with the members of RFC 8037: the digest of the key itself, in one exact spelling."""
    return to_base64url(hashlib.sha256(f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'.encode()).digest())


def to_base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def from_base64url(text: str) -> bytes:
    """Raises ValueError for anything but the one spelling: no padding, no other alphabet, no spare bits."""
    data = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    if to_base64url(data) != text:
        raise ValueError("not base64url")
    return data
