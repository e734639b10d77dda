"""The example of docs/how-to/zero-downtime.md, followed from end to end with programs of both releases at work."""

import shutil
from pathlib import Path
from typing import Any

import psycopg
import pytest

import vuelo
from vuelo.check.run import check
from vuelo.settings import Phase

Connection = psycopg.Connection[Any]

_EXAMPLE = Path(__file__).parents[1] / "example-rename"
_MADE_BEFORE = 2500  # two batches and a half


@pytest.fixture
def shop(tmp_path: Path, url: str) -> vuelo.Project:
    folder = tmp_path / "example"
    shutil.copytree(_EXAMPLE, folder, ignore=shutil.ignore_patterns("data"))
    config = folder / "vuelo.toml"
    config.write_text(config.read_text().replace("embedded:data", url))
    return vuelo.Project.load(config)


def old_program(conn: Connection, number: str) -> None:
    """Of the release that knows `phone` alone: it adds a customer, and gives the one before another number."""
    conn.execute("INSERT INTO shop.customers (name, phone) VALUES ('old', %s)", (number,))
    conn.execute(
        "UPDATE shop.customers SET phone = %s WHERE id = (SELECT min(id) FROM shop.customers)", (f"{number}-o",)
    )


def new_program(conn: Connection, number: str) -> None:
    """Of the release that knows `phone_number` alone."""
    conn.execute("INSERT INTO shop.customers (name, phone_number) VALUES ('new', %s)", (number,))
    conn.execute(
        "UPDATE shop.customers SET phone_number = %s WHERE id = (SELECT max(id) FROM shop.customers)", (f"{number}-n",)
    )


def numbers(conn: Connection, column: str) -> set[str]:
    return {number for (number,) in conn.execute(f"SELECT {column} FROM shop.customers".encode())}


def test_a_column_is_renamed_while_programs_of_both_releases_write(shop: vuelo.Project, conn: Connection) -> None:
    vuelo.migrate(shop, target="1")
    conn.execute(
        "INSERT INTO shop.customers (name, phone) SELECT 'c', 'n' || n FROM generate_series(1, %s) AS n",
        (_MADE_BEFORE,),
    )
    expected = {f"n{n}" for n in range(1, _MADE_BEFORE + 1)}

    vuelo.migrate(shop, target="2")
    old_program(conn, "a")
    new_program(conn, "b")
    expected = (expected - {"n1"}) | {"a", "a-o", "b-n"}
    assert numbers(conn, "phone") == expected

    vuelo.migrate(shop)
    old_program(conn, "c")
    new_program(conn, "d")
    expected = (expected - {"a-o"}) | {"c", "c-o", "d-n"}
    assert numbers(conn, "phone") == numbers(conn, "phone_number") == expected
    with pytest.raises(psycopg.errors.NotNullViolation):
        conn.execute("INSERT INTO shop.customers (name) VALUES ('nobody')")

    vuelo.migrate(shop, phase=Phase.CONTRACT)
    new_program(conn, "e")
    assert numbers(conn, "phone_number") == expected | {"e-n"}
    with pytest.raises(psycopg.errors.UndefinedColumn):
        old_program(conn, "f")


def test_the_contract_step_waits_until_it_is_asked_for(shop: vuelo.Project, conn: Connection, history: Any) -> None:
    vuelo.migrate(shop)
    vuelo.migrate(shop)
    assert [version for _, version, *_ in history() if version] == ["1", "2", "3", "4", "5", "6"]

    vuelo.migrate(shop, phase=Phase.CONTRACT)
    assert [version for _, version, *_ in history() if version][-1] == "7"


def test_taking_the_contract_step_back_loses_no_number(shop: vuelo.Project, conn: Connection) -> None:
    vuelo.migrate(shop, phase=Phase.CONTRACT)
    new_program(conn, "x")

    vuelo.undo(shop)

    assert numbers(conn, "phone") == {"x-n"}
    old_program(conn, "y")
    new_program(conn, "z")
    assert numbers(conn, "phone") == numbers(conn, "phone_number") == {"y-o", "y", "z-n"}


def test_the_old_rows_are_filled_in_batches_that_are_committed(shop: vuelo.Project, conn: Connection) -> None:
    vuelo.migrate(shop, target="1")
    conn.execute("INSERT INTO shop.customers (name, phone) SELECT 'c', 'n' || n FROM generate_series(1, 2500) AS n")

    vuelo.migrate(shop, target="3")

    query = "SELECT count(DISTINCT xmin::text), count(*) FILTER (WHERE phone_number = phone) FROM shop.customers"
    assert conn.execute(query).fetchone() == (3, 2500)


def test_check_finds_nothing_in_it(shop: vuelo.Project) -> None:
    assert [(one.rule, one.path.name) for one in check(shop).findings] == []
