"""A stream and a side stream in memory, with everything that can happen to them on command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from auditor.core.history.audit_history import Chronicle
from auditor.core.model.message import StoredMessage, StreamState
from auditor.core.model.quarantine_entry import Evidence, Settled
from auditor.core.model.ranges import normalized
from auditor.core.model.subject_filter import Scope
from auditor.core.state.codec import packed, unpacked
from auditor.errors import AuditorError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence

    from auditor.core.model.findings import Kind
    from auditor.core.state.acceptance import Acceptance
    from auditor.core.state.checkpoint import Memory, Packed, Part


class MemoryStream:
    """The `Source` of auditor/scan/ports.py over a list."""

    def __init__(self, stored: Iterable[tuple[str | bytes, bytes]] = (), *, batch: int = 3) -> None:
        self.messages: dict[int, StoredMessage] = {}
        self.unreadable: set[int] = set()
        """Stored by the stream's own account, delivered to nobody."""
        self.forgotten: set[int] = set()
        """Stored and readable, and yet not delivered: a walk with a fault."""
        self.first_seq, self.last_seq = 1, 0
        self.created_ns = 7_000_000_000
        self.config: dict[str, object] = {}
        self.batch = batch
        self.fails_at: dict[int, Exception] = {}
        """By sequence: what a walk raises instead of delivering it."""
        self.silent: dict[str, Exception] = {}
        """By method: what `deleted` or `is_stored` raises."""
        self.on_batch: Callable[[], object] = lambda: None
        """Called before each batch of a walk."""
        self.append(*stored)

    def append(self, *stored: tuple[str | bytes, bytes]) -> None:
        for subject, data in stored:
            self.last_seq += 1
            raw = subject if isinstance(subject, bytes) else subject.encode()
            self.messages[self.last_seq] = StoredMessage(self.last_seq, self.last_seq, raw, None, data)

    def delete(self, *seqs: int) -> None:
        for seq in seqs:
            self.messages.pop(seq, None)

    def purge(self, up_to: int) -> None:
        """Remove everything up to `up_to`: the head moves."""
        self.messages = {seq: message for seq, message in self.messages.items() if seq > up_to}
        self.first_seq = max(self.first_seq, up_to + 1)

    def roll_back(self, last_seq: int) -> None:
        """Restore what was there when the stream ended at `last_seq`."""
        self.messages = {seq: message for seq, message in self.messages.items() if seq <= last_seq}
        self.last_seq = last_seq

    async def pin(self) -> StreamState:
        stored = len(self.messages)
        deleted = self.last_seq - self.first_seq + 1 - stored
        return StreamState(
            "S", self.created_ns, self.first_seq, self.last_seq, stored, deleted, config=dict(self.config)
        )

    async def walk(
        self, pinned: StreamState, *, first_seq: int, last_seq: int, subjects: Sequence[str] = (), max_rate: int = 0
    ) -> AsyncGenerator[Sequence[StoredMessage]]:
        scope = Scope(subjects or [">"])
        at = first_seq
        while at <= last_seq:
            self.on_batch()
            batch = []
            while at <= last_seq and len(batch) < self.batch:
                if at in self.fails_at:
                    if batch:
                        yield batch
                    raise self.fails_at[at]
                message = self.messages.get(at)
                if message and at not in self.unreadable | self.forgotten and scope.covers(message.subject):
                    batch.append(message)
                at += 1
            if batch:
                yield batch

    async def deleted(self, pinned: StreamState) -> tuple[StreamState, Sequence[tuple[int, int]]]:
        self._answer("deleted")
        gone = [(seq, seq) for seq in range(self.first_seq, self.last_seq + 1) if seq not in self.messages]
        return await self.pin(), normalized(gone)

    def can_filter(self, subjects: Sequence[str]) -> bool:
        return not any("\x7f" in subject for subject in subjects)

    async def count(self, subject: str) -> int:
        self._answer("count")
        return sum(message.subject == subject.encode() for message in self.messages.values())

    async def is_stored(self, seq: int) -> bool:
        self._answer("is_stored")
        return seq in self.messages and seq not in self.unreadable

    async def get(self, seq: int) -> StoredMessage | None:
        return None if seq in self.unreadable else self.messages.get(seq)

    async def last_on(self, subject: str) -> StoredMessage | None:
        found = [each for at, each in self.messages.items() if at not in self.unreadable]
        return next((each for each in reversed(found) if each.subject == subject.encode()), None)

    async def first_on(self, subject: str, seq: int) -> StoredMessage | None:
        found = [each for at, each in self.messages.items() if at >= seq and at not in self.unreadable]
        return next((each for each in found if each.subject == subject.encode()), None)

    def _answer(self, method: str) -> None:
        if method in self.silent:
            raise self.silent[method]


class MemoryQuarantine:
    """The `Quarantine` of auditor/scan/ports.py over a dictionary; `refuses` says why it takes nothing."""

    def __init__(self, refuses: str | None = None) -> None:
        self.records: dict[str, Evidence] = {}
        self.refuses = refuses
        self.on_put: Callable[[], object] = lambda: None
        self._stored = self._already = self._failed = 0

    async def put(self, evidence: Evidence) -> None:
        self.on_put()
        if self.refuses:
            self._failed += 1
        elif evidence.key in self.records:
            self._already += 1
        else:
            self.records[evidence.key] = evidence
            self._stored += 1

    async def settle(self) -> Settled:
        settled = Settled(self._stored, self._already, self._failed, self.refuses if self._failed else None)
        self._stored = self._already = self._failed = 0
        return settled


class MemoryKeeper:
    """The `Keeper` of auditor/scan/ports.py: what is kept are bytes, and what is held is given back once."""

    def __init__(self, *, refuses: AuditorError | None = None) -> None:
        self.kept: dict[str, bytes] = {}
        self.acceptances: dict[Kind, Acceptance] = {}
        self.refuses = refuses
        self.on_save: Callable[[], object] = lambda: None
        self.saves = 0
        self.problem: str | None = None
        self._chronicle = Chronicle()
        self._recalled: Memory | None = None
        self._held: dict[Part, Memory] = {}

    async def open(self) -> Chronicle:
        kept = self.kept.get("chronicle")
        self._chronicle = Chronicle() if kept is None else msgspec.msgpack.decode(kept, type=Chronicle)
        return self._chronicle

    async def accepted(self) -> dict[Kind, Acceptance]:
        return dict(self.acceptances)

    async def recall(self, part: Part) -> Memory | None:
        if part in self._held:
            return self._held.pop(part)  # saved or not; if it was, `pack` knows
        self._recalled = None if part not in self.kept else unpacked(self.kept[part])
        return self._recalled

    async def pack(self, changed: Mapping[Part, Memory | None]) -> Packed:
        for part, memory in changed.items():
            self._held.pop(part, None)
            self._recalled = memory or self._recalled
        ready: dict[str, bytes | None] = {"chronicle": msgspec.msgpack.encode(self._chronicle)}
        return {**ready, **{part: None if memory is None else packed(memory) for part, memory in changed.items()}}

    async def save(self, packed: Packed) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.saves += 1
        self.kept.update(packed)
        self.kept = {part: data for part, data in self.kept.items() if data is not None}
        self.on_save()

    def hold(self, memory: Memory) -> None:
        self._held[memory.part] = memory

    def is_saved(self, memory: Memory) -> bool:
        return memory is self._recalled


class GoneError(AuditorError):
    """The stream went away."""
