"""The manifest that `pg_basebackup` writes: what is in a copy of a server, and whether it is still as it was."""

import subprocess
from collections.abc import Mapping, Sequence
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Final

import msgspec

from gasolinera.errors import ConflictError

NAME: Final = "backup_manifest"
_LAST_LINE: Final = b'"Manifest-Checksum"'
_SHOWN: Final = 20


class _File(msgspec.Struct, frozen=True):
    size: int = msgspec.field(name="Size")
    path: str | None = msgspec.field(name="Path", default=None)
    encoded_path: str | None = msgspec.field(name="Encoded-Path", default=None)
    algorithm: str = msgspec.field(name="Checksum-Algorithm", default="NONE")
    checksum: str = msgspec.field(name="Checksum", default="")

    @property
    def name(self) -> str:
        return self.path or bytes.fromhex(self.encoded_path or "").decode(errors="surrogateescape")


class Span(msgspec.Struct, frozen=True):
    """Of the log: without all of it the copy is not consistent."""

    timeline: int = msgspec.field(name="Timeline")
    start_lsn: str = msgspec.field(name="Start-LSN")
    end_lsn: str = msgspec.field(name="End-LSN")


class Manifest(msgspec.Struct, frozen=True):
    files: list[_File] = msgspec.field(name="Files")
    wal: list[Span] = msgspec.field(name="WAL-Ranges")
    checksum: str = msgspec.field(name="Manifest-Checksum")


class Verified(msgspec.Struct, frozen=True):
    """`by`: who looked. No problems: every file is as it was written."""

    by: str
    problems: tuple[str, ...]


class FoundFile(msgspec.Struct, frozen=True):
    size: int
    sha256: str


def parse_manifest(text: bytes) -> Manifest:
    """Raises ConflictError `ops.manifest`."""
    try:
        return msgspec.json.decode(text, type=Manifest)
    except msgspec.DecodeError as error:
        raise ConflictError("ops.manifest", f"{NAME} cannot be read: {error}", "the backup is damaged") from None


def read_manifest(data: Path) -> Manifest:
    """Raises ConflictError `ops.manifest`."""
    try:
        return msgspec.json.decode((data / NAME).read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError) as error:
        raise ConflictError("ops.manifest", f"{data / NAME} cannot be read: {error}", "the backup is damaged") from None


def verify_data(data: Path, bin_dir: Path) -> Verified:
    """By `pg_verifybackup`, and by ourselves where that program crashes, as that of one well-known build does.

    Before a server was started in it, never after: starting changes files.
    """
    program = bin_dir / "pg_verifybackup"
    if program.exists():
        done = subprocess.run(
            [program, data], capture_output=True, text=True, errors="replace", check=False, env={"LC_ALL": "C"}
        )
        if done.returncode == 0:
            return Verified("pg_verifybackup", ())
        if done.returncode > 0:
            return Verified("pg_verifybackup", tuple(_words(done.stderr.splitlines())))
    return Verified("gasolinera", tuple(_problems(data, bin_dir)[:_SHOWN]))


def _words(lines: Sequence[str]) -> list[str]:
    kept = [line.removeprefix("pg_verifybackup: ").removeprefix("error: ") for line in lines if line.strip()]
    return kept[:_SHOWN] or ["pg_verifybackup found it damaged and did not say why"]


def _problems(data: Path, bin_dir: Path) -> list[str]:
    """Raises ConflictError `ops.manifest`."""
    manifest = read_manifest(data)
    found: list[str] = []
    text = (data / NAME).read_bytes()
    if not _is_unchanged(text, manifest):
        found.append(f"{NAME} was changed after it was written")
    for file in manifest.files:
        found += _problem_of(data, file)
    known = {file.name for file in manifest.files}
    for path in data.rglob("*"):
        name = str(path.relative_to(data))
        if not path.is_dir() and name not in known and name != NAME and not name.startswith("pg_wal/"):
            found.append(f"{name} is in no manifest")
    return found + [problem for span in manifest.wal for problem in _problem_of_log(data / "pg_wal", span, bin_dir)]


def judge(text: bytes, found: Mapping[str, FoundFile], log: Path, bin_dir: Path) -> list[str]:
    """A manifest against the files that came with it, wherever they lie. Raises ConflictError `ops.manifest`."""
    manifest = parse_manifest(text)
    problems = [f"{NAME} was changed after it was written"] if not _is_unchanged(text, manifest) else []
    for file in manifest.files:
        there = found.get(file.name)
        if there is None:
            problems.append(f"{file.name} is missing")
        elif there.size != file.size:
            problems.append(f"{file.name} has {there.size} bytes and was written with {file.size}")
        elif file.algorithm != "SHA256" or there.sha256 != file.checksum:
            problems.append(f"{file.name} is not as it was written")
    known = {file.name for file in manifest.files}
    others = sorted(name for name in set(found) - known if not name.startswith("pg_wal/"))
    problems += [f"{name} is in no manifest" for name in others]
    problems += [problem for span in manifest.wal for problem in _problem_of_log(log, span, bin_dir)]
    return problems[:_SHOWN]


def _is_unchanged(text: bytes, manifest: Manifest) -> bool:
    return sha256(text[: text.rindex(_LAST_LINE)]).hexdigest() == manifest.checksum


def _problem_of(data: Path, file: _File) -> list[str]:
    path = data / file.name
    if not path.is_file():
        return [f"{file.name} is missing"]
    size = path.stat().st_size
    if size != file.size:
        return [f"{file.name} has {size} bytes and was written with {file.size}"]
    if file.algorithm != "SHA256":
        return [f"{file.name} has no checksum of SHA256"]
    with path.open("rb") as opened:
        is_same = file_digest(opened, "sha256").hexdigest() == file.checksum
    return [] if is_same else [f"{file.name} is not as it was written"]


def _problem_of_log(folder: Path, span: Span, bin_dir: Path) -> list[str]:
    done = subprocess.run(
        [bin_dir / "pg_waldump", "--quiet", "-p", folder, "-t", str(span.timeline),
         "-s", span.start_lsn, "-e", span.end_lsn],
        capture_output=True, text=True, errors="replace", check=False, env={"LC_ALL": "C"},
    )  # fmt: skip
    if done.returncode == 0:
        return []
    return [f"the log from {span.start_lsn} to {span.end_lsn} cannot be read: {done.stderr.strip()[-300:]}"]
