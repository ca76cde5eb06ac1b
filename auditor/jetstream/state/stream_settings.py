"""The state stream's settings: how it is created, and which of them are refused because saved state could be lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditor.errors import StateError
from auditor.jetstream.own_streams import OwnedStream

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auditor.config import StateConfig
    from auditor.jetstream.api import StreamInfo
    from auditor.jetstream.connection.client import Client

MAX_BYTES = 1 << 29
"""A million actors take 64 MB at most, in two generations, and as much again while a full pass is under way: room for
several audits of that size, and never the disk of the audited stream."""

KEEPING = {"retention": "limits", "storage": "file", "discard": "new", "allow_rollup_hdrs": True}
"""What makes the server refuse what does not fit instead of dropping what is there, and replace what is outdated."""

UNLIMITED = ("max_age", "max_msgs", "max_msgs_per_subject")
"""Limits that would remove parts of what is saved."""


async def ensure_state_stream(client: Client, config: StateConfig, *audited_streams: str) -> StreamInfo:
    """Create the state stream if it is absent and may be created; make sure that what is saved stays in it.

    Raises StateError, PermissionDeniedError, ConnectionFailedError.
    """
    return await _stream(config).ensure(
        client, audited_streams, state_stream_settings(config), lambda found: unsafe_settings(config, found)
    )


def _stream(config: StateConfig) -> OwnedStream:
    return OwnedStream(
        section="state",
        name=config.stream,
        subject_prefix=config.subject_prefix,
        create=config.create,
        replicas=config.replicas,
        error=StateError,
        loses="saved state",
    )


def state_stream_settings(config: StateConfig) -> dict[str, Any]:
    """The state stream as the auditor creates it."""
    description = "What aether-auditor remembers between passes"
    return _stream(config).settings(description=description, **KEEPING, max_bytes=MAX_BYTES)


def unsafe_settings(config: StateConfig, found: Mapping[str, Any]) -> list[str]:
    """Every setting of the stream `found` that could lose saved state or take the disk, and what is needed."""
    # A rollup removes messages, which these forbid.
    unsafe = _stream(config).unsafe_settings(found, KEEPING, ("deny_purge", *UNLIMITED))
    if found.get("max_bytes", -1) <= 0:
        unsafe.append(f"max_bytes is unlimited, must be a limit such as {MAX_BYTES}")
    return unsafe
