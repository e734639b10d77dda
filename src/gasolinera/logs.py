"""Logs: one event a line, JSON outside development, always on stderr. An event has a static name and keywords."""

import logging
import sys

import structlog
from structlog.typing import Processor

from gasolinera.config import Environment, Settings


def configure_logs(settings: Settings) -> None:
    """Set up structlog, and the standard library's loggers through it. Called once, by the command that runs."""
    level = logging.getLevelNamesMapping()[settings.chosen_log_level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if settings.environment is Environment.DEVELOPMENT:
        ending: list[Processor] = [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(),
                exception_formatter=structlog.dev.plain_traceback,  # the default shows the values of variables
            )
        ]
    else:
        ending = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=[*shared, *ending],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *ending],
            foreign_pre_chain=shared,
        )
    )
    # The details of libraries help nobody.
    logging.basicConfig(handlers=[handler], level=max(level, logging.INFO), force=True)
