"""Encryption of backups at rest, in the format of age (C2SP): streaming, authenticated, readable by other tools too.

Backups are made for recipients, which are public: the host that makes them cannot read them. The identity, which is
secret, is needed to restore and to verify in full; keep it somewhere else as well.
"""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from io import BufferedIOBase
from pathlib import Path
from typing import Final

import msgspec
import pyrage
from pyrage import x25519  # pyright: ignore[reportMissingModuleSource]  it is inside the extension

from gasolinera.config import PREFIX
from gasolinera.errors import ConfigError, ConflictError, GasolineraError

RECIPIENTS_SETTING: Final = f"{PREFIX}BACKUP_RECIPIENTS"
IDENTITY_SETTING: Final = f"{PREFIX}BACKUP_IDENTITY"
SUFFIX: Final = ".age"
_MOST_BYTES: Final = 100_000


class Encryption(msgspec.Struct, frozen=True):
    """For whom backups are made; each of them can read them alone."""

    recipients: tuple[str, ...]

    @property
    def name(self) -> str:
        """For the catalogue: by which key it can be read."""
        first, *others = self.recipients
        return f"age {first}" + (f" and {len(others)} more" if others else "")


class DecryptionError(GasolineraError):
    """The wrong key, or not what was written."""


def chosen_encryption(environ: Mapping[str, str] | None = None) -> Encryption | None:
    """What `GASOLINERA_BACKUP_RECIPIENTS` says: recipients with commas between, or a file of them, one a line.

    None: nothing is encrypted. Raises ConfigError `ops.recipients`.
    """
    said = (os.environ if environ is None else environ).get(RECIPIENTS_SETTING, "").strip()
    if not said:
        return None
    return parse_recipients(said if said.startswith("age1") else _read(Path(said), RECIPIENTS_SETTING))


def parse_recipients(text: str) -> Encryption:
    """Raises ConfigError `ops.recipients`."""
    words = [word for line in _lines(text) for word in line.replace(",", " ").split()]
    for word in words:
        _recipient(word)
    if not words:
        raise ConfigError("ops.recipients", "there is no recipient", "make a key with `gasolinera ops backup key FILE`")
    return Encryption(tuple(dict.fromkeys(words)))


def chosen_identities(environ: Mapping[str, str] | None = None) -> list[x25519.Identity]:
    """Those of the file that `GASOLINERA_BACKUP_IDENTITY` names, or none. Raises ConfigError `ops.identity`."""
    said = (os.environ if environ is None else environ).get(IDENTITY_SETTING, "").strip()
    return read_identities(Path(said)) if said else []


def read_identities(path: Path) -> list[x25519.Identity]:
    """Raises ConfigError `ops.identity`."""
    identities: list[x25519.Identity] = []
    for number, line in enumerate(_lines(_read(path, IDENTITY_SETTING)), start=1):
        try:
            identities.append(x25519.Identity.from_str(line))
        except pyrage.IdentityError:  # its text may repeat the secret
            raise ConfigError("ops.identity", f"key {number} of {path} is no identity of age") from None
    if not identities:
        raise ConfigError("ops.identity", f"there is no key in {path}")
    return identities


def make_identity(path: Path) -> str:
    """A new key in a new file that only its owner may read; gives the recipient.

    Raises ConflictError `ops.key_exists`.
    """
    identity = x25519.Identity.generate()
    recipient = str(identity.to_public())
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConflictError("ops.key_exists", f"there is a file {path} already", "name another") from None
    with os.fdopen(handle, "w") as file:
        file.write(f"# recipient: {recipient}\n{identity}\n")
        file.flush()
        os.fsync(file.fileno())
    return recipient


def encrypt(source: BufferedIOBase, target: BufferedIOBase, encryption: Encryption) -> None:
    """All of `source`. Raises OSError as reading and writing do."""
    try:
        pyrage.encrypt_io(source, target, [_recipient(word) for word in encryption.recipients])
    except pyrage.EncryptError as error:
        raise OSError(str(error)) from error


def decrypt(source: BufferedIOBase, target: BufferedIOBase, identities: Sequence[x25519.Identity]) -> None:
    """Everything that is authentic, up to what is not: `target` has what came before it.

    Raises DecryptionError `ops.no_key`, `ops.wrong_key`, `ops.not_decrypted`; OSError as reading and writing do.
    """
    require_identity(identities)
    try:
        pyrage.decrypt_io(source, target, identities)
    except pyrage.DecryptError as error:
        if "matching" in str(error):
            hint = "the recipient that the catalogue names beside the backup says which key it needs"
            raise DecryptionError("ops.wrong_key", "the backup was made for another key", hint) from error
        raise _not_authentic(error) from error
    except OSError as error:
        if error.errno is not None:  # the reader's or the writer's own
            raise
        raise _not_authentic(error) from error


def require_identity(identities: Sequence[x25519.Identity], what: str = "the backup") -> None:
    """Raises DecryptionError `ops.no_key`."""
    if not identities:
        hint = f"set {IDENTITY_SETTING} to the file with the key that reads it"
        raise DecryptionError("ops.no_key", f"{what} is encrypted", hint)


def decrypt_into_pipe(
    source: BufferedIOBase, writable: int, identities: Sequence[x25519.Identity], failures: list[Exception]
) -> None:
    """For a thread of its own, beside who reads the other end; what went wrong is in `failures` when it is over."""
    with suppress(BrokenPipeError), os.fdopen(writable, "wb") as sink:
        try:
            decrypt(source, sink, identities)
        except BrokenPipeError:  # the reader has read what it wanted, or says itself why it ended
            pass
        except (GasolineraError, OSError) as error:
            failures.append(error)


def _not_authentic(error: Exception) -> DecryptionError:
    hint = "the file is not what was written: use another backup"
    return DecryptionError("ops.not_decrypted", f"decryption failed: {error}", hint)


def encrypt_to_file(source: BufferedIOBase, target: Path, encryption: Encryption) -> None:
    """A new file for its owner's eyes, complete and on the disk when this returns. Raises OSError."""
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        encrypt(source, file, encryption)
        file.flush()
        os.fsync(file.fileno())


def _recipient(word: str) -> x25519.Recipient:
    try:
        return x25519.Recipient.from_str(word)
    except pyrage.RecipientError as error:
        raise ConfigError("ops.recipients", f"{word!r} is no recipient of age: they begin with age1") from error


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def _read(path: Path, setting: str) -> str:
    try:
        return path.read_bytes()[:_MOST_BYTES].decode()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ConfigError("ops.key_file", f"{path} cannot be read: {why}", f"see {setting}") from error
