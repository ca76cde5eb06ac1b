"""The side stream's settings: how it is created, and which of them are refused because a record could be lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditor.errors import QuarantineStreamError
from auditor.jetstream.own_streams import OwnedStream
from auditor.units import NANOSECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auditor.config import QuarantineConfig
    from auditor.jetstream.connection.client import Client


KEEPING = {
    "retention": "limits",
    "storage": "file",
    "discard": "new",
    "discard_new_per_subject": True,
    "max_msgs_per_subject": 1,
}
"""What makes the server keep the first record of a key and refuse every further one."""


async def ensure_quarantine_stream(client: Client, config: QuarantineConfig, *audited_streams: str) -> None:
    """Create the side stream if it is absent and may be created; make sure that no record could be lost in it.

    Raises QuarantineStreamError, PermissionDeniedError, ConnectionFailedError.
    """
    await _stream(config).ensure(
        client, audited_streams, side_stream_settings(config), lambda found: unsafe_settings(config, found)
    )


def _stream(config: QuarantineConfig) -> OwnedStream:
    return OwnedStream(
        section="quarantine",
        name=config.stream,
        subject_prefix=config.subject_prefix,
        create=config.create,
        replicas=config.replicas,
        error=QuarantineStreamError,
        loses="records",
    )


def side_stream_settings(config: QuarantineConfig) -> dict[str, Any]:
    """The side stream as the auditor creates it: records stay erasable, by an administrator and nobody else."""
    return _stream(config).settings(
        description="Messages that aether-auditor condemned, byte for byte",
        **KEEPING,
        max_bytes=config.max_bytes,
        max_age=config.max_age_ns,
    )


def unsafe_settings(config: QuarantineConfig, found: Mapping[str, Any]) -> list[str]:
    """Every setting of the stream `found` that could lose or overwrite a record or take the disk, and what is needed."""
    # One publish with a rollup header could remove every record.
    unsafe = _stream(config).unsafe_settings(found, KEEPING, ("allow_rollup_hdrs",))
    if found.get("max_bytes", -1) <= 0:
        unsafe.append(f"max_bytes is unlimited, must be a limit such as {config.max_bytes}")
    max_age = found.get("max_age", 0)
    if max_age and (not config.max_age_ns or max_age < config.max_age_ns):
        needed = f"at least {config.max_age_ns / NANOSECONDS:g}s" if config.max_age_ns else "0 (for ever)"
        unsafe.append(f"max_age is {max_age / NANOSECONDS:g}s, must be {needed}")
    return unsafe
