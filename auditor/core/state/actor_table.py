"""Keeps one row for each actor: the first and the last version with their sequences, and its last good snapshot.

`PythonTable` and `CompiledTable` are twins. Both hold the rows in the order in which they were added.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from auditor.aether.gojson.decode import fast_event, fast_snapshot
from auditor.aether.subjects import actor_key
from auditor.core.state.actor_rows import (
    HAS_ACTOR,
    HAS_ANOMALIES,
    HAS_BAD_SNAPSHOT,
    HAS_SNAPSHOT,
    MAX_KEY_SIZE,
    NEEDS_EXAMINER,
    OWN_ID,
    Row,
    decode_rows,
    encode_rows,
    second_token,
)
from auditor.speedups import compiled

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from auditor.core.model.message import StoredMessage

WATCHED = HAS_ANOMALIES | NEEDS_EXAMINER | HAS_BAD_SNAPSHOT
"""The flags that `set_flags` sets."""
_HAS_ACTOR_OR_NEEDS_EXAMINER = HAS_ACTOR | NEEDS_EXAMINER


class Actor(msgspec.Struct, array_like=True, gc=False):
    """The first and the last version of an actor, and their sequences."""

    id: str
    """The actorId of the first event."""
    first_version: int
    first_seq: int
    last_version: int
    last_seq: int
    """The sequence of the event with `last_version`."""


class Taken(NamedTuple):
    """The result of `take`."""

    at: int
    """Index of the first message that was not taken."""
    events: int
    snapshots: int


class PythonTable:
    """The rows in a dictionary."""

    def __init__(self) -> None:
        self._rows: dict[bytes, Row] = {}
        self._order: list[bytes] = []
        """The keys of `_rows`, so that a chunk of rows is found without counting to it."""

    def take(
        self,
        messages: Sequence[StoredMessage],
        at: int,
        event_prefix: bytes,
        snapshot_prefix: bytes,
        until: int,
        takes_new: bool,  # noqa: FBT001 - the compiled twin has no keywords
    ) -> Taken:
        """Enter messages from index `at` on while they are ordinary and their sequences at most `until`.

        Ordinary are the next event of an actor, the first event of an actor without anomalies, and a good snapshot where no bad
        one is. First events are taken only with `takes_new`, and snapshots only with a `snapshot_prefix`. Which messages are taken
        may depend on the twin. The table after `take` and `Examiner.examine` of the rest does not.
        """
        begin, snapshots, cut, count = at, 0, len(event_prefix), len(messages)
        rows = self._rows.get
        while at < count:
            message = messages[at]
            subject = message.subject
            if message.seq > until or len(subject) > MAX_KEY_SIZE:
                break
            if not subject.startswith(event_prefix):
                if not snapshot_prefix or not subject.startswith(snapshot_prefix):
                    break
                if not self._take_snapshot(subject[len(snapshot_prefix) :], message):
                    break
                snapshots += 1
                at += 1
                continue
            key = subject[cut:]
            row = rows(key)
            if row is None or row.flags & _HAS_ACTOR_OR_NEEDS_EXAMINER != HAS_ACTOR:
                if not takes_new or not self._take_first_event(key, row, message):
                    break
                at += 1
                continue
            try:
                event = fast_event(message.data)
            except Exception:  # noqa: BLE001 - `examine` raises it again
                break
            if event is None or event.version != row.last_version + 1 or event.actor_id != row.id:
                break
            row.last_version = event.version
            row.last_seq = message.seq
            at += 1
        return Taken(at, at - begin - snapshots, snapshots)

    def _take_first_event(self, key: bytes, row: Row | None, message: StoredMessage) -> bool:
        if row is not None and row.flags & (HAS_ANOMALIES | NEEDS_EXAMINER):
            return False
        event = _attempt(fast_event, message.data)
        if event is None or event.version < 1 or not event.actor_id or actor_key(event.actor_id).encode() != key:
            return False
        self.put_actor(key, event.actor_id, event.version, message.seq, event.version, message.seq)
        return True

    def _take_snapshot(self, key: bytes, message: StoredMessage) -> bool:
        row = self._rows.get(key)
        if row is not None and row.flags & HAS_BAD_SNAPSHOT:
            return False
        snapshot = _attempt(fast_snapshot, message.data)
        if snapshot is None or not snapshot.actor_id or actor_key(snapshot.actor_id).encode() != key:
            return False
        self.put_snapshot(key, message.seq, snapshot.version)
        return True

    def actor(self, key: bytes) -> tuple[str, int, int, int, int] | None:
        """Return the fields of `Actor`; None if there is no actor with this key."""
        row = self._rows.get(key)
        if row is None or not row.flags & HAS_ACTOR:
            return None
        return row.id, row.first_version, row.first_seq, row.last_version, row.last_seq

    def snapshot(self, key: bytes) -> tuple[int, int] | None:
        """Return the sequence and the version of the last snapshot; None if there is none or it is bad."""
        row = self._rows.get(key)
        if row is None or not row.flags & HAS_SNAPSHOT:
            return None
        return row.snapshot_seq, row.snapshot_version

    def put_actor(
        self, key: bytes, actor_id: str, first_version: int, first_seq: int, last_version: int, last_seq: int
    ) -> None:
        """Set the fields of an actor. Raises OverflowError for a key or an id of a mebibyte."""
        own = actor_id.encode()
        if len(own) > MAX_KEY_SIZE:
            raise OverflowError("the table of actors has no place for this actor id")
        row = self._row(key)
        row.flags = (row.flags | HAS_ACTOR) & ~OWN_ID
        if own != second_token(key):
            row.flags |= OWN_ID
        row.id, row.first_version, row.first_seq = actor_id, first_version, first_seq
        row.last_version, row.last_seq = last_version, last_seq

    def put_snapshot(self, key: bytes, seq: int, version: int) -> None:
        """Set the last snapshot, which is good."""
        row = self._row(key)
        row.flags |= HAS_SNAPSHOT
        row.snapshot_seq, row.snapshot_version = seq, version

    def remove_actor(self, key: bytes) -> None:
        """Remove what `put_actor` set."""
        if row := self._rows.get(key):
            row.flags &= ~(HAS_ACTOR | OWN_ID)
            row.id, row.first_version, row.first_seq, row.last_version, row.last_seq = "", 0, 0, 0, 0

    def remove_snapshot(self, key: bytes) -> None:
        """Remove what `put_snapshot` set."""
        if row := self._rows.get(key):
            row.flags &= ~HAS_SNAPSHOT
            row.snapshot_seq = row.snapshot_version = 0

    def set_flags(self, key: bytes, mask: int, flags: int) -> None:
        """Set those flags of `WATCHED` that are in `mask` as they are in `flags`."""
        mask &= WATCHED
        if flags & mask or key in self._rows:
            row = self._row(key)
            row.flags = row.flags & ~mask | flags & mask

    def _row(self, key: bytes) -> Row:
        row = self._rows.get(key)
        if row is None:
            if len(key) > MAX_KEY_SIZE:
                raise OverflowError("the table of actors has no place for this actor key")
            row = self._add(key, Row())
        return row

    def _add(self, key: bytes, row: Row) -> Row:
        self._rows[key] = row
        self._order.append(key)
        return row

    def _chunk(self, first: int, count: int) -> list[tuple[bytes, Row]]:
        return [(key, self._rows[key]) for key in self._order[first : first + count]]

    def keys(self, first: int, count: int, flags: int, without: int) -> list[bytes]:
        """Return the keys of rows `first` to `first + count` that have one of `flags` and none of `without`."""
        return [key for key, row in self._chunk(first, count) if row.flags & flags and not row.flags & without]

    def unusual(self, first_version: int) -> list[bytes]:
        """Return the keys of the actors that are not healthy whatever happened in the stream besides their messages."""
        return [
            key
            for key, row in self._rows.items()
            if row.flags & HAS_ACTOR
            and (
                row.flags & (HAS_ANOMALIES | HAS_BAD_SNAPSHOT)
                or row.first_version > first_version
                or (row.flags & HAS_SNAPSHOT and row.snapshot_version > row.last_version)
            )
        ]

    def between(self, first_before: int, last_from: int) -> list[bytes]:
        """Return the keys of the actors with a first sequence below `first_before` and a last one from `last_from` on."""
        return [
            key
            for key, row in self._rows.items()
            if row.flags & HAS_ACTOR and row.first_seq < first_before and row.last_seq >= last_from
        ]

    def drop_snapshots_before(self, first_seq: int) -> None:
        """Remove every snapshot below a sequence."""
        for key, row in self._rows.items():
            if row.flags & HAS_SNAPSHOT and row.snapshot_seq < first_seq:
                self.remove_snapshot(key)

    def dump(self, first: int, count: int) -> bytes:
        """Encode rows `first` to `first + count`. Both twins return the same bytes."""
        return encode_rows(self._chunk(first, count))

    def load(self, data: bytes) -> None:
        """Add the rows that `dump` encoded. Raises ValueError if the bytes are damaged or a key is there already."""
        for key, row in decode_rows(data):
            if key in self._rows:
                raise ValueError("rows of actors do not decode")
            self._add(key, row)

    @property
    def row_count(self) -> int:
        """The number of rows, with empty ones."""
        return len(self._rows)

    @property
    def actor_count(self) -> int:
        """The number of actors."""
        return sum(row.flags & HAS_ACTOR for row in self._rows.values())

    @property
    def snapshot_count(self) -> int:
        """The number of last snapshots that are good."""
        return sum(row.flags & HAS_SNAPSHOT != 0 for row in self._rows.values())


def _attempt(decode: Any, body: bytes) -> Any:
    """Decode a body; None if it needs `Examiner.examine`."""
    try:
        return decode(body)
    except Exception:  # noqa: BLE001 - `examine` raises it again
        return None


if TYPE_CHECKING:
    ActorTable = PythonTable
else:
    ActorTable = PythonTable if compiled is None else compiled.Table

CHUNK = 20_000
"""Rows that are encoded, or whose keys are made, at a time: about a millisecond."""


def keys_of(table: ActorTable, flags: int, without: int = 0) -> Iterator[bytes]:
    """Yield the keys of all rows that have one of `flags` and none of `without`."""
    for first in range(0, table.row_count, CHUNK):
        yield from table.keys(first, CHUNK, flags, without)


def same_rows(one: ActorTable, other: ActorTable) -> bool:
    """Return whether two tables have the same rows, in any order."""
    return _rows(one) == _rows(other)


def _rows(table: ActorTable) -> dict[bytes, Row]:
    chunks = (table.dump(first, CHUNK) for first in range(0, table.row_count, CHUNK))
    return {key: row for chunk in chunks for key, row in decode_rows(chunk)}
