"""Employees as a table: what an export gives can be brought in, and each row is judged by the rules of one request."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic, sleep
from typing import Any, LiteralString

import psycopg
import pytest

from gasolinera.calls import no_users, remote_users
from gasolinera.errors import UnavailableError
from gasolinera.station import employees_sheet
from tests.station.conftest import Headers, Staff, problem, user

Admin = psycopg.Connection[Any]
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(database_url: str, tmp_path: Path) -> Run:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GASOLINERA_")}
    environ = {**kept, "GASOLINERA_DATABASE_URL": database_url, "GASOLINERA_ENVIRONMENT": "test"}

    def runs(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = (sys.executable, "-c", "from gasolinera.cli.main import main; main()", "employees", *arguments)
        return subprocess.run(
            command, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=60, env=environ
        )

    return runs


def brought(staff: Staff, table: str, who: Headers, query: str = "") -> Any:
    headers = who | {"content-type": "text/csv"}
    return staff.client.post(f"/api/stations/employees/import{query}", content=table.encode(), headers=headers)


def employments(admin: Admin) -> list[tuple[Any, ...]]:
    return admin.execute(
        "SELECT employee_number, station_id, position, may_supervise, terminated_on"
        " FROM station_schema.employees ORDER BY 1"
    ).fetchall()


def test_what_was_exported_changes_nothing_when_it_comes_back(staff: Staff, admin: Admin) -> None:
    before = employments(admin)
    for language in ("en", "es"):
        exported = staff.get(f"/employees/export.csv?language={language}", staff.system)
        assert exported.text.count("\n") == 28
        result = brought(staff, exported.text, staff.system).json()
        assert (result["rows_read"], result["unchanged"], result["faults"]) == (27, 27, [])
    assert employments(admin) == before
    published = admin.execute(
        "SELECT count(*) FROM station_schema.outbox_events WHERE event_type = 'employee.changed'"
    ).fetchone()
    assert published == (0,)
    own = staff.get("/employees/export.csv", staff.manager).text.splitlines()
    assert [line.split(",")[0] for line in own[1:]] == ["EMP000011", "EMP000021", "EMP000022"]


def test_rows_hire_change_and_transfer(staff: Staff, admin: Admin) -> None:
    table = (
        "numero_empleado;usuario;codigo_estacion;puesto;puede_supervisar\n"
        f";{user(51)};JSM003;attendant;no\n"
        "EMP000022;;;supervisor;si\n"
        "EMP000023;;JSM001;;\n"
        "EMP000024;;;;\n"
    )
    result = brought(staff, table, staff.system).json()
    assert {name: result[name] for name in ("is_kept", "inserted", "updated", "unchanged", "rejected")} == {
        "is_kept": True,
        "inserted": 1,
        "updated": 2,
        "unchanged": 1,
        "rejected": 0,
    }, result
    told = admin.execute(
        "SELECT payload ->> 'employee_number', payload ->> 'station_code' FROM station_schema.outbox_events"
        " WHERE event_type = 'employee.changed' ORDER BY id"
    ).fetchall()
    assert told == [("EMP000001", "JSM003"), ("EMP000022", "JSM001"), ("EMP000023", "JSM001")]


FAULTY = (
    "employee_number,user_id,station_code,position,role,may_supervise\n"
    f",{user(51)},JSM001,CASHIER,,\n"
    f",{user(21)},JSM001,CASHIER,,\n"
    f",{user(52)},,CASHIER,,\n"
    "EMP999999,,,CASHIER,,\n"
    f"EMP000022,{user(23)},,CASHIER,,\n"
    "EMP000022,,,KING,,\n"
    "EMP000023,,NOSUCH,,,\n"
    "EMP000024,,,,STATION_ADMIN,\n"
    ",00000000-0000-4000-8000-000000000000,JSM001,CASHIER,,\n"
)


def test_every_row_that_is_refused_is_named_with_the_reason(staff: Staff, admin: Admin) -> None:
    before = employments(admin)
    result = brought(staff, FAULTY, staff.system).json()
    assert [(fault["row"], fault["column"], fault["code"]) for fault in result["faults"]] == [
        (3, "", "employee.already_employed"),
        (4, "", "missing"),
        (5, "", "employee.unknown"),
        (6, "", "employee.fixed"),
        (7, "position", "invalid"),
        (8, "", "station.unknown"),
        (9, "", "employee.position"),
        (10, "", "user.unknown"),
    ]
    assert (result["is_kept"], result["inserted"], result["rejected"]) == (False, 1, 8)
    assert employments(admin) == before
    assert brought(staff, FAULTY, staff.system, "?dry_run=true&keep_good=true").json()["is_kept"] is False
    assert employments(admin) == before
    assert brought(staff, FAULTY, staff.system, "?keep_good=true").json()["is_kept"] is True
    assert len(employments(admin)) == len(before) + 1


def test_a_table_whose_rows_are_nearly_all_refused_is_given_up(staff: Staff, admin: Admin) -> None:
    before = employments(admin)
    table = "employee_number,position\nEMP000022,CASHIER\n" + "".join(
        f"EMP{n},CASHIER\n" for n in range(800_000, 800_501)
    )
    assert problem(brought(staff, table, staff.system, "?keep_good=true")) == (422, "sheet.too_many_faults")
    assert employments(admin) == before
    at_the_limit = brought(staff, table[: table.rindex("EMP")], staff.system, "?keep_good=true").json()
    assert (at_the_limit["is_kept"], at_the_limit["updated"], at_the_limit["rejected"]) == (True, 1, 500)


def test_a_manager_brings_in_the_own_station_alone(staff: Staff, admin: Admin) -> None:
    before = employments(admin)
    table = (
        "employee_number,user_id,station_code,position,role\n"
        f",{user(51)},JSM002,CASHIER,\n"
        f",{user(51)},JSM001,MANAGER,STATION_ADMIN\n"
        "EMP000023,,,CASHIER,\n"
        "EMP000022,,JSM002,,\n"
        "EMP000011,,,ASSISTANT_MANAGER,\n"
    )
    faults = brought(staff, table, staff.manager).json()["faults"]
    assert [fault["code"] for fault in faults] == [
        "auth.other_station",
        "employee.administrator",
        "employee.unknown",
        "auth.other_station",
        "employee.own",
    ]
    assert employments(admin) == before
    assert problem(brought(staff, table, staff.attendant)) == (403, "auth.not_permitted")
    assert problem(staff.get("/employees/export.csv", staff.attendant)) == (403, "auth.not_permitted")


class Auth:
    """The auth service of another host: knows everybody, after a moment, and counts who asks."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.most_at_once = self._now = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).decode():
                public_id = head.split(" ")[1].rpartition("/")[2]
                self.asked.append(public_id)
                self._now += 1
                self.most_at_once = max(self.most_at_once, self._now)
                await asyncio.sleep(0.01)
                self._now -= 1
                body = json.dumps({"public_id": public_id, "role": "CUSTOMER", "active": True}).encode()
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def test_each_person_is_asked_for_once_and_few_at_a_time() -> None:
    rows = [f",{user(1000 + number % 40)},JSM001,CASHIER\n" for number in range(80)]
    changes = [f"EMP{n:06},{user(n)},JSM001,CASHIER\n" for n in range(21, 41)]
    nowhere = f",{user(3000)},,CASHIER\n"
    table = "employee_number,user_id,station_code,position\n" + "".join([*rows, *changes, nowhere])
    sheet = employees_sheet.read_employees(table.encode())

    async def ask(auth: Auth) -> employees_sheet.People:
        async with await asyncio.start_server(auth.serve, "127.0.0.1", 0) as server:
            address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            async with remote_users(address, lambda service: f"token-for-{service}") as users:
                return await employees_sheet.find_people(users, sheet)

    auth = Auth()
    people = asyncio.run(ask(auth))
    assert sorted(auth.asked) == [user(1000 + number) for number in range(40)]
    assert sorted(map(str, people)) == sorted(auth.asked)
    assert 2 <= auth.most_at_once <= 8


