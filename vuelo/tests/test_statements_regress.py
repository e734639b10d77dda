"""libpg_query is the judge: PostgreSQL's own regression scripts are cut where its parser and scanner cut them.

The scripts come inside pglast's source distribution, which is fetched once into `.local/` and never committed.
"""

import fcntl
import io
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path

import pglast
import pytest
from pglast.parser import ParseError, scan

from vuelo.errors import ScriptError
from vuelo.statements import split

_CACHE = Path(__file__).parents[2] / ".local" / "regress"
_SCRIPTS_INSIDE = "libpg_query/test/sql/postgres_regress"
_FEWEST_COMPARED = 150

_NO_ATOMIC = "libpg_query's scanner does not know BEGIN ATOMIC, and its parser stops at the script's deliberate errors"
_NO_KEYWORD = "libpg_query's scanner drops statements without a keyword"
_MALFORMED = "a deliberately malformed token stops libpg_query's scanner"
EXCEPTIONS = {
    "collate.windows.win1252.sql": "not UTF-8",
    "copyselect.sql": "two COPY FROM STDIN on one line: vuelo refuses what follows the first",
    "errors.sql": _NO_KEYWORD,
    "numerology.sql": _MALFORMED,
    "psql.sql": "made of psql's own commands, indented ones too",
    "returning.sql": _NO_ATOMIC,
    "rowsecurity.sql": "COPY FROM STDIN without data, where psql is refused before it sends any",
    "rules.sql": _NO_ATOMIC,
    "strings.sql": _MALFORMED,
    "tuplesort.sql": f"psql variables stand for statements; {_NO_KEYWORD}",
    "update.sql": f"psql variables stand for statements; {_NO_KEYWORD}",
    "window.sql": _NO_ATOMIC,
}

_COPY_BEGINS = re.compile(r"\s*copy\b.*\bfrom stdin\b.*; *\t?(--.*)?$", re.IGNORECASE)
_PSQL_ENDS_STATEMENT = re.compile(
    r"\\(g|gset|gx|gexec|gdesc|crosstabview|watch|bind|bind_named|close_prepared|parse|sendpipeline)\b.*$"
)

Tokens = tuple[str, ...]


@cache
def scripts() -> dict[str, bytes]:
    """The scripts by name. Skips without them, unless every test was asked for."""
    source = f"pglast-{version('pglast')}"
    folder = _CACHE / source
    _CACHE.mkdir(parents=True, exist_ok=True)
    with (_CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            _fetch(source, folder)
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.sql"))}


def _fetch(source: str, folder: Path) -> None:
    download = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
                "--no-binary", "pglast", "--dest", str(_CACHE), source.replace("-", "==")]  # fmt: skip
    done = subprocess.run(download, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        message = f"{source} cannot be fetched: {done.stderr[-500:]}"
        if os.environ.get("GASOLINERA_TEST_ALL") == "1":
            pytest.fail(message)
        pytest.skip(message)
    staging = folder.with_suffix(".part")
    staging.mkdir(exist_ok=True)
    with tarfile.open(_CACHE / f"{source}.tar.gz") as archive:
        for member in archive.getmembers():
            inside = Path(member.name)
            if inside.parent.as_posix() == f"{source}/{_SCRIPTS_INSIDE}" and (opened := archive.extractfile(member)):
                (staging / inside.name).write_bytes(opened.read())
    staging.rename(folder)


def without_psql(script: str) -> tuple[str, str]:
    """The script as SQL, psql's own commands out or as the semicolon they stand for: with COPY's data, and without."""
    with_data: list[str] = []
    bare: list[str] = []
    in_data = False
    for line in script.split("\n"):
        if in_data:
            with_data.append(line)
            in_data = line != "\\."
            continue
        sql = "" if line.startswith("\\") else _PSQL_ENDS_STATEMENT.sub(";", line).replace("\\;", ";")
        with_data.append(sql)
        bare.append(sql)
        in_data = _COPY_BEGINS.match(sql) is not None
    return "\n".join(with_data), "\n".join(bare)


def tokens_of(statements: Iterator[str]) -> list[Tokens]:
    """Each statement as libpg_query's scanner reads it, comments left out: they belong to no statement."""
    return [tuple(text[t.start : t.end + 1] for t in scan(text) if "COMMENT" not in t.name) for text in statements]


def cut_by_libpg_query(script: str) -> list[Tokens]:
    try:
        return tokens_of(iter(pglast.split(script)))
    except ParseError:  # these scripts hold deliberate mistakes
        return tokens_of(iter(pglast.split(script, with_parser=False)))


def cut_by_vuelo(script: str) -> list[Tokens]:
    return tokens_of(statement.text for statement in split(io.StringIO(script, newline="")))


def is_cut_equally(script: bytes) -> bool:
    try:
        with_data, bare = without_psql(script.decode())
        return cut_by_vuelo(with_data) == cut_by_libpg_query(bare)
    except (UnicodeDecodeError, ParseError, ScriptError):
        return False


def test_scripts_of_postgresql_are_cut_where_libpg_query_cuts_them() -> None:
    different = {name for name, script in scripts().items() if not is_cut_equally(script)}
    assert different == set(EXCEPTIONS)
    assert len(scripts()) - len(different) >= _FEWEST_COMPARED


def test_every_atomic_body_in_them_is_one_statement_to_the_parser() -> None:
    """Where the scanner could not judge, the parser judges routine by routine."""
    bodies = 0
    for name in ("create_function_sql.sql", "create_procedure.sql", "returning.sql", "rules.sql", "window.sql"):
        with_data, _ = without_psql(scripts()[name].decode())
        for statement in split(io.StringIO(with_data, newline="")):
            if re.search(r"\bBEGIN ATOMIC\b", statement.text, re.IGNORECASE) and statement.words[:1] == ("create",):
                assert len(pglast.parse_sql(statement.text)) == 1
                bodies += 1
    assert bodies == 14
