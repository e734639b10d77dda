"""Every operation of the OpenAPI document, with values that fit it and values that do not, against a real server.

`make fuzz` takes longer about it: GASOLINERA_FUZZ_EXAMPLES is how many requests an operation gets of each kind.
"""

import os
import random
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Thread
from time import sleep
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from schemathesis import GenerationMode, checks
from schemathesis.checks import load_all_checks
from schemathesis.core.failures import FailureGroup

from gasolinera.app import create_app
from gasolinera.config import SERVICES, Settings
from gasolinera.keyring import load_keyring
from gasolinera.permissions import Caller, Role
from gasolinera.security import issue_access_token
from tests.conftest import drop
from vuelo.embedded import Server

EXAMPLES = int(os.environ.get("GASOLINERA_FUZZ_EXAMPLES", "15"))
CHECKS = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance")

pytestmark = [pytest.mark.fuzz, pytest.mark.timeout(60 + 40 * EXAMPLES)]


@contextmanager
def served(settings: Settings) -> Generator[str]:
    config = uvicorn.Config(
        create_app(settings), host="127.0.0.1", port=0, log_config=None, lifespan="on", http="httptools"
    )
    server = uvicorn.Server(config)
    thread = Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        sleep(0.05)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def settings(server: Server, clone_of: Callable[[str], str]) -> Generator[Settings]:
    """Whoever asks seems to come from another address each time, so that limits by address stay out of the way."""
    name = clone_of("test")
    urls = {f"{service}_database_url": server.dsn(name, f"{service}_app") for service in SERVICES}
    yield Settings.model_validate(
        {"environment": "test", "database_url": server.dsn(name), "trusted_proxies": 1, "log_level": "error", **urls}
    )
    drop(server, name)


@pytest.fixture(scope="module")
def administrator(settings: Settings, server: Server) -> UUID:
    assert settings.database_url is not None
    with psycopg.connect(settings.database_url.get_secret_value()) as conn:
        row = conn.execute(
            "SELECT public_id FROM auth_schema.users WHERE role = 'SYSTEM_ADMIN' AND is_active"
        ).fetchone()
    return row[0] if row else uuid4()


def test_no_request_breaks_an_operation_and_every_answer_is_documented(settings: Settings, administrator: UUID) -> None:
    load_all_checks()
    known: Any = checks
    wanted = [known.CHECKS.get_one(name) for name in CHECKS]
    keyring = load_keyring(settings)

    def headers() -> dict[str, str]:
        caller = Caller(role=Role.SYSTEM_ADMIN, user_id=administrator, session_id=uuid4(), has_second_factor=True)
        token = issue_access_token(keyring, caller, now=datetime.now(UTC)).token
        address = ".".join(str(random.randint(1, 254)) for _ in range(4))  # noqa: S311  no secret
        return {"authorization": f"Bearer {token}", "x-forwarded-for": address}

    failures: dict[str, str] = {}
    tried: set[str] = set()
    with served(settings) as url:
        schema: Any = schemathesis.openapi.from_url(f"{url}/openapi.json")
        for result in schema.get_all_operations():
            operation = result.ok()
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                try:
                    _fuzz(operation, mode, wanted, headers)
                except (FailureGroup, AssertionError) as error:
                    failures[f"{operation.label} {mode.value}"] = _told(error)
                except Exception as error:  # what cannot be generated is told with the rest
                    if "unsatisfiable" not in type(error).__name__.lower():
                        failures[f"{operation.label} {mode.value}"] = f"{type(error).__name__}: {error}"
            tried.add(operation.label)
    assert len(tried) > 3
    assert failures == {}, "\n\n".join(f"{label}\n{told}" for label, told in failures.items())


def _fuzz(operation: Any, mode: GenerationMode, wanted: list[Any], headers: Callable[[], dict[str, str]]) -> None:
    sent = headers()

    @hypothesis_settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
        phases=[Phase.explicit, Phase.generate],
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def fuzz(case: Any) -> None:
        case.call_and_validate(headers=sent, checks=wanted, timeout=30)

    fuzz()


def _told(error: BaseException) -> str:
    parts = [str(part) for part in getattr(error, "exceptions", (error,))]
    return "\n".join(parts)[:2000]
