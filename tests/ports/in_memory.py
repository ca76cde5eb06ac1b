"""The ports of a pass in memory, with faults that a test can cause."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import msgspec

from auditor.core.history.audit_history import AuditHistory, LoadedHistory
from auditor.core.model.message import NO_LOSS, Peer, StoredMessage, StreamInfo
from auditor.core.model.quarantine_entry import QuarantineEntry, QuarantineResult
from auditor.core.model.ranges import merged
from auditor.core.model.subject_filter import SubjectFilter
from auditor.core.replicas.census import CopyCount
from auditor.core.state.checkpoint import CheckedOut
from auditor.core.state.codec import decode_checkpoint
from auditor.errors import (
    AuditorError,
    CopyAbsentError,
    StateConflictError,
    StateNewerError,
    StreamNotFoundError,
    StreamRecreatedError,
    WalkIncompleteError,
    WrongAnswerError,
)
from auditor.jetstream.state.state_store import HISTORY_PART

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable, Sequence

    from auditor.core.history.saved_state import EncodedState
    from auditor.core.model.findings import Kind
    from auditor.core.state.acceptance import Acceptance
    from auditor.core.state.checkpoint import CheckpointKind


class InMemorySource:
    """The `Source` of auditor/scan/ports.py over a dictionary."""

    def __init__(self, stored: Iterable[tuple[str | bytes, bytes]] = (), *, batch: int = 3) -> None:
        self.messages: dict[int, StoredMessage] = {}
        self.unreadable: set[int] = set()
        """Counted by the stream info and never delivered."""
        self.first_seq, self.last_seq = 1, 0
        self.created_ns = 7_000_000_000
        self.config: dict[str, object] = {}
        self.account = ""
        self.lost = NO_LOSS
        """What the server reports as lost."""
        self.contradiction: str | None = None
        self.batch = batch
        self.is_there = True
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
        self.first_seq = min(self.messages, default=self.last_seq + 1)

    def purge(self, up_to: int) -> None:
        """Remove all messages up to the sequence `up_to`."""
        self.delete(*[seq for seq in self.messages if seq <= up_to])

    def roll_back(self, last_seq: int) -> None:
        """Remove all messages after `last_seq`, as the restore of an older backup does."""
        self.messages = {seq: message for seq, message in self.messages.items() if seq <= last_seq}
        self.last_seq = last_seq
        self.delete()

    def recreate(self) -> None:
        """Delete the stream and create it again, empty."""
        self.messages, self.first_seq, self.last_seq = {}, 1, 0
        self.created_ns += 1

    async def info(self, *, lost: bool = False) -> StreamInfo:
        self._find()
        stored = len(self.messages)
        deleted = self.last_seq - self.first_seq + 1 - stored
        return StreamInfo(
            "S",
            self.created_ns,
            self.first_seq,
            self.last_seq,
            stored,
            deleted,
            first_time_ns=self.messages[self.first_seq].time_ns if self.messages else 0,
            lost=self.lost if lost else NO_LOSS,
            contradiction=self.contradiction,
            account=self.account if lost else "",
            config=dict(self.config),
        )

    async def read(
        self, pinned: StreamInfo, *, first_seq: int, last_seq: int, subjects: Sequence[str] = (), max_rate: int = 0
    ) -> AsyncGenerator[Sequence[StoredMessage]]:
        scope = SubjectFilter(subjects or [">"])
        at, last_seq = max(first_seq, pinned.first_seq), min(last_seq, pinned.last_seq)
        while at <= last_seq:
            self.on_batch()
            self._check(pinned)
            batch = []
            while at <= last_seq and len(batch) < self.batch:
                message = self.messages.get(at)
                if message and at not in self.unreadable and scope.matches(message.subject):
                    batch.append(message)
                at += 1
            if batch:
                yield batch

    async def deleted(self, pinned: StreamInfo) -> tuple[StreamInfo, Sequence[tuple[int, int]]]:
        state = await self.info()
        self._check_created(pinned)
        if state.contradiction is not None:
            raise WrongAnswerError(state.contradiction)
        gone = [(seq, seq) for seq in range(self.first_seq, self.last_seq + 1) if seq not in self.messages]
        return state, merged(gone)

    def of_copy(self, name: str) -> InMemorySource:
        raise AssertionError(f"a stream with one copy has none on {name}")

    async def count_copies(self, names: Iterable[str], subject: str = "") -> dict[str, CopyCount | str]:
        raise AssertionError("a stream with one copy counts no copies")

    def can_filter(self, subjects: Sequence[str]) -> bool:
        """Return whether the subjects are within the limits of the real source."""
        return len(subjects) <= 1_000 and all(
            "\f" not in subject and "\x7f" not in subject and len(subject.encode()) <= 3_500 for subject in subjects
        )

    async def subjects(self, subjects: str) -> Sequence[str]:
        self._find()
        wanted = SubjectFilter([subjects])
        stored = dict.fromkeys(each.subject for each in self.messages.values())
        return [subject.decode(errors="replace") for subject in stored if wanted.matches(subject)]

    async def count(self, subject: str) -> int:
        self._find()
        return sum(message.subject == subject.encode() for message in self.messages.values())

    async def is_readable(self, seq: int) -> bool:
        return await self.get(seq) is not None

    async def get(self, seq: int) -> StoredMessage | None:
        self._find()
        return None if seq in self.unreadable else self.messages.get(seq)

    async def last_on(self, subject: str) -> StoredMessage | None:
        return next(reversed(self._on(subject)), None)

    async def first_on(self, subject: str, seq: int) -> StoredMessage | None:
        return next((each for each in self._on(subject) if each.seq >= seq), None)

    def _on(self, subject: str) -> list[StoredMessage]:
        self._find()
        return [
            each for at, each in self.messages.items() if each.subject == subject.encode() and at not in self.unreadable
        ]

    def _find(self) -> None:
        if not self.is_there:
            raise StreamNotFoundError("stream S does not exist")

    def _check(self, pinned: StreamInfo) -> None:
        self._find()
        self._check_created(pinned)
        if self.last_seq < pinned.last_seq:
            raise WalkIncompleteError(
                f"stream S now ends at sequence {self.last_seq}, before {pinned.last_seq} where it ended"
            )

    def _check_created(self, pinned: StreamInfo) -> None:
        if self.created_ns != pinned.created_ns:
            raise StreamRecreatedError("stream S was deleted and created again during this pass: start a new pass")


class FaultySource(InMemorySource):
    """An `InMemorySource` with faults; without faults it fulfils the contract, too."""

    def __init__(self, stored: Iterable[tuple[str | bytes, bytes]] = (), *, batch: int = 3) -> None:
        super().__init__(stored, batch=batch)
        self.forgotten: set[int] = set()
        """Stored and readable, but not delivered."""
        self.fails_at: dict[int, Exception] = {}
        """By sequence: what a walk raises instead of delivering the message."""
        self.silent: dict[str, Exception] = {}
        """By method: what `deleted`, `count`, `get` or `is_readable` raises."""

    async def read(
        self, pinned: StreamInfo, *, first_seq: int, last_seq: int, subjects: Sequence[str] = (), max_rate: int = 0
    ) -> AsyncGenerator[Sequence[StoredMessage]]:
        at, last_seq = max(first_seq, pinned.first_seq), min(last_seq, pinned.last_seq)
        ends_at = min((seq for seq in self.fails_at if at <= seq <= last_seq), default=last_seq + 1)
        async with aclosing(
            super().read(pinned, first_seq=first_seq, last_seq=last_seq, subjects=subjects, max_rate=max_rate)
        ) as batches:
            async for batch in batches:
                if kept := [each for each in batch if each.seq < ends_at and each.seq not in self.forgotten]:
                    yield kept
                if batch[-1].seq >= ends_at:
                    break
        if ends_at <= last_seq:
            raise self.fails_at[ends_at]

    async def deleted(self, pinned: StreamInfo) -> tuple[StreamInfo, Sequence[tuple[int, int]]]:
        self._answer("deleted")
        return await super().deleted(pinned)

    async def subjects(self, subjects: str) -> Sequence[str]:
        self._answer("subjects")
        return await super().subjects(subjects)

    async def count(self, subject: str) -> int:
        self._answer("count")
        return await super().count(subject)

    async def get(self, seq: int) -> StoredMessage | None:
        self._answer("get")
        return await super().get(seq)

    async def is_readable(self, seq: int) -> bool:
        self._answer("is_readable")
        return await super().is_readable(seq)

    def _answer(self, method: str) -> None:
        if method in self.silent:
            raise self.silent[method]


class CopyInMemory(FaultySource):
    """The copy of one server."""

    def __init__(self, stored: Iterable[tuple[str | bytes, bytes]] = ()) -> None:
        super().__init__(stored)
        self.absent: str | None = None
        """Why it cannot be read."""
        self.reads = 0
        """Walks that began."""

    def swap(self, seq: int, data: bytes) -> None:
        """Replace the body of a message."""
        self.messages[seq] = msgspec.structs.replace(self.messages[seq], data=data)

    def counted(self, subject: str) -> CopyCount | str:
        if self.absent is not None:
            return self.absent
        stored = [each for each in self.messages.values() if subject in ("", each.subject.decode(errors="replace"))]
        return CopyCount(self.first_seq, self.last_seq, len(stored))

    async def read(
        self, pinned: StreamInfo, *, first_seq: int, last_seq: int, subjects: Sequence[str] = (), max_rate: int = 0
    ) -> AsyncGenerator[Sequence[StoredMessage]]:
        self.reads += 1
        own = replace(pinned, last_seq=min(pinned.last_seq, self.last_seq))
        batches = super().read(own, first_seq=first_seq, last_seq=last_seq, subjects=subjects, max_rate=max_rate)
        async with aclosing(batches):
            async for batch in batches:
                if self.absent is not None:
                    raise CopyAbsentError(self.absent)
                yield batch
        if self.absent is not None:
            raise CopyAbsentError(self.absent)


class ReplicatedSource(InMemorySource):
    """A stream with a copy on each of three servers. It has the messages of its leader's copy."""

    def __init__(
        self, stored: Iterable[tuple[str | bytes, bytes]] = (), names: Iterable[str] = ("n1", "n2", "n3")
    ) -> None:
        self.copies = {name: CopyInMemory() for name in names}
        self.leader = next(iter(self.copies))
        self.replicas = len(self.copies)
        self.not_current: set[str] = set()
        super().__init__(stored)

    def append(self, *stored: tuple[str | bytes, bytes]) -> None:
        super().append(*stored)
        for copy in self.copies.values():
            copy.append(*stored)

    def delete(self, *seqs: int) -> None:
        super().delete(*seqs)
        for copy in self.copies.values():
            copy.delete(*seqs)

    async def info(self, *, lost: bool = False) -> StreamInfo:
        led = self.copies[self.leader]
        self.messages, self.unreadable = led.messages, led.unreadable
        self.first_seq, self.last_seq = led.first_seq, led.last_seq
        peers = (Peer(name, is_current=name not in self.not_current) for name in self.copies)
        info = await super().info(lost=lost)
        return replace(info, replicas=self.replicas, leader=self.leader, peers=tuple(peers))

    def of_copy(self, name: str) -> CopyInMemory:
        return self.copies[name]

    async def count_copies(self, names: Iterable[str], subject: str = "") -> dict[str, CopyCount | str]:
        return {name: self.copies[name].counted(subject) for name in names}


