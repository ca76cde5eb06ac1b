"""Batches of stored messages, as one consumer delivered them.

The compiled twin of `ListBatch` makes the objects of its messages only when they are asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.core.model.message import StoredMessage
from auditor.speedups import compiled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.core.model.ranges import Ranges


class ListBatch(list[StoredMessage]):
    """At least one message, with ascending sequences. A slice is an ordinary list."""

    __slots__ = ("first_consumer_seq", "pending")

    def __init__(self, messages: Sequence[StoredMessage], first_consumer_seq: int, pending: int) -> None:
        super().__init__(messages)
        self.first_consumer_seq = first_consumer_seq
        """The consumer sequence of the first message. Those of the others follow without a gap."""
        self.pending = pending
        """How many messages the consumer had to deliver after the last one."""

    @property
    def first_seq(self) -> int:
        """The sequence of the first message."""
        return self[0].seq

    @property
    def last_seq(self) -> int:
        """The sequence of the last message."""
        return self[-1].seq

    @property
    def data_bytes(self) -> int:
        """Bytes of all bodies."""
        return data_bytes(self)

    def missing_from(self, first: int) -> Ranges:
        """Return the sequences from `first` to the last message that are not in the batch."""
        return missing_from(self, first)


if TYPE_CHECKING:
    Batch = ListBatch
else:
    Batch = ListBatch if compiled is None else compiled.Batch


def data_bytes(messages: Sequence[StoredMessage]) -> int:
    """Return the bytes of all bodies."""
    if compiled is not None and isinstance(messages, Batch):
        return messages.data_bytes
    return sum([len(message.data) for message in messages])


def missing_from(messages: Sequence[StoredMessage], first: int) -> Ranges:
    """Return the sequences from `first` to the last message that are not in `messages`, which are in stream order."""
    missing: Ranges = []
    if messages[-1].seq - first + 1 == len(messages):
        return missing
    if compiled is not None and isinstance(messages, Batch):
        return messages.missing_from(first)
    for message in messages:
        if message.seq != first:
            missing.append((first, message.seq - 1))
        first = message.seq + 1
    return missing
