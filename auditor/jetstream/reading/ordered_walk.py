"""Reads every readable message of a range exactly once and in order, also across restarts of a server.

One consumer delivers the messages. If anything is out of order, a new consumer continues after the last message.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from auditor.errors import ConnectionFailedError, StreamRecreatedError, WalkIncompleteError
from auditor.jetstream.api import stream_info, stream_state
from auditor.jetstream.reading.pull_consumer import BATCH, ConsumerLostError, pull_consumer
from auditor.retry_delay import RetryDelay

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from auditor.core.model.message import StoredMessage, StreamInfo
    from auditor.errors import AuditorError
    from auditor.jetstream.connection.client import Client

MIN_DELAY_SECONDS, MAX_DELAY_SECONDS = 0.05, 2.0
"""Bounds of the delay before a new consumer. The delay doubles with every consumer that delivers nothing."""
GIVE_UP_SECONDS = 60.0
"""Time without a message, while connected, before the walk is given up. A cluster elects a leader in far less."""


async def ordered_walk(
    client: Client,
    pinned: StreamInfo,
    *,
    first_seq: int,
    last_seq: int,
    subjects: Sequence[str] = (),
    batch: int = BATCH,
) -> AsyncGenerator[list[StoredMessage]]:
    """As `Source.read` in auditor/scan/ports.py. Without a connection it waits until there is one, without a limit."""
    following = first_seq
    retries = _Retries(client)
    while following <= last_seq:
        try:
            async with pull_consumer(
                client, pinned.name, start_seq=following, subjects=subjects, batch=batch
            ) as consumer:
                # Requested after the consumer exists: a consumer ends with its stream, so it is one of this stream.
                _check(stream_state(pinned.name, await stream_info(client, pinned.name)), pinned)
                while messages := await consumer.fetch():
                    wanted = messages
                    if messages[-1].seq > last_seq:
                        wanted = [message for message in messages if message.seq <= last_seq]
                    if wanted:
                        following = wanted[-1].seq + 1
                        retries.reset()
                        yield wanted
                    if following > last_seq or wanted is not messages:
                        return
                return
        except (ConnectionFailedError, ConsumerLostError) as error:
            await retries.wait(error)


class _Retries:
    """Waits before each new consumer, and gives up after `GIVE_UP_SECONDS` without a message."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._delay = RetryDelay(MIN_DELAY_SECONDS, MAX_DELAY_SECONDS)
        self._failing_since: float | None = None

    def reset(self) -> None:
        """Start again, because a message has arrived or the connection is new."""
        self._delay.reset()
        self._failing_since = None

    async def wait(self, error: AuditorError) -> None:
        """Wait after `error`, and for the connection if it is lost. Raises WalkIncompleteError to give up."""
        if not self._client.is_connected:
            await self._client.wait_connected()
            self.reset()
            return
        now = asyncio.get_running_loop().time()
        if self._failing_since is None:
            self._failing_since = now
        elif now - self._failing_since > GIVE_UP_SECONDS:
            raise WalkIncompleteError(f"no message for {GIVE_UP_SECONDS:.0f} s: {error}") from error
        await asyncio.sleep(self._delay.next())


def _check(now: StreamInfo, pinned: StreamInfo) -> None:
    """Raise StreamRecreatedError or WalkIncompleteError if the stream is not the one of `pinned` any more, or ends earlier."""
    if now.created_ns != pinned.created_ns:
        raise StreamRecreatedError(
            f"stream {pinned.name} was deleted and created again during this pass: start a new pass"
        )
    if now.last_seq < pinned.last_seq:
        raise WalkIncompleteError(
            f"stream {pinned.name} now ends at sequence {now.last_seq}, before {pinned.last_seq} where it ended when"
            " this pass began: its server has lost or restored messages"
        )