class InMemoryQuarantine:
    """The `Quarantine` of auditor/scan/ports.py over a dictionary; `refuses` is the reason why it refuses every record."""

    def __init__(self, refuses: str | None = None, *, records: dict[str, QuarantineEntry] | None = None) -> None:
        """`records`: the records by key, which several instances can share."""
        self.records: dict[str, QuarantineEntry] = {} if records is None else records
        self.refuses = refuses
        self.on_put: Callable[[], object] = lambda: None
        self._stored = self._already = self._failed = 0

    async def submit(self, entry: QuarantineEntry) -> None:
        self.on_put()
        if self.refuses:
            self._failed += 1
        elif entry.key in self.records:
            self._already += 1
        else:
            self.records[entry.key] = entry
            self._stored += 1

    async def flush(self) -> QuarantineResult:
        result = QuarantineResult(self._stored, self._already, self._failed, self.refuses if self._failed else None)
        self._stored = self._already = self._failed = 0
        return result


@dataclass
class SavedState:
    """The saved parts, the format of each, which store saved last, and how many saves were made."""

    parts: dict[str, bytes] = field(default_factory=dict)
    formats: dict[str, int] = field(default_factory=dict)
    """The formats of parts that a later version saved; other parts have the current format."""
    writer: object | None = None
    generation: int = 0


