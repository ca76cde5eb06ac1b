"""Creates the stream of an event store with the settings of Aether's Go code, and checks an existing one."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from auditor.aether.stream_layout import StreamLayout
from auditor.config import Duration
from auditor.core.model.subject_filter import is_subset
from auditor.errors import ConnectionFailedError, EventStreamError, StreamNotFoundError
from auditor.jetstream.api import SLOW_TIMEOUT, JetStreamError, create_or_use_stream, stream_info
from auditor.jetstream.stream_settings import FORBIDDEN, not_default, wrong_values

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auditor.jetstream.api import StreamInfoReply
    from auditor.jetstream.api_client import ApiClient

REQUIRED = {"retention": "limits"}
"""With any other retention the server removes messages that a consumer has acknowledged."""
FORBIDDEN_HERE = {**FORBIDDEN, "max_msgs_per_subject": "the server removes earlier events of an actor"}
"""Settings that must not be set, and why."""
YEAR = timedelta(days=365)


async def ensure_event_stream(client: ApiClient, stream: str, *, replicas: int, max_age: timedelta) -> None:
    """Create `stream` if it does not exist, and check that it can store events. An existing one keeps its settings.

    Raises EventStreamError, PermissionDeniedError, ConnectionFailedError.
    """
    try:
        info = await stream_info(client, stream)
    except StreamNotFoundError:
        info = await _create(client, event_stream_settings(stream, replicas=replicas, max_age=max_age))
    if problems := unsuitable_settings(stream, info.config):
        raise EventStreamError(f"stream {stream} cannot store events: {'; '.join(problems)}; change these settings")


async def _create(client: ApiClient, settings: dict[str, Any]) -> StreamInfoReply:
    try:
        return await create_or_use_stream(client, settings, timeout=SLOW_TIMEOUT)
    except (JetStreamError, ConnectionFailedError) as error:
        raise EventStreamError(f"stream {settings['name']} cannot be created: {error}") from error


def event_stream_settings(stream: str, *, replicas: int, max_age: timedelta) -> dict[str, Any]:
    """Return the settings of Aether's Go code, which has 1 replica and a `max_age` of 365 days and refuses other values."""
    return {
        "name": stream,
        "subjects": list(StreamLayout(stream).subjects),
        "retention": "limits",
        "storage": "file",
        "discard": "old",
        "max_age": max_age.days * 86_400_000_000_000 + max_age.seconds * 1_000_000_000 + max_age.microseconds * 1_000,
        "num_replicas": replicas,
    }


def settings_aether_rejects(stream: str, found: Mapping[str, Any]) -> list[str]:
    """Return a line for each setting in `found` because of which Aether's Go code refuses to open the stream."""
    required = {"duplicate_window": 120_000_000_000, **event_stream_settings(stream, replicas=1, max_age=YEAR)}
    problems = [
        f"{name} is {_shown(name, found.get(name))}, Aether's code requires {_shown(name, value)}"
        for name, value in required.items()
        if found.get(name) != value
    ]
    problems += [
        f"{name} is {json.dumps(found[name])}, which Aether's code does not set"
        for name in not_default(found, found)
        if name not in {*required, "metadata"}
    ]
    return problems


def _shown(name: str, value: object) -> str:
    """Return `value` as text. The server gives durations in nanoseconds."""
    if name in ("max_age", "duplicate_window") and isinstance(value, int):
        return str(Duration(value)) if value else "unlimited"
    return json.dumps(value)


def unsuitable_settings(stream: str, found: Mapping[str, Any]) -> list[str]:
    """Return a line for each setting in `found` because of which the stream cannot store events and snapshots."""
    problems = wrong_values(found, REQUIRED)
    problems += [f"{name} is set ({FORBIDDEN_HERE[name]})" for name in not_default(found, FORBIDDEN_HERE)]
    subjects = found.get("subjects") or []
    for needed in StreamLayout(stream).subjects:
        if not any(is_subset(subject, needed) for subject in subjects):
            problems.append(f"subjects are {json.dumps(subjects)}, must cover {needed}")
    return problems
