"""How a verification speaks with the platform: over HTTP, as people who exist for it alone, and in the databases as the
owners of the tables, where no route may do what it needs.
"""

import hashlib
import secrets
import subprocess
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, TypeVar
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

import httpx
import msgspec
import psycopg
from psycopg import sql

from gasolinera.errors import GasolineraError
from gasolinera.keyring import Keyring
from gasolinera.ops.reaching import Operations, owner_session
from gasolinera.permissions import Caller, Role
from gasolinera.security import issue_access_token
from vuelo import VueloError

Kind = TypeVar("Kind")

# Who these are is the same on each installation and in each run, so that the next run finds what a killed one left.
# The numbers are of the range that is set apart for fiction: nobody ever gets a message.
_NAME: Final = "urn:gasolinera:verification:{}"
ADMINISTRATOR: Final = uuid5(NAMESPACE_URL, _NAME.format("administrator"))
ATTENDANT: Final = uuid5(NAMESPACE_URL, _NAME.format("attendant"))
CUSTOMER: Final = uuid5(NAMESPACE_URL, _NAME.format("customer"))
PHONE: Final = "+12025550143"
ATTENDANTS: Final = "+12025550144"
EMPLOYEE_NUMBER: Final = "EMP999999999999999"
NOBODYS_PHONES: Final = tuple(f"+120255501{number:02}" for number in range(50, 100))
STATION: Final = "VERIFICATION"
CAMPAIGN: Final = "VERIFICATION"
REASON: Final = "A verification of the platform: no fuel was sold."

_TIMEOUT_S: Final = 30.0
_SHOWN: Final = 300
_LOOKS_EVERY_S: Final = 0.1


class Outcome(StrEnum):
    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"


class Step(msgspec.Struct, frozen=True):
    """`service`: whose journey it is a part of, or ops. `detail`: what was seen, why it failed, or was not tried."""

    service: str
    name: str
    outcome: Outcome
    seconds: float
    detail: str = ""


class WrongError(Exception):
    """The platform did not do what it should."""


class NotTriedError(Exception):
    """Something that this step needs is not there."""


class Answer(msgspec.Struct, frozen=True):
    """`code`: of the problem that it is, empty where it is none; `problem`: the same with what else it says."""

    status: int
    content: bytes
    code: str = ""
    problem: str = ""

    def read(self, kind: type[Kind]) -> Kind:
        """Raises WrongError for a refusal, and for what is not of this form."""
        if self.status >= httpx.codes.BAD_REQUEST.value:
            raise WrongError(f"{self.status} {self.problem or self.content[:_SHOWN].decode(errors='replace')}")
        try:
            return msgspec.json.decode(self.content, type=kind)
        except msgspec.MsgspecError as error:
            raise WrongError(f"an answer of another form: {error}") from None


class _Problem(msgspec.Struct):
    """`errors`: of fields, what is wrong with each."""

    code: str = ""
    errors: list[dict[str, str]] = []

    @property
    def text(self) -> str:
        fields = "; ".join(f"{one.get('field', '')} {one.get('message', '')}" for one in self.errors)
        return f"{self.code}: {fields}" if fields else self.code


class Made(msgspec.Struct):
    """What earlier steps of a run have made, and later ones need."""

    is_answering: bool = False
    refresh_token: str | None = None
    is_station_open: bool = False
    is_staffed: bool = False
    coupon_code: str | None = None
    reference: str | None = None


