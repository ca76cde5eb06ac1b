"""Reads the messages that one pull consumer delivers, in stream order, until the end or until one is missing.

The reply subject of a message names the consumer and the sequences, and distinguishes messages from statuses of the server.
The headers do not: the publisher of a message chooses them.
"""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from auditor.core.model.message import StoredMessage
from auditor.errors import AuditorError
from auditor.jetstream.api import consumer_info, create_consumer
from auditor.retry_delay import RetryDelay

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from auditor.jetstream.connection.client import Client, Inbox

BATCH = 2_000
"""Messages that one pull requests. Up to two pulls are open, so twice as many are in flight."""
PULL_BYTES = 16 << 20
"""Bytes that one pull returns at most. The limit doubles if a single message is larger."""
PULL_SECONDS = 30
MIN_IDLE_SECONDS, MAX_IDLE_SECONDS = 0.25, 5.0
"""Bounds of the time without a message before the state of the consumer is requested. The time doubles with every request."""

STATUS = re.compile(rb"NATS/1\.0 (\d{3}) ?([^\r\n]*)")
UNDELIVERED = re.compile(rb"\r\nNats-Pending-Messages: (\d+)\r\n")
COMPLETED = b"Batch Completed"
TOO_LARGE = b"Message Size Exceeds MaxBytes"
"""With this and the status before a pull ends normally. Here the next message does not fit into the rest of its bytes."""


class ConsumerLostError(AuditorError):
    """The consumer or one of its messages is missing, so a new consumer has to continue."""


@asynccontextmanager
async def pull_consumer(
    client: Client, stream: str, *, start_seq: int, subjects: Sequence[str], batch: int
) -> AsyncIterator[PullConsumer]:
    """Create a consumer for the messages from `start_seq` on. After the block the server removes it within a minute.

    Raises as `api.request`.
    """
    if not client.is_connected:
        raise client.not_connected_error()
    arrived = asyncio.Event()
    inbox = await client.open_inbox(lambda _: arrived.set())
    try:
        name = "auditor-" + inbox.subject.rpartition(".")[2]
        created = await create_consumer(client, stream, name, start_seq=start_seq, subjects=subjects)
        consumer = PullConsumer(client, inbox, arrived, stream, name, batch)
        consumer.at_end = created.num_pending == 0
        yield consumer
    finally:
        await client.close_inbox(inbox)


class PullConsumer:
    """One pull consumer and its open pulls."""

    def __init__(
        self, client: Client, inbox: Inbox, arrived: asyncio.Event, stream: str, name: str, batch: int
    ) -> None:
        self.at_end = False
        """Whether the consumer has delivered all messages of the stream."""
        self._client = client
        self._inbox = inbox
        self._arrived = arrived
        self._stream = stream
        self._name = name
        self._batch = batch
        self._prefix = b"-"
        """The start of the reply subject of every message, taken from the first."""
        self._received = 0
        """The consumer sequence of the last message. Consumer sequences have no gaps."""
        self._requested = 0
        """Messages that open pulls may still deliver."""
        self._pull_bytes = PULL_BYTES
        self._received_at_last_cut = 0
        """`_received` when a pull last ended because of its limit of bytes."""
        self._problem = ""
        """Why the consumer cannot be used any more; empty while it can."""

    async def fetch(self) -> list[StoredMessage]:
        """Return the next messages; an empty list at the end of the stream.

        Raises ConsumerLostError, PermissionDeniedError, ConnectionFailedError.
        """
        idle = RetryDelay(MIN_IDLE_SECONDS, MAX_IDLE_SECONDS)
        idle_seconds = idle.next()
        while True:
            self._arrived.clear()
            messages = self._accept_arrived()
            if self._inbox.failed is None and not (self._problem or self.at_end):
                await self._pull()
            if messages:
                return messages
            if isinstance(self._inbox.failed, AuditorError):
                raise self._inbox.failed
            if self._problem or self._inbox.failed:
                raise ConsumerLostError(self._problem or "the connection to NATS was lost")
            if self.at_end:
                return []
            try:
                async with asyncio.timeout(idle_seconds):
                    await self._arrived.wait()
            except TimeoutError:
                await self._check_idle()
                idle_seconds = idle.next()

    def _accept_arrived(self) -> list[StoredMessage]:
        """Return the messages that have arrived, up to the first that is out of order."""
        raw = self._inbox.messages[:]
        self._inbox.messages.clear()
        messages: list[StoredMessage] = []
        prefix, received, pending = self._prefix, self._received, b""
        for subject, reply, headers, payload in raw:
            if not reply.startswith(prefix):
                if reply:
                    prefix = self._learn_prefix(reply)
                else:
                    self._handle_status(headers, received)
                if self._problem:
                    break
                if not reply:
                    continue
            seq, consumer_seq, time_ns, pending = reply[len(prefix) :].split(b".", 3)
            received += 1
            if int(consumer_seq) != received:
                self._problem = "messages were lost on the way"
                break
            messages.append(StoredMessage(int(seq), int(time_ns), subject, headers, payload))
        self._received = received
        self._requested -= len(messages)
        if messages:
            self.at_end = pending.partition(b".")[0] == b"0"  # a random token may follow
        return messages

    def _learn_prefix(self, reply: bytes) -> bytes:
        """Return `$JS.ACK.<stream>.<consumer>.1.` or `$JS.ACK.<domain>.<account>.<stream>.<consumer>.1.`."""
        before, marker, _ = reply.partition(f".{self._stream}.{self._name}.1.".encode())
        if not marker or not before.startswith(b"$JS.ACK"):
            self._problem = "a message that is not from the consumer arrived in its inbox"
        self._prefix = before + marker
        return self._prefix

    def _handle_status(self, headers: bytes | None, received: int) -> None:
        """Handle a status of the server about a pull."""
        status = STATUS.match(headers or b"")
        undelivered = UNDELIVERED.search(headers or b"")
        if status is None or undelivered is None or status[2] not in (COMPLETED, TOO_LARGE):
            self._problem = f"the server ended a pull ({status[0].decode() if status else 'without a status'})"
            return
        self._requested -= int(undelivered[1])
        if status[2] == TOO_LARGE:
            if received == self._received_at_last_cut:
                self._pull_bytes *= 2
            self._received_at_last_cut = received

    async def _pull(self) -> None:
        """Send pulls until two are open."""
        while self._requested <= self._batch:
            request = {"batch": self._batch, "max_bytes": self._pull_bytes, "expires": PULL_SECONDS * 1_000_000_000}
            subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._name}"
            await self._client.request_into(self._inbox, subject, json.dumps(request).encode())
            self._requested += self._batch

    async def _check_idle(self) -> None:
        """Find out from the consumer info why no message arrives."""
        info = await consumer_info(self._client, self._stream, self._name)
        if self._inbox.messages:
            return
        if info is None:
            self._problem = "the consumer does not exist any more"
        elif info.delivered.consumer_seq != self._received:
            self._problem = "messages were lost on the way"
        elif info.num_pending == 0:
            self.at_end = True
        elif info.num_waiting == 0:
            self._problem = "the server has dropped a pull"
