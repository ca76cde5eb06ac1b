"""Lists the subjects that the auditor needs to publish and subscribe to, and tries some of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nats import errors

from auditor.errors import AuditorError, ConnectionFailedError
from auditor.jetstream.api import WRONG_STREAM, decode_ack
from auditor.jetstream.granted import USER_INFO, RequiredSubject
from auditor.jetstream.reading.pull_consumer import pull_consumer

if TYPE_CHECKING:
    from auditor.config import Config
    from auditor.jetstream.api_client import ApiClient

TIMEOUT = 5.0
"""Seconds to wait for the reply to a publish."""


def to_publish(config: Config, canary: str) -> tuple[RequiredSubject, ...]:
    """Return what the daemon and every command but `provision` and `selftest` publish to if all streams exist."""
    quarantine, state = config.quarantine, config.state
    needs = [RequiredSubject(USER_INFO, "lets auditor doctor see its own permissions")]
    for prefix, stream in dict.fromkeys((config.api_prefix(audit), audit.stream) for audit in config.audits):
        needs += _reading(prefix, stream)
    needs += _reading(config.api_prefix(state), canary)
    needs += _reading(config.api_prefix(quarantine), quarantine.stream)  # auditor quarantine list
    needs.append(RequiredSubject(f"{quarantine.subject_prefix}.>", "stores records"))
    needs += _requests(config.api_prefix(state), state.stream)
    needs.append(RequiredSubject(f"{state.subject_prefix}.>", "saves state and acceptances"))
    return tuple(needs)


def to_create(config: Config) -> tuple[RequiredSubject, ...]:
    """Return what the auditor publishes to besides, if it is to create its own streams."""
    own = (config.quarantine, config.state)
    return tuple(
        RequiredSubject(f"{config.api_prefix(each)}.STREAM.CREATE.{each.stream}", "creates it at the first start")
        for each in own
    )


def to_subscribe(config: Config) -> tuple[RequiredSubject, ...]:
    """Return the subjects on which replies arrive."""
    return (RequiredSubject(f"{config.nats.inbox_prefix}.>", "receives replies"),)


def _reading(prefix: str, stream: str) -> list[RequiredSubject]:
    return [
        *_requests(prefix, stream),
        RequiredSubject(f"{prefix}.CONSUMER.CREATE.{stream}.>", "reads the stream, or one subject of it"),
        RequiredSubject(f"{prefix}.CONSUMER.INFO.{stream}.*", "knows where the stream ends"),
        RequiredSubject(f"{prefix}.CONSUMER.MSG.NEXT.{stream}.*", "pulls messages"),
    ]


def _requests(prefix: str, stream: str) -> list[RequiredSubject]:
    return [
        RequiredSubject(f"{prefix}.STREAM.INFO.{stream}", "knows its range and settings"),
        RequiredSubject(f"{prefix}.STREAM.MSG.GET.{stream}", "reads single messages"),
    ]


async def probe_walk(client: ApiClient, stream: str) -> None:
    """Create a consumer and pull once, to see whether that is allowed. Raises the AuditorErrors of a walk."""
    async with pull_consumer(client, stream, start_seq=1, subjects=(), batch=1) as consumer:
        await consumer.fetch()


async def probe_publish(client: ApiClient, stream: str, subject: str) -> None:
    """Publish a message that `stream` must refuse, to see whether that is allowed. Raises AuditorError for any other reply."""
    try:
        reply = await client.request(subject, b"", TIMEOUT, headers={"Nats-Expected-Stream": "none of these"})
    except (errors.Error, OSError) as error:
        raise ConnectionFailedError(
            f"stream {stream} does not answer a publish to {subject} ({error!r}): check its subjects and its leader"
        ) from error
    ack = decode_ack(reply.data)
    if ack.error is None or ack.error.err_code != WRONG_STREAM:
        found = ack.error.description if ack.error else "it was stored" if ack.seq else "the reply is not JetStream's"
        raise AuditorError(f"stream {stream} should refuse a message for another stream, but: {found}")