class InMemoryStateStore:
    """The `StateStore` of auditor/scan/ports.py over a dictionary of bytes."""

    def __init__(
        self, *, refuses: AuditorError | None = None, saved: SavedState | None = None, saves: bool = True
    ) -> None:
        """`refuses`: what every save raises. `saved`: the saved state, which several stores can share."""
        self.saved = SavedState() if saved is None else saved
        self.saves = saves
        self.acceptances: dict[Kind, Acceptance] = {}
        self.refuses = refuses
        self.on_save: Callable[[], object] = lambda: None
        self.saves_made = 0
        self.problem: str | None = None
        self._seen = 0
        """The generation that this store loaded or saved last."""
        self._history: AuditHistory | None = None
        self._in_memory: dict[CheckpointKind, CheckedOut] = {}

    @property
    def parts(self) -> dict[str, bytes]:
        """The saved bytes by part."""
        return self.saved.parts

    async def load_history(self) -> LoadedHistory:
        for part, number in self.saved.formats.items():
            raise StateNewerError(f"{part} has format {number}")
        self._seen = self.saved.generation
        if not self.saved.parts:
            self._in_memory = {kind: replace(each, is_saved=False) for kind, each in self._in_memory.items()}
        elif self.saved.writer is not self:
            self._in_memory.clear()
            self._history = None
        if self._history is None:
            saved = self.saved.parts.get(HISTORY_PART)
            self._history = AuditHistory() if saved is None else msgspec.msgpack.decode(saved, type=AuditHistory)
        return LoadedHistory(self._history, self.problem)

    async def load_acceptances(self) -> dict[Kind, Acceptance]:
        return dict(self.acceptances)

    async def replace_acceptances(self, accepted: dict[Kind, Acceptance]) -> None:
        self.acceptances = dict(accepted)

    async def check_out(self, kind: CheckpointKind) -> CheckedOut | None:
        if kind in self._in_memory:
            return self._in_memory.pop(kind)
        if kind not in self.saved.parts:
            return None
        return CheckedOut(decode_checkpoint(self.saved.parts[kind]), is_saved=True)

    async def save(self, encoded: EncodedState) -> None:
        self._history = encoded.history
        for kind in encoded.checkpoints:
            self._in_memory.pop(kind, None)
        if self.refuses is not None:
            raise self.refuses
        if self._seen != self.saved.generation:
            raise StateConflictError("another process has saved or removed the state")
        self.saves_made += 1
        self.saved.generation += 1
        self._seen, self.saved.writer = self.saved.generation, self
        self.saved.parts[HISTORY_PART] = msgspec.msgpack.encode(encoded.history)
        for kind, checkpoint in encoded.checkpoints.items():
            if checkpoint is None:
                self.saved.parts.pop(kind, None)
            else:
                self.saved.parts[kind] = checkpoint.data
        self.on_save()

    def put_back(self, checked_out: CheckedOut) -> None:
        self._in_memory[checked_out.checkpoint.kind] = checked_out


class GoneError(AuditorError):
    """The stream was deleted."""
