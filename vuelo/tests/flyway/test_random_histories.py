"""Files and histories that hypothesis makes up: both engines show the same lines, and find fault with the same."""

import zlib
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from psycopg import sql

import vuelo
from vuelo import history

from .conftest import Sites
from .sites import Site

pytestmark = pytest.mark.needs_java

_VERSIONS = ["1", "1.5", "2", "3", "10"]
_PATTERNS = ["*:future", "*:missing", "*:pending", "*:ignored", "versioned:missing", "repeatable:pending", "*:*"]


@dataclass(frozen=True)
class Row:
    """A row to be; `text` is of the file that it was, `None` where there was none."""

    version: str | None
    description: str
    type: str
    text: str | None
    success: bool = True

    @property
    def checksum(self) -> int | None:
        if self.text is None:
            return None
        number = zlib.crc32(self.text.encode())
        return number - 2**32 if number >= 2**31 else number


# Flyway begins with the newest baseline migration even where that is above the target; vuelo keeps to the target.
_ABOVE = {"2?": ("B3__b.sql",), "current": ("B2__b.sql", "B3__b.sql")}
_TEXTS = st.sampled_from(["SELECT 1;", "SELECT 2;"])


@st.composite
def _files(draw: st.DrawFn) -> dict[str, str]:
    names = [f"V{version}__v.sql" for version in _VERSIONS] + ["B2__b.sql", "B3__b.sql", "R__r.sql", "R__s.sql"]
    chosen = draw(st.lists(st.sampled_from(names), unique=True))
    return {name: draw(_TEXTS) for name in chosen}


@st.composite
def _rows(draw: st.DrawFn) -> list[Row]:
    """What either engine could have written: nothing is applied while it stands, nothing taken back that does not."""
    rows: list[Row] = []
    standing: dict[str, Row] = {}
    if draw(st.booleans()):
        rows.append(Row(None, "<< Flyway Schema Creation >>", "SCHEMA", None))
    if draw(st.integers(0, 3)) == 0:
        rows.append(Row(draw(st.sampled_from(_VERSIONS)), "<< Flyway Baseline >>", "BASELINE", None))
    for _ in range(draw(st.integers(0, 7))):
        what = draw(st.sampled_from([*_VERSIONS, "r", "s", "B2", "taken back"]))
        success = draw(st.integers(0, 7)) > 0
        if what == "taken back":
            if standing:
                key = draw(st.sampled_from(sorted(standing)))
                gone = standing.pop(key)
                rows.append(Row(gone.version, gone.description, "DELETE", gone.text))
        elif what in ("r", "s"):
            standing[what] = Row(None, what, "SQL", draw(_TEXTS), success)
            rows.append(standing[what])
        elif what not in standing and not (what in ("2", "B2") and {"2", "B2"} & standing.keys()):
            is_baseline = what == "B2"
            version, type_ = ("2", "SQL_BASELINE") if is_baseline else (what, "SQL")
            standing[what] = Row(version, "b" if is_baseline else "v", type_, draw(_TEXTS), success)
            rows.append(standing[what])
    return rows


def _write(site: Site, files: dict[str, str], rows: list[Row]) -> None:
    [folder] = site.service.locations
    for path in folder.iterdir():
        path.unlink()
    for name, text in files.items():
        (folder / name).write_text(text)
    table = history.HistoryTable(site.service.schema)
    with psycopg.connect(site.service.url) as conn:
        conn.execute(sql.SQL("DROP SCHEMA IF EXISTS {0} CASCADE; CREATE SCHEMA {0}").format(sql.Identifier("shop")))
        for statement in history.table_ddl(table):
            conn.execute(statement)
        for rank, row in enumerate(rows, 0 if rows and rows[0].type == "SCHEMA" else 1):
            conn.execute(
                """INSERT INTO shop.flyway_schema_history VALUES (%s, %s, %s, %s, 'script', %s, 'me', now(), 1, %s)""",
                (rank, row.version, row.description, row.type, row.checksum, row.success),
            )


@pytest.fixture
def site(new_site: Sites, tmp_path: Path) -> Site:
    """One database and one folder, which every example fills anew."""
    return new_site(tmp_path)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_both_engines_see_the_same(site: Site, data: st.DataObject) -> None:
    files, rows = data.draw(_files()), data.draw(_rows())
    target = data.draw(st.sampled_from(["latest", "latest", "current", "next", "2?", "3?"]))
    for name in _ABOVE.get(target, ()):
        files.pop(name, None)
    _write(site, files, rows)
    site = site.configured(
        out_of_order=data.draw(st.booleans()),
        ignore_migration_patterns=tuple(data.draw(st.lists(st.sampled_from(_PATTERNS), max_size=2, unique=True))),
        target=target,
    )
    shown = site.flyway("info")
    assert shown.migrations is not None, shown.error
    plan = site.info()
    ours: list[tuple[int | None, str, str, str]] = []
    for entry in plan.entries:
        either = entry.row or entry.script
        assert either is not None
        version = "" if either.version is None else either.version.text
        rank = entry.row.installed_rank if entry.row else None
        ours.append((rank, version, either.description, entry.state.value))
    theirs = [(m.rank, m.version or "", m.description, m.state) for m in shown.migrations if m.type != "DELETE"]
    assert ours == theirs
    invalid = site.flyway("validate")
    assert invalid.error is None
    assert bool(plan.problems) == bool(invalid.invalid), (plan.problems, invalid.invalid)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=_files(), rows=_rows(), patterns=st.lists(st.sampled_from(_PATTERNS), max_size=2, unique=True))
def test_both_engines_repair_alike(site: Site, files: dict[str, str], rows: list[Row], patterns: list[str]) -> None:
    site = site.configured(ignore_migration_patterns=tuple(patterns))
    _write(site, files, rows)
    error = site.flyway("repair").error
    # A version deleted twice in a row, which neither engine writes, Flyway gives up on.
    assume(error is None or "multiple delete entries" not in error)
    assert error is None
    theirs = site.history()
    _write(site, files, rows)
    vuelo.repair(site.project)
    assert site.history() == theirs
