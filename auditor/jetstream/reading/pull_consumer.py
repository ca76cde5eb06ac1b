"""Reads the messages that one pull consumer delivers, in stream order, until the end or until one is missing.

The reply subject of a message names the consumer and the sequences, and distinguishes messages from statuses of the server.
The headers do not: the publisher of a message chooses them.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

from auditor.core.model.message import StoredMessage
from auditor.errors import AuditorError, PermissionDeniedError, StreamNotFoundError
from auditor.jetstream.api import (
    MAX_NUMBER,
    ConsumerLimitError,
    JetStreamError,
    consumer_info,
    create_consumer,
    get_message,
)
from auditor.jetstream.reading.consumer_places import release, wait_for_place
from auditor.jetstream.reading.copy_consumers import create_on_copy
from auditor.retry_delay import RetryDelay

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from auditor.core.model.batch import Batch
    from auditor.jetstream.api_client import ApiClient
    from auditor.jetstream.connection.client import Inbox
    from auditor.jetstream.connection.frames import RawMessage

BATCH = 2_000
"""Messages that one pull requests. Up to two pulls are open, so twice as many are in flight."""
PULL_BYTES = 16 << 20
"""Bytes that one pull returns at most. The limit doubles if a single message is larger."""
PULL_SECONDS = 30
MIN_IDLE_SECONDS, MAX_IDLE_SECONDS = 0.25, 5.0
"""Bounds of the time without a message before the state of the consumer is requested. The time doubles with every request."""

STATUS = re.compile(rb"NATS/1\.0 (\d{3}) ?([^\r\n]*)")
UNDELIVERED = re.compile(rb"\r\nNats-Pending-Messages: (\d{1,18})\r\n")
COMPLETED = b"Batch Completed"
TOO_LARGE = b"Message Size Exceeds MaxBytes"
"""With this and the status before a pull ends normally. Here the next message does not fit into the rest of its bytes."""


IDLE_CHECKS_BEFORE_STALL = 2
"""Requests for the state of an idle consumer after which the leader is asked for the next message."""
IDLE_CHECKS_OF_A_FILTER = 5
"""As above for a consumer with a filter for which the leader cannot be asked."""
IDLE_CHECKS_OF_A_COPY = 3
"""As above for a consumer of one copy. If its server is only slow, the walk continues at the same sequence."""
FIRST_SECONDS = 0.5
"""Time in which a consumer delivers its first message if its server can read it."""
MAX_NO_RESPONDERS = 50
"""Pulls that a new consumer may answer with "no responders", because its server has not finished creating it."""
NO_RESPONDERS_SECONDS = 0.01


class ConsumerLostError(AuditorError):
    """The consumer or one of its messages is missing, so a new consumer has to continue."""


class MessageLostError(ConsumerLostError):
    """A message was sent, and did not arrive as it was sent."""


class OneAnswerError(MessageLostError):
    """As many messages arrived as pulls were sent, and others are missing: an import may let one answer through."""


class ConsumerStalledError(AuditorError):
    """Messages are pending, and the server delivers none, because it cannot read what is stored next."""


def can_ask_for_next(subjects: Sequence[str]) -> bool:
    """Return whether one request finds the next message of a consumer with these filters.

    A request has one subject, and nats-server 2.15 finds nothing behind an unreadable block by a subject with wildcards.
    """
    return not subjects or (len(subjects) == 1 and not {"*", ">"}.intersection(subjects[0].split(".")))


@asynccontextmanager
async def pull_consumer(
    client: ApiClient, stream: str, *, start_seq: int, subjects: Sequence[str], batch: int, copy: str | None = None
) -> AsyncIterator[PullConsumer]:
    """Create a consumer for the messages from `start_seq` on. After the block it is deleted, or expires within a minute.

    `copy`: the server whose copy it reads; any if None. Waits while unused consumers of the auditor take the last places. Raises
    ConsumerLimitError, CopyAbsentError, and as `api.request`.
    """
    if not client.is_connected:
        raise client.not_connected_error()
    if copy is None:
        await wait_for_place(client, stream)
    arrived = asyncio.Event()
    inbox = await client.open_inbox(lambda _: arrived.set())
    name = "auditor-" + inbox.subject.rpartition(".")[2]
    may_exist = copy is None
    try:
        if copy is None:
            created = await create_consumer(client, stream, name, start=start_seq, subjects=subjects)
        else:
            on_copy = await create_on_copy(client, stream, copy, start=start_seq, subjects=subjects)
            name, created, may_exist = on_copy.name, on_copy.created, True
        consumer = PullConsumer(client, inbox, arrived, stream, name, batch, start_seq, subjects, copy)
        consumer.at_end = created.num_pending == 0
        yield consumer
    except (ConsumerLimitError, JetStreamError, PermissionDeniedError, StreamNotFoundError):
        may_exist = False
        raise
    finally:
        await client.close_inbox(inbox)
        if may_exist:
            await release(client, stream, name, is_of_copy=copy is not None)


def _impossible() -> MessageLostError:
    return MessageLostError("a message arrived with a sequence or a time that no stored message can have there")


async def first_delivered(
    client: ApiClient, stream: str, copy: str, *, start_seq: int, subjects: Sequence[str]
) -> int | None:
    """Return the sequence of the first message that the copy of a server delivers from `start_seq` on.

    None if it delivers none in time. Raises as `pull_consumer` and `PullConsumer.fetch`.
    """
    async with pull_consumer(client, stream, start_seq=start_seq, subjects=subjects, batch=1, copy=copy) as consumer:
        try:
            async with asyncio.timeout(FIRST_SECONDS):
                messages = await consumer.fetch()
        except (TimeoutError, ConsumerStalledError):
            return None
    return messages[0].seq if messages else MAX_NUMBER


class PullConsumer:
    """One pull consumer and its open pulls."""

    def __init__(
        self,
        client: ApiClient,
        inbox: Inbox,
        arrived: asyncio.Event,
        stream: str,
        name: str,
        batch: int,
        start_seq: int,
        subjects: Sequence[str],
        copy: str | None = None,
    ) -> None:
        self.at_end = False
        """Whether the consumer has delivered all messages of the stream."""
        self._client = client
        self._inbox = inbox
        self._arrived = arrived
        self._stream = stream
        self._name = name
        self._batch = batch
        self._subjects = subjects
        self._copy = copy
        self._waiting: deque[RawMessage | Batch] = deque()
        """What has arrived and was not returned yet."""
        self._last_seq = start_seq - 1
        """The sequence of the last message."""
        self._prefix = b"-"
        """The start of the reply subject of every message, taken from the first."""
        self._received = 0
        """The consumer sequence of the last message. Consumer sequences have no gaps."""
        self._pulls = 0
        """Pulls that were sent."""
        self._requested = 0
        """Messages that open pulls may still deliver."""
        self._pull_bytes = PULL_BYTES
        self._received_at_last_cut = 0
        """`_received` when a pull last ended because of its limit of bytes."""
        self._no_responders = 0
        """Pulls that the consumer has answered with "no responders"."""
        self._has_no_responders = False
        """Whether the last one has, so that the next one waits."""
        self._problem: ConsumerLostError | None = None
        """Why the consumer cannot be used any more; None while it can."""

    async def fetch(self) -> Sequence[StoredMessage]:
        """Return the next messages, which may be a `Batch`; an empty list at the end of the stream.

        Raises ConsumerLostError, ConsumerStalledError, PermissionDeniedError, ConnectionFailedError.
        """
        checks = 0
        idle = RetryDelay(MIN_IDLE_SECONDS, MAX_IDLE_SECONDS)
        idle_seconds = idle.next()
        while True:
            self._arrived.clear()
            messages = self._accept_arrived()
            if self._has_no_responders:
                self._has_no_responders = False
                await asyncio.sleep(NO_RESPONDERS_SECONDS)
            if self._inbox.failed is None and not (self._problem or self.at_end):
                await self._pull()
            if messages:
                return messages
            if isinstance(self._inbox.failed, AuditorError):
                raise self._inbox.failed
            if self._problem is not None:
                raise self._problem
            if self._inbox.failed:
                raise MessageLostError("the connection to NATS was lost")
            if self.at_end:
                return []
            try:
                async with asyncio.timeout(idle_seconds):
                    await self._arrived.wait()
            except TimeoutError:
                checks += 1
                await self._check_idle(checks)
                idle_seconds = idle.next()

    def _accept_arrived(self) -> Sequence[StoredMessage]:
        """Return the next batch that has arrived, or all messages before it.

        They end at the first message that is out of order or not one of JetStream's. What arrived after it is dropped.
        """
        waiting = self._waiting
        waiting.extend(self._inbox.take())
        messages: Sequence[StoredMessage] = []
        while waiting and not messages and not self._problem:
            if isinstance(waiting[0], tuple):
                messages = self._accept_messages()
            else:
                messages = self._accept_batch(cast("Batch", waiting.popleft()))
        if self._problem:
            waiting.clear()
        return messages

    def _accept_batch(self, batch: Batch) -> Sequence[StoredMessage]:
        """Return a batch if it continues what was received."""
        if batch.first_consumer_seq != self._received + 1:
            self._problem = self._lost_after(self._received)
            return []
        if batch.first_seq <= self._last_seq:
            self._problem = _impossible()
            return []
        self._received += len(batch)
        self._requested -= len(batch)
        self._last_seq = batch.last_seq
        self.at_end = batch.pending == 0
        return batch

    def _accept_messages(self) -> list[StoredMessage]:
        """Return the messages that wait before the next batch."""
        waiting = self._waiting
        messages: list[StoredMessage] = []
        prefix, received, last_seq, pending = self._prefix, self._received, self._last_seq, b""
        while waiting and isinstance(waiting[0], tuple):
            subject, reply, headers, payload = waiting[0]
            waiting.popleft()
            if not reply.startswith(prefix):
                if reply:
                    prefix = self._learn_prefix(reply)
                else:
                    self._handle_status(headers, received)
                if self._problem:
                    break
                if not reply:
                    continue
            try:
                seq_token, consumer_token, time_token, pending = reply[len(prefix) :].split(b".", 3)
                seq, consumer_seq, time_ns = int(seq_token), int(consumer_token), int(time_token)
            except ValueError:
                self._problem = MessageLostError("a message arrived without its sequence in the reply subject")
                break
            if consumer_seq != received + 1:
                self._problem = self._lost_after(received)
                break
            if not (last_seq < seq <= MAX_NUMBER and -MAX_NUMBER <= time_ns <= MAX_NUMBER):
                self._problem = _impossible()
                break
            received += 1
            last_seq = seq
            messages.append(StoredMessage(seq, time_ns, subject, headers, payload))
        self._received, self._last_seq = received, last_seq
        self._requested -= len(messages)
        if self._requested < 0:  # pulls without an end would follow
            self._problem = self._problem or ConsumerLostError(
                "the server answers for more messages than were requested"
            )
        if messages and not self._problem:
            self.at_end = pending.partition(b".")[0] == b"0"  # a random token may follow
        return messages

    def _lost_after(self, received: int) -> MessageLostError:
        """Return the error that messages are missing after the first `received` messages of this consumer."""
        kind = OneAnswerError if 0 < received <= self._pulls < self._batch else MessageLostError
        return kind("messages were lost on the way")

    def _learn_prefix(self, reply: bytes) -> bytes:
        """Return `$JS.ACK.<stream>.<consumer>.1.` or `$JS.ACK.<domain>.<account>.<stream>.<consumer>.1.`."""
        before, marker, _ = reply.partition(f".{self._stream}.{self._name}.1.".encode())
        if not marker or not before.startswith(b"$JS.ACK"):
            self._problem = ConsumerLostError("a message that is not from the consumer arrived in its inbox")
        self._prefix = before + marker
        self._client.cut_into_batches(self._inbox, self._prefix)
        return self._prefix

    def _handle_status(self, headers: bytes | None, received: int) -> None:
        """Handle a status of the server about a pull."""
        status = STATUS.match(headers or b"")
        if status is not None and status[1] == b"503" and not received and self._no_responders < MAX_NO_RESPONDERS:
            self._no_responders += 1
            self._has_no_responders = True
            self._requested = max(0, self._requested - self._batch)
            return
        undelivered = UNDELIVERED.search(headers or b"")
        if status is None or undelivered is None or status[2] not in (COMPLETED, TOO_LARGE):
            said = status[0].decode(errors="replace") if status else "without a status"
            self._problem = ConsumerLostError(f"the server ended a pull ({said})")
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
            subject = f"{self._client.api_prefix}.CONSUMER.MSG.NEXT.{self._stream}.{self._name}"
            await self._client.request_into(self._inbox, subject, json.dumps(request).encode())
            self._requested += self._batch
            self._pulls += 1

    async def _check_idle(self, checks: int) -> None:
        """Find out from the consumer info why no message arrives. `checks`: calls since the last message, with this one."""
        info = await consumer_info(self._client, self._stream, self._name)
        if self._inbox.messages:
            return
        if info is None:
            self._problem = ConsumerLostError("the consumer does not exist any more")
        elif info.delivered.consumer_seq != self._received:
            self._problem = self._lost_after(self._received)
        elif info.num_pending == 0:
            self.at_end = True
        elif info.num_waiting == 0:
            self._problem = ConsumerLostError("the server has dropped a pull")
        elif await self._is_stalled(checks) and not self._inbox.messages:
            raise ConsumerStalledError(f"the server delivers nothing after sequence {self._last_seq}")

    async def _is_stalled(self, checks: int) -> bool:
        """Return whether the leader of the stream finds no message to deliver next, although some are pending."""
        if self._copy is not None:
            return checks >= IDLE_CHECKS_OF_A_COPY
        if not can_ask_for_next(self._subjects):
            return checks >= IDLE_CHECKS_OF_A_FILTER
        if checks < IDLE_CHECKS_BEFORE_STALL:
            return False
        subject = self._subjects[0] if self._subjects else ">"
        following = self._last_seq + 1
        return await get_message(self._client, self._stream, seq=following, next_by_subj=subject) is None
