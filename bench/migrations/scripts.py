"""The migrations that every tool is given, before they are put into a tool's own form."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROWS_TABLE = "bench_rows"
_COPY_LINE = "{number}\tMaría Hernández Pérez\t2026-03-01 08:15:00-06\tStation 14, pump 3, premium\t482.50\tf\n"


@dataclass(frozen=True)
class Migration:
    number: int
    name: str
    sql: str


def tables(count: int) -> list[Migration]:
    """Small migrations as projects have them: a table, an index and a comment each."""
    return [
        Migration(
            number,
            f"create_table_{number}",
            f"CREATE TABLE table_{number} (id bigint PRIMARY KEY, name text NOT NULL);\n"
            f"CREATE INDEX table_{number}_name ON table_{number} (name);\n"
            f"COMMENT ON TABLE table_{number} IS 'table number {number}';\n",
        )
        for number in range(1, count + 1)
    ]


def rows(count: int) -> list[Migration]:
    """Migrations that cost the server next to nothing: a table, then one row each."""
    first = Migration(1, "create_table", f"CREATE TABLE {ROWS_TABLE} (n int);\nINSERT INTO {ROWS_TABLE} VALUES (1);\n")
    insert = f"INSERT INTO {ROWS_TABLE} VALUES"
    return [first, *(Migration(n, f"insert_row_{n}", f"{insert} ({n});\n") for n in range(2, count + 1))]


def write_copy_script(path: Path, megabytes: int) -> int:
    """A script with that much COPY data; gives the number of rows."""
    count = 0
    with path.open("w", encoding="utf-8") as script:
        script.write(
            "CREATE TABLE sales (n int, name text, at timestamptz, place text, amount numeric, void boolean);\n"
        )
        script.write("COPY sales FROM STDIN;\n")
        size = 0
        for line in _copy_lines():
            count += 1
            size += script.write(line)
            if size >= megabytes * 1_000_000:
                break
        script.write("\\.\nCOMMENT ON TABLE sales IS 'loaded';\n")
    return count


def _copy_lines() -> Iterator[str]:
    number = 0
    while True:
        number += 1
        yield _COPY_LINE.format(number=number)
