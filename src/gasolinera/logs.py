"""Logs: one event a line, JSON outside development, always on stderr. An event has a static name and keywords.

Everything passes `mask`: what of a person or a secret slipped into an event does not leave the process.
"""

import logging
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, cast

import msgspec
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from gasolinera.backlog import Backlog
from gasolinera.config import Environment, Settings

MASKED = "[masked]"

TellRequest = Callable[[str, str, int, float], None]  # method, route template, status, milliseconds

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)
_SECRET_WORDS = frozenset(
    {"authorization", "cookie", "email", "otp", "password", "phone", "pin", "secret", "token", "apikey", "pepper"}
)
_DEPTH = 6
_OFTEN_SAID = 100  # characters

# Identifiers that may hold long runs of digits: a UUID, and the ids of a trace and a span.
_KEPT = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32}|[0-9a-f]{16}", re.IGNORECASE
)
# What all that is sensitive has one of. Most texts have none, and each line is written by a request that somebody waits
# for: the thorough look costs ten times as much.
_SUSPECT = re.compile(r"[\d@]|[Bb][Ee]|[Bb][Aa]|[Ee][Yy]|DETAIL|[0-9a-fA-F]{40}")
_SENSITIVE = re.compile(
    r"""
      (?:\+|\uff0b|%2B) [\s(]* \d (?:[\s().-]* \d){6,}         # a number with its country, however it is spaced
    | \d{10,}                                                  # the same without its sign
    | (?<!\d) \d{2,4} [ .-] \d{3,4} [ .-] \d{4} (?!\d)         # as it is written within a country
    | (?<!\d) \d{4} [ -] \d{4} (?!\d)
    | [^\s@"'<>()\[\]{},;:=]+ (?:@|%40) [\w-]+ (?:\.[\w-]+)+    # an address of email
    | \beyJ[\w-]+ \. [\w-]+ (?:\.[\w-]*)?                      # a JSON web token
    | \b(?:bearer|basic)\s+ [\w.~+/=-]+
    | \b(?:code|código|codigo|otp|pin)\b \D{0,5} \d{4,8} (?!\d)
    | \b [0-9a-fA-F]{40,} \b
    | (?-i: (?<![\w-]) (?=[\w-]*[a-z]) (?=[\w-]*[A-Z]) (?=[\w-]*\d) [A-Za-z0-9_-]{32,})   # an opaque token
    | (?m:^DETAIL:.*$)                                         # where PostgreSQL shows the values of a row
    """,
    re.VERBOSE | re.IGNORECASE,
)


def configure_logs(settings: Settings) -> None:
    """Set up structlog, and the standard library's loggers through it. Called once, by the command that runs."""
    level = logging.getLevelNamesMapping()[settings.chosen_log_level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.format_exc_info,
        mask,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if settings.environment is Environment.DEVELOPMENT:
        renderer: Processor = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            exception_formatter=structlog.dev.plain_traceback,  # the default shows the values of variables
        )
    else:
        renderer = _render_json
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
        )
    )
    # The details of libraries help nobody.
    logging.basicConfig(handlers=[handler], level=max(level, logging.INFO), force=True)
    # These name the whole address of every request that we make: with the credentials in it, and for each poll.
    for library in ("httpx", "httpcore"):
        logging.getLogger(library).setLevel(max(level, logging.WARNING))


def request_teller() -> TellRequest:
    """What tells of a request, for the logs as they are set up now.

    A line of JSON for each request is most of what is ever logged. These go out together, a tenth of a second later;
    of their fields only the context can hold what must be masked.
    """
    config, from_info = structlog.get_config(), structlog.make_filtering_bound_logger(logging.INFO)
    if config["processors"][-1] is _render_json and config["wrapper_class"] is from_info:
        return _tell_request_as_json
    log = _log.bind()  # once: a logger that is not bound reads the configuration for each line
    return lambda method, route, status, duration_ms: log.info(
        "request", method=method, route=route, status=status, duration_ms=duration_ms
    )


def _tell_request_as_json(method: str, route: str, status: int, duration_ms: float) -> None:
    event = {
        "method": method,
        "route": route,
        "status": status,
        "duration_ms": duration_ms,
        "event": "request",
        "level": "info",
        "timestamp": datetime.now(UTC),
    }
    _requests.add((event, structlog.contextvars.get_contextvars()))


def _write_requests(requests: Sequence[tuple[EventDict, EventDict]]) -> None:
    lines = (_render_json(None, "info", {**event, **mask(None, "info", context)}) for event, context in requests)
    sys.stderr.write("\n".join((*lines, "")))


_requests = Backlog(_write_requests)


def finish_logs() -> None:
    """Nothing is left to write after this."""
    _requests.finish()


def mask(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Phone numbers, addresses of email, tokens and codes become `[masked]`, in every field and at any depth."""
    return {_masked_key(key): _masked_field(key, value) for key, value in event.items()}


def _masked_field(key: str, value: Any, depth: int = 0) -> Any:
    if isinstance(value, str):
        if _names_secret(key) or (key == "code" and value.isdecimal()):
            return MASKED
        return _masked_text(value)
    if value is None or isinstance(value, bool | float):
        return value
    if _names_secret(key):
        return MASKED
    if isinstance(value, int):
        # A phone number is a good integer; so are the milliseconds since 1970, which an event has no need of.
        return value if abs(value) < 10**9 and key != "code" else MASKED
    return _masked_rest(key, value, depth)


def _masked_rest(key: str, value: Any, depth: int) -> Any:
    if depth < _DEPTH and isinstance(value, Mapping):
        fields = cast("Mapping[Any, Any]", value)
        return {_masked_text(str(name)): _masked_field(str(name), held, depth + 1) for name, held in fields.items()}
    if depth < _DEPTH and isinstance(value, list | tuple | set | frozenset):
        return [_masked_field(key, held, depth + 1) for held in cast("list[Any]", value)]
    return _masked_text(str(value))


def _masked_text(text: str) -> str:
    if _SUSPECT.search(text) is None or _KEPT.fullmatch(text):
        return text
    return _looked_through(text) if len(text) <= _OFTEN_SAID else _SENSITIVE.sub(MASKED, text)


@lru_cache(1024)
def _looked_through(text: str) -> str:
    """Routes and names of statements come again and again."""
    return _SENSITIVE.sub(MASKED, text)


_masked_key = lru_cache(1024)(_masked_text)  # an event's keywords are few


@lru_cache(1024)
def _names_secret(key: str) -> bool:
    words = key.lower().replace("-", "_").split("_")
    return not _SECRET_WORDS.isdisjoint(words) or "api_key" in key.lower().replace("-", "_")


def _render_json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    return msgspec.json.encode(event, enc_hook=str).decode()