def test_nothing_is_brought_in_when_auth_cannot_be_asked() -> None:
    sheet = employees_sheet.read_employees(FAULTY.encode())
    with pytest.raises(UnavailableError) as caught:
        asyncio.run(employees_sheet.find_people(no_users(), sheet))
    assert caught.value.code == "users.no_address"


HIRED = "employee_number,user_id,station_code,position\n" + "".join(f",{user(n)},JSM001,CASHIER\n" for n in (51, 52))


@pytest.mark.parametrize("edge", ["route", "command"])
def test_no_transaction_is_open_while_auth_is_asked(
    edge: str, staff: Staff, admin: Admin, as_role: Callable[[str], Admin], run: Run, tmp_path: Path
) -> None:
    (tmp_path / "in.csv").write_text(HIRED)
    watcher = as_role("postgres")

    def bring() -> bool:
        if edge == "route":
            return brought(staff, HIRED, staff.system).json()["inserted"] == 2
        return run("import-csv", "in.csv").returncode == 0

    def count(application: str, condition: LiteralString) -> int:
        found = watcher.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = %s AND "
            + condition,
            (application,),
        ).fetchone()
        return found[0] if found else -1

    with ThreadPoolExecutor() as pool:
        with admin.transaction():
            admin.execute("LOCK TABLE auth_schema.users IN ACCESS EXCLUSIVE MODE")  # auth answers nobody
            bringing = pool.submit(bring)
            deadline = monotonic() + 20
            while count("gasolinera-auth", "wait_event_type = 'Lock'") < 2:
                assert monotonic() < deadline, "auth is not asked for both at once"
                sleep(0.02)
            assert count("gasolinera-station", "state = 'idle in transaction'") == 0
        assert bringing.result()


def test_the_commands_do_the_same(run: Run, tmp_path: Path, admin: Admin) -> None:
    exported = run("export")
    assert exported.returncode == 0, exported.stderr
    assert exported.stdout.removeprefix("\ufeff").startswith("employee_number,user_id,station_code,")
    (tmp_path / "in.csv").write_text(FAULTY)
    refused = run("import-csv", "in.csv", "--report", "report.csv", "--keep-good")
    assert refused.returncode == 1, refused.stderr
    assert "employee.already_employed" in (tmp_path / "report.csv").read_text("utf-8-sig")
    actor = admin.execute(
        "SELECT actor FROM station_schema.station_audit_log WHERE entity_reference = 'EMP000001'"
    ).fetchone()
    assert actor == ("command:employees import-csv",)
