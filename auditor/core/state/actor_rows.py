"""Encodes rows of a table of actors as bytes and decodes them, column by column. `speedups/rows.c` is the compiled twin.

    number of rows (4 bytes), flags (1 byte for each row), sizes of the keys (4), first versions (8), first sequences (8), last
    versions (8), last sequences (8), versions of snapshots (8), sequences of snapshots (8), sizes of the ids of rows with
    OWN_ID (4), keys, ids of rows with OWN_ID

A column of numbers begins with the lowest byte of each, and ends with the highest byte of each, so that it compresses well. What
an actor does not have is 0. Empty rows are left out.
"""

from __future__ import annotations

import sys
from array import array
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

HAS_ACTOR: Final = 1
"""The row has an id, and the versions and sequences of events."""
HAS_SNAPSHOT: Final = 2
"""It has the version and the sequence of the last snapshot, which is good."""
HAS_ANOMALIES: Final = 4
NEEDS_EXAMINER: Final = 8
"""The next event of the actor is not ordinary, whatever it is."""
HAS_BAD_SNAPSHOT: Final = 16
OWN_ID: Final = 32
"""The id is not the second token of the actor key."""
ALL_FLAGS: Final = 63

MAX_KEY_SIZE: Final = (1 << 20) - 1
"""Bytes of the longest actor key or id."""
COUNT_SIZE: Final = 4
NUMBERS: Final = ("first_version", "first_seq", "last_version", "last_seq", "snapshot_version", "snapshot_seq")
DAMAGED: Final = "rows of actors do not decode"


class Row(msgspec.Struct, gc=False):
    """The state of one actor."""

    flags: int = 0
    id: str = ""
    first_version: int = 0
    first_seq: int = 0
    last_version: int = 0
    last_seq: int = 0
    snapshot_version: int = 0
    snapshot_seq: int = 0


def second_token(key: bytes) -> bytes:
    """Return the part of an actor key behind its first dot; the whole key if it has none."""
    before, dot, after = key.partition(b".")
    return after if dot else before


def encode_rows(rows: Iterable[tuple[bytes, Row]]) -> bytes:
    """Encode the rows that are not empty."""
    kept = [(key, row) for key, row in rows if row.flags]
    keys = [key for key, _ in kept]
    ids = [row.id.encode() for _, row in kept if row.flags & OWN_ID]
    return b"".join(
        [
            len(kept).to_bytes(COUNT_SIZE, "little"),
            bytes([row.flags for _, row in kept]),
            _planes("I", list(map(len, keys))),
            _planes("q", [row.first_version for _, row in kept]),
            _planes("q", [row.first_seq for _, row in kept]),
            _planes("q", [row.last_version for _, row in kept]),
            _planes("q", [row.last_seq for _, row in kept]),
            _planes("q", [row.snapshot_version for _, row in kept]),
            _planes("q", [row.snapshot_seq for _, row in kept]),
            _planes("I", list(map(len, ids))),
            *keys,
            *ids,
        ]
    )


def decode_rows(data: bytes) -> Iterator[tuple[bytes, Row]]:
    """Yield the rows that `encode_rows` encoded. Raises ValueError."""
    reader = _Reader(data)
    count = int.from_bytes(reader.take(COUNT_SIZE), "little")
    flags = reader.take(count)
    key_sizes = reader.numbers("I", count)
    columns = [reader.numbers("q", count) for _ in NUMBERS]
    if not all(0 < each <= ALL_FLAGS and (each & HAS_ACTOR or not each & OWN_ID) for each in flags):
        raise ValueError(DAMAGED)
    id_sizes = reader.numbers("I", sum([each & OWN_ID != 0 for each in flags]))
    if sum(key_sizes) + sum(id_sizes) != reader.left or max([*key_sizes, *id_sizes], default=0) > MAX_KEY_SIZE:
        raise ValueError(DAMAGED)
    keys = [reader.take(size) for size in key_sizes]
    ids = iter([reader.take(size).decode() for size in id_sizes])
    for key, flag, *numbers in zip(keys, flags, *columns, strict=True):
        actor_id = ""
        if flag & HAS_ACTOR:
            actor_id = next(ids) if flag & OWN_ID else second_token(key).decode()
        yield key, Row(flag, actor_id, *numbers)


def _planes(kind: str, numbers: Sequence[int]) -> bytes:
    """Return a column of numbers as bytes, the lowest byte of each first."""
    column = array(kind, numbers)
    if sys.byteorder == "big":
        column.byteswap()
    data, size = column.tobytes(), column.itemsize
    return b"".join([data[plane::size] for plane in range(size)])


class _Reader:
    """Takes bytes and columns. Each method raises ValueError if there are fewer."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def take(self, size: int) -> bytes:
        if size > self.left:
            raise ValueError(DAMAGED)
        self._at += size
        return self._data[self._at - size : self._at]

    def numbers(self, kind: str, count: int) -> array[int]:
        column = array(kind)
        size = column.itemsize
        planes = self.take(count * size)
        data = bytearray(count * size)
        for plane in range(size):
            data[plane::size] = planes[plane * count : (plane + 1) * count]
        column.frombytes(data)
        if sys.byteorder == "big":
            column.byteswap()
        return column