class Platform:
    """What a run knows: the addresses by service, a key ring or none, the beacon's chain, and what was seen so far."""

    def __init__(
        self,
        operations: Operations,
        keyring: Keyring | None,
        urls: Mapping[str, str],
        tell: Callable[[Step], None],
        *,
        chain: str,
    ) -> None:
        self.operations = operations
        self.keyring = keyring
        self.urls = urls
        self.chain = chain
        self.steps: list[Step] = []
        self.made = Made()
        self._tell = tell
        self._client = httpx.Client(timeout=_TIMEOUT_S, trust_env=False, headers={"user-agent": "gasolinera-verify"})

    def close(self) -> None:
        self._client.close()

    def step(self, service: str, name: str, do: Callable[["Platform"], str]) -> None:
        """One step with its time, whatever becomes of it; `do` gives what was seen."""
        began = time.monotonic()
        outcome, seen = Outcome.FAILED, "stopped"
        try:
            outcome, seen = Outcome.OK, do(self)
        except NotTriedError as error:
            outcome, seen = Outcome.SKIPPED, str(error)
        except WrongError as error:
            seen = str(error)
        except (httpx.HTTPError, psycopg.Error, OSError, subprocess.SubprocessError) as error:
            seen = f"{type(error).__name__}: {error}".strip()[:_SHOWN]
        except (GasolineraError, VueloError) as error:
            seen = error.message
        except (LookupError, TypeError, ValueError) as error:  # an answer with something else in it than it should have
            seen = f"an answer of another form: {type(error).__name__}: {error}"[:_SHOWN]
        finally:
            done = Step(service, name, outcome, round(time.monotonic() - began, 3), seen)
            self.steps.append(done)
            self._tell(done)

    def get(self, service: str, path: str, token: str | None = None) -> Answer:
        return self._ask("GET", service, path, token, None, {})

    def post(
        self, service: str, path: str, body: Mapping[str, object], token: str | None = None, *, key: str | None = None
    ) -> Answer:
        headers = {"idempotency-key": key or str(uuid4()), "content-type": "application/json"}
        return self._ask("POST", service, path, token, msgspec.json.encode(body), headers)

    def _ask(
        self,
        method: str,
        service: str,
        path: str,
        token: str | None,
        content: bytes | None,
        headers: Mapping[str, str],
    ) -> Answer:
        sent = {**headers, **({"authorization": f"Bearer {token}"} if token else {})}
        response = self._client.request(method, self.urls[service] + path, content=content, headers=sent)
        try:
            problem = _Problem() if response.is_success else msgspec.json.decode(response.content, type=_Problem)
        except msgspec.MsgspecError:
            problem = _Problem()
        return Answer(response.status_code, response.content, problem.code, problem.text)

    def token_of(self, user_id: UUID, role: Role, **claims: Any) -> str:
        """Signed here with the platform's key. Raises NotTriedError without one."""
        caller = Caller(role=role, user_id=user_id, has_second_factor=role is Role.SYSTEM_ADMIN, **claims)
        return issue_access_token(self.needed_keys(), caller, now=datetime.now(UTC)).token

    def needed_keys(self) -> Keyring:
        if self.keyring is None:
            raise NotTriedError("there is no key ring here: set GASOLINERA_KEYS_FILE to that of the platform")
        return self.keyring

    def administrator(self) -> str:
        """No account: it is known by its token alone, and so is in no table whom somebody could log in as."""
        return self.token_of(ADMINISTRATOR, Role.SYSTEM_ADMIN)

    def rows(
        self, service: str, statement: bytes | sql.Composed, values: Mapping[str, object]
    ) -> list[tuple[Any, ...]]:
        """As the owner of the service's tables."""
        with owner_session(self.operations.service(service)) as conn:
            cursor = conn.execute(statement, dict(values))
            return cursor.fetchall() if cursor.description is not None else []

    def until(self, is_so: Callable[[], bool], what: str, *, within_s: float) -> float:
        """Seconds that it took. Raises WrongError when it takes too long."""
        began = time.monotonic()
        while not is_so():
            if time.monotonic() - began > within_s:
                raise WrongError(f"after {within_s:.0f} s it is not so that {what}")
            time.sleep(_LOOKS_EVERY_S)
        return time.monotonic() - began


_PLANT: Final = b"""
INSERT INTO auth_schema.otp_sessions (
    session_token_hash, phone_number, purpose, channel, code_hash, pepper_id, expires_at)
VALUES (%(session)s, %(phone)s, 'LOGIN', 'SMS', %(code)s, %(pepper)s, now() + interval '4 minutes')
"""


def planted_code(platform: Platform, phone: str) -> tuple[str, str]:
    """A session's token and the code that opens it, as if the code had been asked for and sent: what the auth service
    keeps of both are hashes, that of the code with a pepper of the key ring. Nothing is sent to anybody.
    """
    keyring = platform.needed_keys()
    pepper = keyring.current("otp").id
    token, code = f"{pepper}.{secrets.token_urlsafe(32)}", f"{secrets.randbelow(1_000_000):06}"
    session = hashlib.sha256(token.encode()).digest()
    values = {
        "session": session,
        "phone": phone,
        "code": keyring.mac_with("otp", pepper, session + code.encode()),
        "pepper": pepper,
    }
    platform.rows("auth", _PLANT, values)
    return token, code
