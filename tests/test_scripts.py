"""The guide's validation script says yes to the six services, and no to a migration that PostgreSQL refuses."""

import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "scripts" / "test-migrations.sh"


def validated(*arguments: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([SCRIPT, *map(str, arguments)], capture_output=True, text=True, check=False)


def test_the_six_services_are_valid() -> None:
    done = validated()
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(" good ") == 6
    assert "ok      raffle: " in done.stdout


@pytest.mark.parametrize(
    ("migration", "undo", "complaint"),
    [
        ("CREATE TABEL shop.a (id int);", "DROP TABLE shop.a;", 'syntax error at or near "TABEL"'),
        ("CREATE TABLE shop.a (b int REFERENCES shop.c);", "DROP TABLE shop.a;", 'relation "shop.c" does not exist'),
        ("CREATE TABLE shop.a (b int CHECK (c > 0));", "DROP TABLE shop.a;", 'column "c" does not exist'),
        ("CREATE TABLE shop.a (b int);", "DROP TABLE shop.b;", 'table "b" does not exist'),
    ],
    ids=["syntax", "reference", "constraint", "undo"],
)
def test_what_postgresql_refuses_is_refused(tmp_path: Path, migration: str, undo: str, complaint: str) -> None:
    (tmp_path / "V1__Bad.sql").write_text(migration)
    (tmp_path / "U1__Bad.sql").write_text(undo)
    address = "${GASOLINERA_DATABASE_URL}"
    (tmp_path / "vuelo.toml").write_text(f'url = "{address}"\n[services.shop]\nlocations = ["."]\n')
    done = validated(tmp_path / "vuelo.toml")
    assert done.returncode == 1
    assert complaint in done.stdout


def test_what_only_reading_shows_is_refused_too(tmp_path: Path) -> None:
    table = (
        "-- Orders.\nCREATE TABLE shop.orders (status text, CONSTRAINT status_check CHECK ('status' IN ('OPEN')));\n"
    )
    (tmp_path / "V1__Orders.sql").write_text(f"{table}COMMENT ON TABLE shop.orders IS 'Orders.';\n")
    (tmp_path / "U1__Orders.sql").write_text("-- Back.\nDROP TABLE shop.orders;\n")
    address = "${GASOLINERA_DATABASE_URL}"
    (tmp_path / "vuelo.toml").write_text(f'url = "{address}"\n[services.shop]\nlocations = ["."]\n')
    done = validated(tmp_path / "vuelo.toml")
    assert done.returncode == 1
    assert "error[check-without-column]" in done.stdout
    assert done.stdout.count(" good ") == 1
