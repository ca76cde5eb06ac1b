"""Reads every readable message of a range exactly once and in order, also across restarts of a server.

One consumer delivers the messages. If anything is out of order, a new consumer continues after the last message. The walk steps
over blocks that the server cannot read, and over single messages that never arrive.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from auditor.core.model.subject_filter import SubjectFilter
from auditor.errors import (
    AuditorError,
    ConnectionFailedError,
    StreamRecreatedError,
    WalkIncompleteError,
    WrongAnswerError,
)
from auditor.jetstream.api import get_message, stream_info
from auditor.jetstream.reading.pull_consumer import (
    BATCH,
    ConsumerLostError,
    ConsumerStalledError,
    MessageLostError,
    OneAnswerError,
    can_ask_for_next,
    first_delivered,
    pull_consumer,
)
from auditor.jetstream.reading.stream_info import stream_info_of
from auditor.jetstream.reading.unreadable import next_found, next_readable
from auditor.retry_delay import RetryDelay

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from auditor.core.model.message import StoredMessage, StreamInfo
    from auditor.jetstream.api_client import ApiClient
    from auditor.jetstream.reading.pull_consumer import PullConsumer

MIN_DELAY_SECONDS, MAX_DELAY_SECONDS = 0.05, 2.0
"""Bounds of the delay before a new consumer. The delay doubles with every consumer that delivers nothing."""
GIVE_UP_SECONDS = 60.0
"""Time without a message, while connected, before the walk is given up. A cluster elects a leader in far less."""
LOSSES_BEFORE_SINGLE = 3
"""Losses at one place after which messages are requested one at a time, so that the lost one is known."""
LOSSES_BEFORE_STEP = 6
"""Losses at one place after which the walk continues behind the message."""
NEXT_SECONDS = 1.0
"""Time to wait for a message behind the end of the range, if there are some."""
MAX_STEPS = 10
"""Messages that never arrive and are stepped over in one walk."""
MAX_STALLS = 100
"""Blocks that the server cannot read and that are stepped over in one walk."""
MAX_SINGLE_ANSWERS = 3
"""Consumers in a row of which one message for each pull arrived, although they sent more, after which the walk is given up."""
OPEN_PULLS = 2
"""Pulls that a consumer has open at most."""
MAX_STALLS_OF_COPY = 20
"""As above in the copy of one server, where some hundred consumers find the end of one block."""
MAX_BREAKS = 20
"""Connections lost one after the other, without a message, after which the walk is given up."""


async def ordered_walk(
    client: ApiClient,
    pinned: StreamInfo,
    *,
    first_seq: int,
    last_seq: int,
    subjects: Sequence[str] = (),
    batch: int = BATCH,
    copy: str | None = None,
    unreadable: list[tuple[int, int]] | None = None,
) -> AsyncGenerator[Sequence[StoredMessage]]:
    """As `Source.read` in auditor/scan/ports.py. Without a connection it waits until there is one, without a limit.

    `copy`: the server whose copy it reads; any if None. After an interruption it continues with the same copy.
    `unreadable`: ranges in which the copy is known to be unreadable and which are skipped; more are added.
    Raises WalkIncompleteError also at the end, if messages never arrived; it names their sequences.
    """
    following, unreadable = first_seq, [] if unreadable is None else unreadable
    wanted = None  # a filter that is applied here instead of by the server
    retries, stepper = _Retries(client, batch), _Stepper(client, pinned.name, last_seq, copy, unreadable)
    while following <= last_seq:
        if skipped := next((last for first, last in unreadable if first <= following <= last), None):
            following = skipped + 1
            continue
        try:
            async with pull_consumer(
                client, pinned.name, start_seq=following, subjects=subjects, batch=retries.batch, copy=copy
            ) as consumer:
                # Requested after the consumer exists: a consumer ends with its stream, so it is one of this stream.
                check_same(stream_info_of(pinned.name, await stream_info(client, pinned.name)), pinned)
                while following <= last_seq:
                    messages = await consumer.fetch()
                    if not messages:
                        following = last_seq + 1
                        break
                    following = messages[-1].seq + 1
                    retries.reset(len(messages))
                    if following > last_seq + 1:
                        messages = [message for message in messages if message.seq <= last_seq]
                    if wanted is not None:
                        messages = [message for message in messages if wanted.matches(message.subject)]
                    if messages:
                        yield messages
                    if following > pinned.last_seq:
                        await _check_end(client, consumer, pinned, following - 1)
        except ConsumerStalledError:
            if not can_ask_for_next(subjects):
                wanted, subjects = SubjectFilter(tuple(subjects)), ()
            else:
                following = await stepper.after_stall(following, subjects)
        except MessageLostError as error:
            if await retries.has_lost(error):
                if not can_ask_for_next(subjects):
                    wanted, subjects = SubjectFilter(tuple(subjects)), ()
                else:
                    following = await stepper.after_loss(following, subjects, error)
        except (ConnectionFailedError, ConsumerLostError) as error:
            await retries.wait(error)
    stepper.check_complete()


class _Retries:
    """Waits before each new consumer, and gives up after `GIVE_UP_SECONDS` or `MAX_BREAKS` without a message."""

    def __init__(self, client: ApiClient, batch: int) -> None:
        self._client = client
        self._batch = batch
        self._delay = RetryDelay(MIN_DELAY_SECONDS, MAX_DELAY_SECONDS)
        self._failing_since: float | None = None
        self._losses = self._breaks = self._single_answers = 0

    @property
    def batch(self) -> int:
        """Messages that one pull requests: one at a time once messages were lost repeatedly."""
        return self._batch if self._losses < LOSSES_BEFORE_SINGLE else 1

    def reset(self, arrived: int) -> None:
        """Start again, because `arrived` messages have arrived."""
        if arrived > OPEN_PULLS:
            self._single_answers = 0
        self._restart_clock()
        self._losses = self._breaks = 0

    def _restart_clock(self) -> None:
        self._delay.reset()
        self._failing_since = None

    async def has_lost(self, error: MessageLostError) -> bool:
        """Wait after `error`. Return whether the message was lost so often that the walk has to step over it."""
        self._losses += 1
        self._single_answers = self._single_answers + 1 if isinstance(error, OneAnswerError) else 0
        if self._single_answers >= MAX_SINGLE_ANSWERS:
            raise WalkIncompleteError(
                "only one message arrives for each pull: where another account exports its JetStream API to this one, export"
                " CONSUMER.MSG.NEXT with response_type: stream"
            ) from error
        await self.wait(error)
        if self._losses < LOSSES_BEFORE_STEP:
            return False
        self._losses = LOSSES_BEFORE_SINGLE
        self._breaks = 0
        self._restart_clock()
        return True

    async def wait(self, error: AuditorError) -> None:
        """Wait after `error`, and for the connection if it is lost. Raises WalkIncompleteError to give up."""
        if not self._client.is_connected:
            self._breaks += 1
            if self._breaks >= MAX_BREAKS:
                raise WalkIncompleteError(
                    f"the connection to NATS was lost {self._breaks} times without a message in between: {error}"
                ) from error
            await self._client.wait_connected()
            self._restart_clock()
            return
        now = asyncio.get_running_loop().time()
        if self._failing_since is None:
            self._failing_since = now
        elif now - self._failing_since > GIVE_UP_SECONDS:
            raise WalkIncompleteError(f"no message for {GIVE_UP_SECONDS:.0f} s: {error}") from error
        await asyncio.sleep(self._delay.next())


class _Stepper:
    """Finds where a walk continues behind what it cannot read, a bounded number of times."""

    def __init__(
        self, client: ApiClient, stream: str, last_seq: int, copy: str | None, unreadable: list[tuple[int, int]]
    ) -> None:
        self._client = client
        self._stream = stream
        self._last_seq = last_seq
        self._copy = copy
        self._unreadable = unreadable
        self._stalls = 0
        self._lost: list[int] = []
        """The sequences of the messages that never arrived."""
        self._error: MessageLostError | None = None

    async def after_stall(self, following: int, subjects: Sequence[str]) -> int:
        """Return the first sequence from which the server reads again. Raises WalkIncompleteError after `MAX_STALLS` calls."""
        self._stalls += 1
        if self._copy is not None:
            return await self._after_stall_of_copy(self._copy, following, subjects)
        if self._stalls > MAX_STALLS:
            raise WalkIncompleteError(
                f"the server stopped delivering at more than {MAX_STALLS} places, the last one at sequence {following}"
            )
        try:
            subject = subjects[0] if subjects else ">"
            return await next_readable(
                self._client, self._stream, subject, first_seq=following, last_seq=self._last_seq
            )
        except ConnectionFailedError:
            return following  # the next consumer stalls, too

    async def _after_stall_of_copy(self, copy: str, following: int, subjects: Sequence[str]) -> int:
        """As `after_stall`, for the copy of one server: a consumer for each sequence finds where it is readable again."""
        if self._stalls > MAX_STALLS_OF_COPY:
            raise WalkIncompleteError(
                f"its server stopped delivering at more than {MAX_STALLS_OF_COPY} places, the last one at sequence {following}"
            )

        async def find(seq: int) -> int | None:
            return await first_delivered(self._client, self._stream, copy, start_seq=seq, subjects=subjects)

        following_readable = await next_found(find, first_seq=following, last_seq=self._last_seq)
        self._unreadable.append((following, following_readable - 1))
        return following_readable

    async def after_loss(self, following: int, subjects: Sequence[str], error: MessageLostError) -> int:
        """Return the sequence behind the message that does not arrive. Raises WalkIncompleteError after `MAX_STEPS` calls."""
        subject, lost = subjects[0] if subjects else ">", following
        try:
            message = await get_message(self._client, self._stream, seq=following, next_by_subj=subject)
            lost = message.seq if message is not None else following
        except AuditorError:
            pass  # it may break the connection in this way, too
        self._lost.append(lost)
        self._error = error
        if len(self._lost) > MAX_STEPS:
            self.check_complete()
        return lost + 1

    def check_complete(self) -> None:
        """Raise WalkIncompleteError if messages never arrived."""
        if self._lost:
            seqs = ", ".join(map(str, self._lost))
            raise WalkIncompleteError(
                f"messages did not arrive although they were requested repeatedly, at sequence {seqs} ({self._error}):"
                " check what is between the auditor and the server"
            ) from self._error


async def _check_end(client: ApiClient, consumer: PullConsumer, pinned: StreamInfo, delivered_seq: int) -> None:
    """Raise WrongAnswerError if the server delivers messages behind the end that its stream info has.

    `delivered_seq`: the sequence of the last message, which the range of `pinned` ends at or before.
    """
    if delivered_seq == pinned.last_seq:
        if consumer.at_end:
            return
        try:
            async with asyncio.timeout(NEXT_SECONDS):
                following = await consumer.fetch()
        except (TimeoutError, AuditorError):
            return
        if not following:
            return
        delivered_seq = following[-1].seq
    now = stream_info_of(pinned.name, await stream_info(client, pinned.name))
    if now.last_seq < delivered_seq and now.created_ns == pinned.created_ns:
        raise WrongAnswerError(
            f"the server delivered sequence {delivered_seq} of stream {pinned.name}, and its stream info ends at sequence"
            f" {now.last_seq}: check which server answers"
        )


def check_same(now: StreamInfo, pinned: StreamInfo) -> None:
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
