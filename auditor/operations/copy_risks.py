"""Says what endangers the copies of a stream in a cluster, or the reading of them. No finding of a pass says it beforehand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.jetstream.api import stream_info
from auditor.jetstream.reading.consumer_places import limit_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.jetstream.api import StreamInfoReply
    from auditor.jetstream.api_client import ApiClient

MIN_FREE_CONSUMERS = 10
"""Consumers that should be free under the limit of a replicated stream: an audit has several at once until each copy has one."""


@dataclass(frozen=True, slots=True)
class Risk:
    """What endangers a stream, and what to do."""

    text: str
    """What follows the name of the stream."""
    fix: str


def risks_of_audited(info: StreamInfoReply, consumer_limit: int) -> Iterator[Risk]:
    """Yields what endangers the audit of all copies of a stream. `consumer_limit`: 0 for none."""
    replicas = int(info.config.get("num_replicas", 1))
    if info.cluster is None or replicas == 1:
        return
    servers = len(info.cluster.peers)
    if servers < replicas:
        yield Risk(
            f"has {replicas} replicas, and only {servers} servers hold a copy",
            "start the missing servers; until then no full pass is clean",
        )
    free = consumer_limit - info.state.consumer_count
    if consumer_limit and free < MIN_FREE_CONSUMERS:
        yield Risk(
            f"has places for {max(0, free)} more consumers, and to read {replicas} copies quickly takes {MIN_FREE_CONSUMERS}",
            "delete consumers that are not used, or raise max_consumers of the account: a full pass that gets no consumer is inconclusive",
        )


def risks_of_own(info: StreamInfoReply, section: str) -> Iterator[Risk]:
    """Yields what endangers a stream of the auditor's own. `section`: of the configuration file."""
    is_clustered = info.cluster is not None and bool(info.cluster.name)
    if is_clustered and info.config.get("num_replicas", 1) == 1:
        yield Risk(
            "has one replica in a cluster: the audit stops, or loses it, when that server is down",
            f"set {section}.replicas to 3, and as an administrator: nats stream edit {info.config.get('name', '')} --replicas 3",
        )


async def audited_risks(client: ApiClient, stream: str) -> list[Risk]:
    """Return what endangers the audit of all copies of `stream`. Raises as `auditor.jetstream.api.request`."""
    return list(risks_of_audited(await stream_info(client, stream), await limit_of(client, stream)))


async def own_risks(client: ApiClient, stream: str, section: str) -> list[Risk]:
    """Return what endangers the stream of `section`. Raises as `auditor.jetstream.api.request`."""
    return list(risks_of_own(await stream_info(client, stream), section))
