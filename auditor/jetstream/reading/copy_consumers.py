"""Creates consumers that read the copies of named servers, of a stream that is replicated.

The meta leader of the cluster places a consumer without replicas on one of the stream's servers at random, and the reply names that
server. So consumers are created until each wanted server has one; those on other servers are given up. Each creation is an
entry in the log of the meta leader, so their number is bounded.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

from auditor.core.replicas.census import CopyCount
from auditor.errors import AuditorError, ConnectionFailedError, CopyAbsentError
from auditor.jetstream import api
from auditor.jetstream.reading.consumer_places import limit_of, release, wait_for_free_place

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from auditor.jetstream.api_client import ApiClient

ABSENT_SECONDS = 20.0
"""Time after which a server that gets no consumer is absent. One that has come back gets none for two seconds."""
FIRST_CREATIONS, LATER_CREATIONS = 40, 12
"""Consumers that are created at once at first, and later each time after `PAUSE_SECONDS`. Three are needed for one server on average."""
PAUSE_SECONDS = 2.0
CREATE_SECONDS = 5.0
"""Seconds to wait for the reply to a creation. One that was placed on a server which does not answer has none."""
WALK_SECONDS, CENSUS_SECONDS = 5, 2
"""Seconds after its last use after which the server removes a consumer of a walk or a census."""


@dataclass(frozen=True, slots=True)
class CopyConsumer:
    """A consumer that reads the copy of one server."""

    name: str
    created: api.ConsumerInfoReply


async def create_on_copy(
    client: ApiClient, stream: str, copy: str, *, start: int, subjects: Sequence[str]
) -> CopyConsumer:
    """Create a consumer for a walk over the copy of server `copy`. Raises CopyAbsentError, and as `api.request`."""
    creation = _Creation(client, stream, start, subjects, WALK_SECONDS)
    consumers = await creation.on({copy})
    if copy not in consumers:
        raise CopyAbsentError(creation.absent[copy])
    return consumers[copy]


async def count_copies(
    client: ApiClient, stream: str, copies: Iterable[str], subject: str = ""
) -> dict[str, CopyCount | str]:
    """Return the first and last sequence and the count of each copy; in place of one that cannot be read, the reason.

    The count is taken before the last sequence. `subject`: count only messages on it. Raises as `api.request`.
    """
    subjects = [subject] if subject else []
    counting = _Creation(client, stream, "all", subjects, CENSUS_SECONDS)
    counted = await counting.on(set(copies))
    ending = _Creation(client, stream, "new", subjects, CENSUS_SECONDS)
    ends = await ending.on(set(counted))
    for consumer in (*counted.values(), *ends.values()):
        await release(client, stream, consumer.name, is_of_copy=True)
    result: dict[str, CopyCount | str] = {**counting.absent, **ending.absent}
    for copy, end in ends.items():
        start = counted[copy].created
        result[copy] = CopyCount(start.delivered.stream_seq + 1, end.created.delivered.stream_seq, start.num_pending)
    return result


class _Creation:
    """Creates equal consumers until each wanted server has one, or is known to get none."""

    def __init__(
        self,
        client: ApiClient,
        stream: str,
        start: api.Start,
        subjects: Sequence[str],
        unused_seconds: int,
    ) -> None:
        self.absent: dict[str, str] = {}
        """By server: why it got no consumer."""
        self._client = client
        self._stream = stream
        self._start = start
        self._subjects = subjects
        self._unused_seconds = unused_seconds
        self._clock = asyncio.get_running_loop().time
        self._deadline = 0.0
        self._reason = ""

    async def on(self, wanted: set[str]) -> dict[str, CopyConsumer]:
        """Return a consumer for each server in `wanted` that is not in `absent` afterwards. Raises as `api.request`."""
        found: dict[str, CopyConsumer] = {}
        creations, self._deadline = FIRST_CREATIONS, self._clock() + ABSENT_SECONDS
        while missing := wanted - found.keys() - self.absent.keys():
            await self._create(creations, missing, found)
            if missing := wanted - found.keys():
                await self._note_absent(missing)
                if wanted - found.keys() - self.absent.keys():
                    await asyncio.sleep(PAUSE_SECONDS)
            creations = LATER_CREATIONS
        return found

    async def _create(self, creations: int, missing: set[str], found: dict[str, CopyConsumer]) -> None:
        """Create up to so many consumers, and enter those on servers of `missing` in `found`."""
        try:
            limit = await limit_of(self._client, self._stream)
            while creations and missing - found.keys() and self._clock() < self._deadline:
                creations -= 1
                if limit:
                    await self._wait_for_place()
                await self._create_one(missing, found)
        except api.ConsumerLimitError as error:
            self._reason = f"max_consumers reached: {error}"
        except ConnectionFailedError as error:
            self._reason = str(error)
            if not self._client.is_connected:
                await self._client.wait_connected()

    async def _wait_for_place(self) -> None:
        """Wait for consumers of the auditor's own, without counting that time."""
        before = self._clock()
        await wait_for_free_place(self._client, self._stream)
        self._deadline += self._clock() - before

    async def _create_one(self, missing: set[str], found: dict[str, CopyConsumer]) -> None:
        name = f"auditor-{uuid4().hex}"
        try:
            created = await api.create_consumer(
                self._client,
                self._stream,
                name,
                start=self._start,
                subjects=self._subjects,
                unused_seconds=self._unused_seconds,
                reply_seconds=CREATE_SECONDS,
            )
        except ConnectionFailedError:
            self._client.own_consumers.add(self._stream, name, self._clock(), is_of_copy=True)  # it may exist
            raise
        server = created.cluster.leader if created.cluster else ""
        if server in missing and server not in found:
            found[server] = CopyConsumer(name, created)
        else:
            self._reason = "no consumer is placed on its server"
            await release(self._client, self._stream, name, is_of_copy=True)

    async def _note_absent(self, missing: set[str]) -> None:
        """Enter those of `missing` in `absent` that are offline, or all of them after the deadline."""
        try:
            info = await api.stream_info(self._client, self._stream)
        except AuditorError as error:
            info, self._reason = None, str(error)
        peers = (info.cluster.replicas if info and info.cluster else None) or ()
        offline = missing & {each.name for each in peers if each.offline}
        self.absent.update(dict.fromkeys(offline, "its server is offline"))
        if self._clock() >= self._deadline:
            late = missing - offline
            self.absent.update(dict.fromkeys(late, f"no answer for {ABSENT_SECONDS:.0f} s: {self._reason}"))
