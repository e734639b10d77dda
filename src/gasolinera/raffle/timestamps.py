"""Tokens of time-stamping authorities (RFC 3161) over the hash of a manifest: asked for, distrusted, and kept.

An authority is asked again each minute until it has answered or the time for evidence is over. What it answers is kept
when it is good under a root certificate that the settings name, and about this manifest and this question.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import asyncpg
import httpx
import msgspec
import structlog
from cryptography import x509
from rfc3161_client import (
    HashAlgorithm,
    TimeStampRequest,
    TimestampRequestBuilder,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from gasolinera.config import Settings
from gasolinera.database import Database, RequestContext
from gasolinera.errors import ConfigError, GasolineraError, InputError, UnavailableError
from gasolinera.jobs import Job
from gasolinera.raffle import queries_evidence as queries

_SHA256: Final = "2.16.840.1.101.3.4.2.1"
_MAX_ANSWER: Final = 32_768
_TIMEOUT_S: Final = 15.0
_log: Final[structlog.stdlib.BoundLogger] = structlog.get_logger(__name__)


class Token(msgspec.Struct, frozen=True):
    """`token` is DER; `generated_at` is the time that it states."""

    token: bytes
    generated_at: datetime


def read_roots(path: Path) -> list[x509.Certificate]:
    """Raises ConfigError `timestamps.roots`."""
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        hint = "GASOLINERA_RAFFLE_TIMESTAMP_ROOTS names a file of PEM certificates"
        raise ConfigError("timestamps.roots", f"{path} holds no certificates: {error}", hint) from None


def question(manifest: bytes) -> TimeStampRequest:
    """With a nonce, so that an old answer is none to this question."""
    return TimestampRequestBuilder().data(manifest).hash_algorithm(HashAlgorithm.SHA256).nonce(nonce=True).build()


def checked(answer: bytes, asked: TimeStampRequest, manifest: bytes, roots: Sequence[x509.Certificate]) -> Token:
    """The token of an answer. Raises InputError `timestamps.answer` for one that is not good, and says why."""
    try:
        response = decode_timestamp_response(answer)
        if response.tst_info.message_imprint.hash_algorithm.dotted_string != _SHA256:
            raise VerificationError("the imprint is no SHA-256")
        verifier = VerifierBuilder(roots=list(roots), nonce=asked.nonce).build()
        verifier.verify(response, sha256(manifest).digest())
        return Token(response.time_stamp_token(), response.tst_info.gen_time)
    except (VerificationError, ValueError) as error:
        raise InputError("timestamps.answer", f"the authority's answer is not good: {error}") from None


async def ask(http: httpx.AsyncClient, url: str, manifest: bytes, roots: Sequence[x509.Certificate]) -> Token:
    """Raises UnavailableError `timestamps.unavailable`, InputError `timestamps.answer`."""
    asked = question(manifest)
    headers = {"content-type": "application/timestamp-query", "accept": "application/timestamp-reply"}
    answer = b""
    try:
        async with http.stream("POST", url, content=asked.as_bytes(), headers=headers) as response:
            if not response.is_success:
                raise UnavailableError("timestamps.unavailable", f"the authority answers {response.status_code}")
            async for chunk in response.aiter_bytes():
                answer += chunk
                if len(answer) > _MAX_ANSWER:
                    raise InputError("timestamps.answer", "the authority's answer is longer than any token")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise UnavailableError("timestamps.unavailable", f"the authority is silent: {type(error).__name__}") from None
    return checked(answer, asked, manifest, roots)


async def collect(db: Database, urls: Sequence[str], roots: Sequence[x509.Certificate]) -> tuple[int, int]:
    """How many tokens came, and how many did not; what did not is asked for again. Each is committed on its own."""
    by_name = {urlsplit(url).netloc: url for url in urls}
    async with db.connection() as conn:
        missing = await queries.unstamped_draws(conn, list(by_name))
    taken = 0
    async with httpx.AsyncClient(timeout=_TIMEOUT_S) as http:
        for one in missing:
            try:
                token = await ask(http, by_name[one.authority], one.manifest, roots)
                async with db.transaction(RequestContext(actor="job:raffle.collect_timestamps")) as conn:
                    await queries.add_timestamp(
                        conn, one.id, one.authority, token=token.token, generated_at=token.generated_at
                    )
            except (GasolineraError, asyncpg.CheckViolationError) as error:
                reason = error.code if isinstance(error, GasolineraError) else error.constraint_name
                _log.warning("timestamp_missing", authority=one.authority, draw=one.draw_number, reason=reason)
                continue
            taken += 1
    return taken, len(missing) - taken


async def _collect(db: Database, arguments: Mapping[str, str]) -> str:
    """Arguments `urls`, separated by commas, and `roots`, a file. Raises InputError `timestamps.no_source`."""
    urls, roots = arguments.get("urls"), arguments.get("roots")
    if not urls or not roots:
        hint = "set GASOLINERA_RAFFLE_TIMESTAMP_URLS and GASOLINERA_RAFFLE_TIMESTAMP_ROOTS, or give both as arguments"
        raise InputError("timestamps.no_source", "nobody says which authority to ask", hint)
    taken, missing = await collect(db, urls.split(","), read_roots(Path(roots)))
    return f"{taken} timestamps taken, {missing} still missing"


def _authorities(settings: Settings) -> Mapping[str, str]:
    if settings.raffle_timestamp_urls is None or settings.raffle_timestamp_roots is None:
        return {}
    return {"urls": settings.raffle_timestamp_urls, "roots": str(settings.raffle_timestamp_roots)}


COLLECT_TIMESTAMPS: Final = Job(
    name="raffle.collect_timestamps",
    service="raffle",
    summary="asks time-stamping authorities about frozen draws: urls=… roots=…; by itself where the settings name them",
    run=_collect,
    schedule="* * * * *",
    limit_s=600,
    defaults=_authorities,
)
