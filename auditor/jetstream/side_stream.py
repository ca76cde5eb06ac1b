"""The side stream's settings: how it is created, and which of them are refused because a record could be lost."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from auditor.errors import SideStreamError, StreamNotFoundError
from auditor.jetstream.api import NAME_IN_USE, JetStreamError, StreamInfo, ask, stream_info
from auditor.jetstream.wildcards import covers, overlap

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auditor.config import QuarantineConfig
    from auditor.jetstream.client import Client

NANOSECONDS = 1_000_000_000

KEEPING = {
    "retention": "limits",
    "storage": "file",
    "discard": "new",
    "discard_new_per_subject": True,
    "max_msgs_per_subject": 1,
}
"""What makes the server keep the first record of a key and refuse every further one."""

FORBIDDEN = (
    "allow_msg_counter",  # turns plain publishes away
    "allow_rollup_hdrs",  # one publish could remove every record
    "max_msg_size",  # parts are cut to max_payload
    "mirror",
    "no_ack",  # nobody would know what is stored
    "persist_mode",  # acknowledges before it is on disk
    "sealed",
    "sources",
    "subject_transform",  # records would land under other keys
)
"""Settings that must be left as the server has them by default."""
DEFAULTS: tuple[object, ...] = (None, False, -1, 0, [], {}, "", "default")


async def ensure_side_stream(client: Client, config: QuarantineConfig, audited_stream: str) -> None:
    """Create the side stream if it is absent and may be created; make sure that no record could be lost in it.

    Raises SideStreamError, PermissionDeniedError, ConnectionFailedError.
    """
    await _keep_apart(client, config, audited_stream)
    try:
        info = await stream_info(client, config.stream)
    except StreamNotFoundError:
        if not config.create:
            raise SideStreamError(
                f"quarantine stream {config.stream} does not exist: create it as an administrator, "
                "or set quarantine.create to true"
            ) from None
        info = await _create(client, config)
    if unsafe := unsafe_settings(config, info.config):
        raise SideStreamError(
            f"quarantine stream {config.stream} could lose records and is refused: {'; '.join(unsafe)}; "
            "change these settings, or name another stream in quarantine.stream"
        )


async def _keep_apart(client: Client, config: QuarantineConfig, audited_stream: str) -> None:
    """The audited stream is never written, so no record may ever be meant for it."""
    if config.stream == audited_stream:
        raise SideStreamError(f"quarantine.stream is the audited stream {audited_stream}: name another one")
    try:
        audited = await stream_info(client, audited_stream)
    except StreamNotFoundError:
        return  # for the pass to report
    for subject in audited.config.get("subjects") or ():
        if overlap(subject, f"{config.subject_prefix}.>"):
            raise SideStreamError(
                f"quarantine.subject_prefix {config.subject_prefix} overlaps subject {subject} "
                f"of the audited stream {audited_stream}: choose another prefix"
            )


async def _create(client: Client, config: QuarantineConfig) -> StreamInfo:
    name, settings = config.stream, side_stream_settings(config)
    try:
        info = await ask(client, name, f"STREAM.CREATE.{name}", settings, StreamInfo, expected_error=NAME_IN_USE)
    except JetStreamError as error:
        raise SideStreamError(f"quarantine stream {name} cannot be created: {error}") from error
    return await stream_info(client, name) if info.error else info


def side_stream_settings(config: QuarantineConfig) -> dict[str, Any]:
    """The side stream as the auditor creates it: records stay erasable, by an administrator and nobody else."""
    return {
        "name": config.stream,
        "description": "Messages that aether-auditor condemned, byte for byte",
        "subjects": [f"{config.subject_prefix}.>"],
        **KEEPING,
        "max_bytes": config.max_bytes,
        "max_age": config.max_age_ns,
        "num_replicas": config.replicas,
        "allow_direct": True,
    }


def unsafe_settings(config: QuarantineConfig, found: Mapping[str, Any]) -> list[str]:
    """Every setting of the stream `found` that could lose or overwrite a record or take the disk, and what is needed."""
    unsafe = [
        f"{name} is {json.dumps(found[name]) if name in found else 'not set'}, must be {json.dumps(needed)}"
        for name, needed in KEEPING.items()
        if found.get(name) != needed
    ]
    unsafe += [f"{name} is set, must not be" for name in FORBIDDEN if found.get(name) not in DEFAULTS]
    wildcard = f"{config.subject_prefix}.>"
    if not any(covers(subject, wildcard) for subject in found.get("subjects") or ()):
        unsafe.append(f"subjects are {json.dumps(found.get('subjects'))}, must cover {wildcard}")
    if found.get("max_bytes", -1) <= 0:
        unsafe.append(f"max_bytes is unlimited, must be a limit such as {config.max_bytes}")
    max_age = found.get("max_age", 0)
    if max_age and (not config.max_age_ns or max_age < config.max_age_ns):
        needed = f"at least {config.max_age_ns / NANOSECONDS:g}s" if config.max_age_ns else "0 (for ever)"
        unsafe.append(f"max_age is {max_age / NANOSECONDS:g}s, must be {needed}")
    if found.get("num_replicas", 1) < config.replicas:
        unsafe.append(f"num_replicas is {found.get('num_replicas', 1)}, must be at least {config.replicas}")
    return unsafe
