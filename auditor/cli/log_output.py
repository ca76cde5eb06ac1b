"""Configures logging: one line for each event on stderr, as JSON or as text, from structlog and from the libraries."""

from __future__ import annotations

import logging
import re
import sys
from typing import TYPE_CHECKING, Any, Literal

import structlog

from auditor.safe_text import escape_unsafe

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor, WrappedLogger

LIBRARIES = ("aiohttp", "apscheduler", "asyncio", "nats")
"""Libraries whose warnings and errors are logged. Their events of lower levels are dropped."""

_VALUES_OF_ASYNCIO = re.compile(r"\([^)].*|\n.*", re.DOTALL)
"""The part of an asyncio message that follows the description: arguments of a callback or task, and the text of its exception."""


def configure_log(level: str, format: Literal["json", "console"]) -> None:  # noqa: A002 - the key of the configuration
    """Log events of `level` and above to stderr."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
        _one_line,
    ]
    renderer: Processor = (
        structlog.processors.JSONRenderer()
        if format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), timestamp_key="ts")
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_without_values, *shared],
            processors=[_without_traceback, structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _one_line(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Make control characters in values visible, so that no value breaks the line or controls a terminal."""
    return {key: escape_unsafe(value) if isinstance(value, str) else value for key, value in event.items()}


def _without_values(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Remove arguments and texts of exceptions from asyncio's messages, because they can hold payload values."""
    if event["_record"].name == "asyncio":
        event["event"] = _VALUES_OF_ASYNCIO.sub("", event["event"])
    return event


def _without_traceback(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Replace a traceback by the name of the exception, because a traceback can hold payload values."""
    error: Any = event.pop("exc_info", None)
    if isinstance(error, tuple) and error[0]:
        event["error"] = error[0].__name__
    return event
