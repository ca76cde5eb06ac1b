"""Computes a digest for each 4,096 sequences of a copy, so that copies can be compared without keeping their messages.

The digest of a chunk covers sequence, time, subject, headers and body of each message. Two streams whose messages should be equal can be
compared in the same way as two copies of one.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from struct import Struct
from typing import TYPE_CHECKING

import msgspec

from auditor.speedups import compiled

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from auditor.core.model.message import StoredMessage

CHUNK_SIZE = 1 << 12
"""Sequences in one chunk. Chunk n begins at sequence n * CHUNK_SIZE."""
DIGEST_SIZE = 16
ENTRY_SIZE = DIGEST_SIZE + 8
"""Bytes that are kept of a chunk: the digest, and the number of messages."""
EMPTY = bytes(ENTRY_SIZE)

_FIELDS = Struct(">QqIqI")
"""Sequence, time, and the lengths of subject, headers (-1: none) and body."""


class CopyDigests(msgspec.Struct, forbid_unknown_fields=True):
    """The digests of one copy from `first_seq` up to `next_seq`, exclusive. Part of a checkpoint."""

    first_seq: int
    next_seq: int
    entries: bytes = b""
    """One entry for each chunk, from that of `first_seq` on. The last chunk may be incomplete."""

    @property
    def count(self) -> int:
        """Messages that were read."""
        starts = range(DIGEST_SIZE, len(self.entries), ENTRY_SIZE)
        return sum(int.from_bytes(self.entries[at : at + ENTRY_SIZE - DIGEST_SIZE], "big") for at in starts)

    def whole_chunks(self) -> CopyDigests:
        """Returns the digests without an incomplete last chunk, from where reading can continue."""
        chunks = self.next_seq // CHUNK_SIZE - self.first_seq // CHUNK_SIZE
        if chunks <= 0:
            return CopyDigests(self.first_seq, self.first_seq)
        next_seq = self.next_seq // CHUNK_SIZE * CHUNK_SIZE
        return CopyDigests(self.first_seq, next_seq, self.entries[: chunks * ENTRY_SIZE])

    def chunks(self) -> Iterator[tuple[int, bytes]]:
        """Yields the number and the entry of each chunk."""
        first = self.first_seq // CHUNK_SIZE
        for at in range(0, len(self.entries), ENTRY_SIZE):
            yield first + at // ENTRY_SIZE, self.entries[at : at + ENTRY_SIZE]


def chunk_range(number: int) -> tuple[int, int]:
    """Returns the first and the last sequence of a chunk."""
    return number * CHUNK_SIZE, (number + 1) * CHUNK_SIZE - 1


def message_bytes(message: StoredMessage) -> bytes:
    """Returns what the digests of a message are computed from; it is unequal for unequal messages."""
    return digested_bytes([message])


def digested_bytes(messages: Sequence[StoredMessage]) -> bytes:
    """Returns `message_bytes` of all messages, joined."""
    if compiled is not None and isinstance(messages, compiled.Batch):
        return messages.digested_bytes()  # type: ignore[no-any-return]
    return b"".join(_parts(messages))


def message_digest(message: StoredMessage) -> bytes:
    """Returns the digest of one message."""
    return hashlib.sha256(message_bytes(message)).digest()[:DIGEST_SIZE]


class ChunkDigester:
    """Computes the digests of a copy whose messages are passed in stream order."""

    def __init__(self, before: CopyDigests) -> None:
        """`before`: whole chunks, from whose end reading continues."""
        self._first_seq = before.first_seq
        self._entries = bytearray(before.entries)
        self._next_seq = before.next_seq
        self._end = chunk_range(before.next_seq // CHUNK_SIZE)[1]
        """The last sequence of the open chunk."""
        self._hash = hashlib.sha256()
        self._count = 0

    def add(self, messages: Sequence[StoredMessage]) -> None:
        """Add messages. None may be before `next_seq`."""
        at = 0
        while at < len(messages):
            if messages[at].seq > self._end:
                self._close_before(messages[at].seq)
            end = len(messages)
            if messages[-1].seq > self._end:
                end = bisect_right(messages, self._end, lo=at, key=_seq)
            self._hash.update(digested_bytes(messages[at:end]))
            self._count += end - at
            at = end
        if messages:
            self._next_seq = messages[-1].seq + 1

    @property
    def whole_chunks(self) -> CopyDigests:
        """The chunks that are complete."""
        return self._digests(max(self._first_seq, self._end - CHUNK_SIZE + 1), b"")

    def finish(self, last_seq: int) -> CopyDigests:
        """Returns the digests after everything up to `last_seq` was read."""
        if last_seq > self._end:
            self._close_before(last_seq)
        return self._digests(max(self._next_seq, last_seq + 1), self._entry())

    def _digests(self, next_seq: int, open_entry: bytes) -> CopyDigests:
        return CopyDigests(self._first_seq, next_seq, bytes(self._entries) + open_entry)

    def _entry(self) -> bytes:
        if not self._count:
            return EMPTY
        return self._hash.digest()[:DIGEST_SIZE] + self._count.to_bytes(ENTRY_SIZE - DIGEST_SIZE, "big")

    def _close_before(self, seq: int) -> None:
        """Close the open chunk and those without messages up to that of `seq`."""
        self._entries += self._entry()
        number = seq // CHUNK_SIZE
        self._entries += EMPTY * (number - self._end // CHUNK_SIZE - 1)
        self._end = chunk_range(number)[1]
        self._next_seq = max(self._next_seq, number * CHUNK_SIZE)
        self._hash = hashlib.sha256()
        self._count = 0


def _parts(messages: Iterable[StoredMessage]) -> Iterator[bytes]:
    pack = _FIELDS.pack
    for seq, time_ns, subject, headers, data in map(_fields, messages):
        if headers is None:
            yield pack(seq, time_ns, len(subject), -1, len(data))
        else:
            yield pack(seq, time_ns, len(subject), len(headers), len(data))
        yield subject
        if headers:
            yield headers
        yield data


def _seq(message: StoredMessage) -> int:
    return message.seq


def _fields(message: StoredMessage) -> tuple[int, int, bytes, bytes | None, bytes]:
    return message.seq, message.time_ns, message.subject, message.headers, message.data
