"""Alerts: a real HTTP server hears of failures, and a strict reader takes the metrics file."""

import json
import re
import socket
import threading
import uuid
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

import vuelo
from vuelo.errors import ScriptError, VueloError
from vuelo.executor import Result
from vuelo.naming import Naming
from vuelo.watch.alerts import body


@dataclass
class Hook:
    """A server that keeps what it is sent, and answers with the next of `answers`, then with 204."""

    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    answers: list[int] = field(default_factory=list[int])


@pytest.fixture
def hook() -> Generator[Hook]:
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.headers["Content-Type"] == "application/json"
            hook.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(hook.answers.pop(0) if hook.answers else 204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        hook.url = f"http://127.0.0.1:{server.server_port}/secret-token"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield hook
        server.shutdown()
        thread.join()


def read_metrics(path: Path) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Prometheus' text format, by its own grammar: each metric once, with HELP and TYPE before its samples."""
    samples: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
    seen: list[str] = []
    text = path.read_text()
    assert text.endswith("\n")
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith("# HELP "):
            name = line.split()[2]
            assert name not in seen, f"{name} comes twice"
            seen.append(name)
            assert next(lines) == f"# TYPE {name} gauge"
            continue
        match = re.fullmatch(r"([a-z_]+)\{(.*)\} (\S+)", line)
        assert match, line
        assert match[1] == seen[-1]
        labels = re.findall(r'([a-z]+)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)', match[2])
        assert ",".join(f'{label}="{value}"' for label, value in labels) == match[2]
        plain = tuple((label, json.loads(f'"{value}"')) for label, value in labels)
        assert (match[1], plain) not in samples
        samples[match[1], plain] = float(match[3])
    return samples


def test_a_failure_is_told_with_its_place_and_without_data(
    make_project: Callable[..., vuelo.Project], hook: Hook
) -> None:
    files = {"V1__a.sql": "CREATE TABLE t (id int);", "V2__b.sql": "SELECT 1;\nSELECT 'Ana''s phone'::int;"}
    project = make_project({"shop": files}, f'webhook = "{hook.url}"')
    before = datetime.now(UTC)
    with pytest.raises(vuelo.RunFailedError):
        vuelo.migrate(project)
    [told] = hook.bodies
    assert uuid.UUID(told.pop("run")).version == 4
    started, finished = (datetime.fromisoformat(told.pop(key)) for key in ("started_at", "finished_at"))
    assert before - timedelta(seconds=1) <= started <= finished <= datetime.now(UTC)
    assert told.pop("duration_ms") >= 0
    assert told == {
        "command": "migrate", "service": "shop", "schema": "shop", "state": "failed",
        "schema_version": "1", "version": "2",
        "script": "V2__b.sql", "applied": ["V1__a.sql"], "vuelo": metadata.version("vuelo"),
        "error": {
            "code": "script.failed", "sqlstate": "22P02", "message": 'invalid input syntax for type integer: "…"',
            "line": 2, "column": 8,
        },
    }  # fmt: skip


@pytest.mark.parametrize(
    ("sqlstate", "message", "told"),
    [
        ("23505", 'duplicate key value violates unique constraint "users_phone_key"', None),
        ("42601", "syntax error at or near \"'5551234'\"", "syntax error at or near \"'…'\""),
        ("42703", 'column "phone" does not exist', None),
        ("22008", 'date/time field value out of range: "1999-99-99', 'date/time field value out of range: "…"'),
        ("P0001", "user 5551234 is unknown", "the script raised an exception"),
    ],
)
def test_words_that_may_be_data_are_left_out(sqlstate: str, message: str, told: str | None) -> None:
    error = ScriptError("script.failed", message, None)
    error.sqlstate, error.detail = sqlstate, "Key (phone)=(5551234) already exists."
    data = body(Result("shop", "shop", (), 1, error), "migrate", "x", datetime.now(UTC), Naming())
    assert data["error"]["message"] == (told or message)
    assert "Key" not in json.dumps(data)


def test_success_is_told_only_where_it_is_wanted(make_project: Callable[..., vuelo.Project], hook: Hook) -> None:
    files = {"V1__a.sql": "SELECT 1;", "U1__a.sql": "SELECT 1;"}
    vuelo.migrate(make_project({"shop": files}, f'webhook = "{hook.url}"'))
    assert hook.bodies == []
    project = make_project({"shop": {}}, f'webhook = "{hook.url}"\nwebhook_on_success = true')
    vuelo.undo(project)
    [told] = hook.bodies
    assert (told["command"], told["state"], told["error"], told["applied"]) == ("undo", "success", None, ["U1__a.sql"])


def test_a_hook_that_stumbles_is_asked_twice(make_project: Callable[..., vuelo.Project], hook: Hook) -> None:
    hook.answers = [500]
    vuelo.migrate(make_project({"shop": {}}, f'webhook = "{hook.url}"\nwebhook_on_success = true'))
    assert len(hook.bodies) == 2
    assert hook.bodies[0] == hook.bodies[1]


def test_a_hook_that_is_down_costs_one_line_without_its_secret(
    make_project: Callable[..., vuelo.Project], capfd: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    settings = f'webhook = "http://127.0.0.1:{port}/secret-token"\nwebhook_on_success = true'
    results = vuelo.migrate(make_project({"one": {}, "two": {}}, settings))
    assert [result.error for result in results] == [None, None]
    assert capfd.readouterr().err == (
        "warning: the webhook at 127.0.0.1 was not told: [Errno 111] Connection refused\n"
    )


def test_a_hook_is_an_http_address(
    make_project: Callable[..., vuelo.Project], capfd: pytest.CaptureFixture[str]
) -> None:
    vuelo.migrate(make_project({"shop": {}}, 'webhook = "file:///etc/passwd"\nwebhook_on_success = true'))
    assert "not http:// or https://" in capfd.readouterr().err


def test_the_metrics_file_says_how_things_stand(make_project: Callable[..., vuelo.Project], tmp_path: Path) -> None:
    files = {"V1__a.sql": "SELECT 1;", "V2_1__b.sql": "SELECT 1;", "V3__c.sql": "SELECT 1/0;", "R__v.sql": "SELECT 1;"}
    project = make_project({"shop": files}, 'metrics_file = "vuelo.prom"')
    before = datetime.now(UTC).timestamp()
    with pytest.raises(vuelo.RunFailedError):
        vuelo.migrate(project)
    metrics = read_metrics(tmp_path / "vuelo.prom")
    shop = (("service", "shop"), ("schema", "shop"))
    assert 0 < metrics.pop(("vuelo_migration_duration_seconds", shop)) < 60
    assert before <= metrics.pop(("vuelo_last_run_timestamp_seconds", shop)) <= datetime.now(UTC).timestamp()
    assert metrics == {
        ("vuelo_migration_success", shop): 0,
        ("vuelo_migration_version", (*shop, ("version", "2.1"))): 1,
        ("vuelo_migrations_applied", shop): 2,
        ("vuelo_migrations_pending", shop): 2,
    }
    assert (tmp_path / "vuelo.prom").stat().st_mode & 0o777 == 0o644
    assert [path.name for path in tmp_path.iterdir() if "prom" in path.name] == ["vuelo.prom"]


def test_what_the_file_has_of_other_services_stays(make_project: Callable[..., vuelo.Project], tmp_path: Path) -> None:
    odd = 'a "quoted\\ name'
    project = make_project({"one": {"V1__a.sql": "SELECT 1;"}, "two": {}}, 'metrics_file = "vuelo.prom"')
    vuelo.migrate(project)
    vuelo.migrate(make_project({"odd": {}}, f"metrics_file = 'vuelo.prom'\nschema = '{odd}'"))
    make_project({"one": {"V2__b.sql": "SELECT 1;"}, "two": {}}, 'metrics_file = "vuelo.prom"')
    vuelo.migrate(project.only(["one"]))
    applied = {
        labels[:2]: value
        for (name, labels), value in read_metrics(tmp_path / "vuelo.prom").items()
        if name == "vuelo_migrations_applied"
    }
    assert applied == {
        (("service", "one"), ("schema", "one")): 2,
        (("service", "two"), ("schema", "two")): 0,
        (("service", "odd"), ("schema", odd)): 0,
    }
    versions = [labels[2][1] for name, labels in read_metrics(tmp_path / "vuelo.prom") if name.endswith("version")]
    assert sorted(versions) == ["", "", "2"]


def test_a_database_that_is_not_there_is_a_failure_without_counts(
    make_project: Callable[..., vuelo.Project], tmp_path: Path
) -> None:
    project = make_project({"shop": {}}, 'metrics_file = "vuelo.prom"', address=f"host={tmp_path} dbname=x")
    with pytest.raises(vuelo.RunFailedError):
        vuelo.migrate(project)
    names = {name: value for (name, _), value in read_metrics(tmp_path / "vuelo.prom").items()}
    assert names["vuelo_migration_success"] == 0
    assert "vuelo_migrations_pending" not in names


def test_the_folder_of_the_metrics_file_is_made(make_project: Callable[..., vuelo.Project], tmp_path: Path) -> None:
    vuelo.migrate(make_project({"shop": {}}, 'metrics_file = "new/folder/vuelo.prom"'))
    assert read_metrics(tmp_path / "new/folder/vuelo.prom")


def test_a_metrics_file_that_cannot_be_written_costs_one_line(
    make_project: Callable[..., vuelo.Project], capfd: pytest.CaptureFixture[str]
) -> None:
    vuelo.migrate(make_project({"shop": {}}, 'metrics_file = "vuelo.toml/x/vuelo.prom"'))
    assert capfd.readouterr().err == (
        "warning: the metrics file vuelo.toml/x/vuelo.prom cannot be written: Not a directory\n"
    )


def test_an_error_of_ours_keeps_its_words() -> None:
    error = VueloError("lock.timeout", "another runner's lock", None)
    told = body(Result("shop", "shop", (), 1, error), "migrate", "x", datetime.now(UTC), Naming())["error"]
    assert told == {
        "code": "lock.timeout", "sqlstate": None, "message": "another runner's lock", "line": None, "column": None,
    }  # fmt: skip
