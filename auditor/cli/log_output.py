"""Logging: one line an event on stderr, JSON for machines or text for people; structlog and the libraries' own alike."""

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
"""Their warnings matter to an operator; what they say below that is about themselves."""

_VALUES_OF_ASYNCIO = re.compile(r"\([^)].*|\n.*", re.DOTALL)
"""What asyncio says of a callback or task that failed, after what happened: its arguments and its exception's text."""


def configure_log(level: str, format: Literal["json", "console"]) -> None:  # noqa: A002 - the configuration's word
    """Send everything from `level` on to stderr."""
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
    """No value breaks the line or steers a terminal."""
    return {key: escape_unsafe(value) if isinstance(value, str) else value for key, value in event.items()}


def _without_values(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Arguments and exceptions can hold payload values: of what asyncio saw only what happened is logged."""
    if event["_record"].name == "asyncio":
        event["event"] = _VALUES_OF_ASYNCIO.sub("", event["event"])
    return event


def _without_traceback(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """A traceback can hold payload values: of an exception only the name is logged."""
    error: Any = event.pop("exc_info", None)
    if isinstance(error, tuple) and error[0]:
        event["error"] = error[0].__name__
    return event
