"""Takes care that the auditor's consumers do not use up the places that others need.

A stream may have a limit of consumers, its own or that of its account. The auditor never takes the last two places, and has
at most three consumers at once for each walk: one in use, and two that it may not delete and that have not expired. Those that were
created to reach one copy of the stream do not count, unless the stream has a limit.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from auditor.errors import AuditorError, PermissionDeniedError
from auditor.jetstream import api
from auditor.jetstream.granted import RequiredSubject, granted_permissions

if TYPE_CHECKING:
    from auditor.jetstream.api_client import ApiClient

PLACES_FOR_OTHERS = 2
"""Places under the limit of consumers that the auditor leaves free."""
MAX_UNUSED = 2
"""Consumers of a stream that are unused and not deleted, beyond which no other is created."""


async def wait_for_place(client: ApiClient, stream: str) -> None:
    """Return as soon as a consumer may be created. It waits only for consumers of its own, which expire within seconds.

    Raises `api.ConsumerLimitError` if others leave no place, and the errors of `api.request`.
    """
    own, clock = client.own_consumers, asyncio.get_running_loop().time
    for name in own.names(stream, clock()):
        await _delete(client, stream, name)
    while own.walks(stream, clock()) > MAX_UNUSED:  # noqa: ASYNC110 - they expire, and nothing tells when
        await asyncio.sleep(own.seconds_to_expiry(stream, clock()))
    await wait_for_free_place(client, stream)


async def wait_for_free_place(client: ApiClient, stream: str) -> None:
    """As `wait_for_place`, with any number of unused consumers if the stream has no limit."""
    own, clock = client.own_consumers, asyncio.get_running_loop().time
    while True:
        info = await api.stream_info(client, stream)
        limit = await _limit(client, stream, info)
        used = info.state.consumer_count
        if not limit or used + PLACES_FOR_OTHERS < limit:
            return
        if not own.names(stream, clock()):
            raise api.ConsumerLimitError(
                f"stream {stream} has {used} of at most {limit} consumers, and the auditor leaves {PLACES_FOR_OTHERS} places"
                " to others: raise max_consumers of the stream or the account, or delete consumers that are not used"
            )
        await asyncio.sleep(own.seconds_to_expiry(stream, clock()))


async def limit_of(client: ApiClient, stream: str) -> int:
    """Return how many consumers the stream may have; 0 for any number. Raises as `api.request`."""
    return await _limit(client, stream, await api.stream_info(client, stream))


async def release(client: ApiClient, stream: str, name: str, *, is_of_copy: bool = False) -> None:
    """Delete a consumer that is not used any more, if the user may. Otherwise keep its name until it has expired. Never raises.

    `is_of_copy`: it was created for one copy of the stream.
    """
    client.own_consumers.add(stream, name, asyncio.get_running_loop().time(), is_of_copy=is_of_copy)
    await _delete(client, stream, name)


async def _delete(client: ApiClient, stream: str, name: str) -> None:
    own = client.own_consumers
    if not client.is_connected:
        return
    try:
        if stream not in own.may_delete:
            own.may_delete[stream] = await _may_publish(client, f"{client.api_prefix}.CONSUMER.DELETE.{stream}.{name}")
        if own.may_delete[stream]:
            await api.delete_consumer(client, stream, name)
            own.remove(stream, name)
    except (PermissionDeniedError, api.NoAnswerError):
        own.may_delete[stream] = False
    except AuditorError:
        return  # it expires


async def _limit(client: ApiClient, stream: str, info: api.StreamInfoReply) -> int:
    """Return how many consumers the stream may have; 0 for any number. A limit of the account that cannot be read is ignored."""
    own = client.own_consumers
    if stream not in own.account_limit:
        own.account_limit[stream] = await _account_limit(client, stream, info.config.get("num_replicas", 1))
    limits = (own.account_limit[stream], info.config.get("max_consumers", -1))
    return min((limit for limit in limits if limit > 0), default=0)


async def _account_limit(client: ApiClient, stream: str, replicas: int) -> int:
    if not await _may_publish(client, f"{client.api_prefix}.INFO"):
        return 0
    try:
        return max(0, (await api.account_info(client, stream)).max_consumers(replicas))
    except (PermissionDeniedError, api.JetStreamError, api.NoAnswerError):
        return 0  # it is not exported to this account


async def _may_publish(client: ApiClient, subject: str) -> bool:
    """Return whether the user may publish to `subject`, as far as the server reports that."""
    permissions = await granted_permissions(client)
    return permissions is not None and not permissions.publish.missing([RequiredSubject(subject, "")])
