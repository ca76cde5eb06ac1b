"""Declares what a pass uses outside: the audited stream, the quarantine stream and the saved state.

The adapters in `auditor.jetstream` have the methods of these protocols, and the same contract tests as those in memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence

    from auditor.core.history.audit_history import LoadedHistory
    from auditor.core.history.saved_state import EncodedState
    from auditor.core.model.actor_types import ActorTypes
    from auditor.core.model.findings import Kind
    from auditor.core.model.message import StoredMessage, StreamInfo
    from auditor.core.model.quarantine_entry import QuarantineEntry, QuarantineResult
    from auditor.core.replicas.census import CopyCount
    from auditor.core.state.acceptance import Acceptance
    from auditor.core.state.checkpoint import CheckedOut, CheckpointKind


class Source(Protocol):
    """The audited stream, read only (`auditor.jetstream.reading.stream_source.StreamSource`)."""

    async def info(self, *, lost: bool = False) -> StreamInfo:
        """The current stream info; with `lost`, what the server reports as lost is in it.

        Raises StreamNotFoundError, PermissionDeniedError, ConnectionFailedError.
        """

    def read(
        self, pinned: StreamInfo, *, first_seq: int, last_seq: int, subjects: Sequence[str] = (), max_rate: int = 0
    ) -> AsyncGenerator[Sequence[StoredMessage]]:
        """Yield each readable message from `first_seq` to `last_seq` once, in stream order, in batches.

        `subjects`: only messages on these subjects, without wildcards; empty for all. `max_rate`: messages a second, 0 for
        no limit. After a lost connection it continues without losing a message. Raises StreamNotFoundError if the stream is
        deleted, StreamRecreatedError if its creation time is not that of `pinned`, and WalkIncompleteError if the stream now
        ends before the last sequence of `pinned`.
        """

    def of_copy(self, name: str) -> Source:
        """Return a source whose `read` reads the copy of this server, of a replicated stream.

        It raises CopyAbsentError if the copy cannot be read. After an interruption it continues with the same copy.
        """

    async def count_copies(self, names: Iterable[str], subject: str = "") -> Mapping[str, CopyCount | str]:
        """Return the first and last sequence and the count of the copies of these servers; for an absent one, the reason.

        The count is taken before the last sequence. `subject`, without a wildcard: count only messages on it.
        """

    def can_filter(self, subjects: Sequence[str]) -> bool:
        """Return whether the server can filter by `subjects`. If not, a walk reads all of the stream."""

    async def count(self, subject: str) -> int:
        """Return how many messages the server counts on `subject`, which has no wildcard."""

    async def subjects(self, subjects: str) -> Sequence[str]:
        """The subjects with messages that match `subjects`; of very many, some. Raises as `info`."""

    async def deleted(self, pinned: StreamInfo) -> tuple[StreamInfo, Sequence[tuple[int, int]]]:
        """Return the current stream info, and the ranges (first, last) of sequences that it lists as deleted."""

    async def is_readable(self, seq: int) -> bool:
        """Return whether the server can read the message at `seq`."""

    async def get(self, seq: int) -> StoredMessage | None:
        """Return the message at `seq`; None if the server cannot read it. Its subject may have U+FFFD for invalid bytes."""

    async def last_on(self, subject: str) -> StoredMessage | None:
        """Return the last message on `subject`, which has no wildcard; None if there is none."""

    async def first_on(self, subject: str, seq: int) -> StoredMessage | None:
        """Return the first message from `seq` on with `subject`, which has no wildcard; None if there is none."""


class Quarantine(Protocol):
    """The quarantine stream (`auditor.jetstream.quarantine.writer.QuarantineWriter`)."""

    async def submit(self, entry: QuarantineEntry) -> None:
        """Send one record. Waits while many are in flight, but not after the quarantine stream refused one. Never raises."""

    async def flush(self) -> QuarantineResult:
        """Wait until no record is in flight. Returns the counts of those submitted since the last call. Never raises."""


class StateStore(Protocol):
    """The saved state of one audit (`auditor.jetstream.state.state_store.JetStreamStateStore`)."""

    @property
    def saves(self) -> bool:
        """Return whether `save` saves anything."""

    async def load_history(self) -> LoadedHistory:
        """Load the state that was saved last. Returns its history.

        A saved history that cannot be used is not replaced, and the result gives the reason. A saved checkpoint that cannot be
        used is ignored and logged. Raises StateNewerError for state of a later version, and the AuditorErrors of a request.
        """

    async def load_acceptances(self) -> dict[Kind, Acceptance]:
        """Return the current acceptances. Raises as `load_history`."""

    async def replace_acceptances(self, accepted: dict[Kind, Acceptance]) -> None:
        """Replace the acceptances that `load_acceptances` returned.

        Raises StateError if they have changed since, and the AuditorErrors of a request.
        """

    async def check_out(self, kind: CheckpointKind) -> CheckedOut | None:
        """Return the newest checkpoint of that kind, which then only the caller uses; None if there is none.

        It is the one that was put back, or else the one that the last `load_history` found. Raises as `load_history`.
        """

    async def save(self, encoded: EncodedState) -> None:
        """Replace the saved state. The history is kept in memory even if that fails.

        Raises StateConflictError if another process has saved since `load_history`, and other AuditorErrors. The saved state
        then stays as it was.
        """

    def put_back(self, checked_out: CheckedOut) -> None:
        """Keep this checkpoint in memory for the next `check_out`. The caller must not use it afterwards.

        The checkpoint may be unsaved. It is dropped if one of its kind is saved, or if another process has saved.
        """


@dataclass(frozen=True, slots=True)
class PassPorts:
    """The ports of a pass, and what else it uses outside."""

    source: Source
    quarantine: Quarantine | None
    """None for a pass that stores no records."""
    quarantine_prefix: str | None
    """Subject prefix of quarantine records, for findings to name their record; None for a report that names none."""
    state: StateStore | None
    """None for a pass that reads and saves no state."""
    actor_types: ActorTypes
    """The label values of the audit, which its passes share."""
    clock: Callable[[], int]
    """Returns nanoseconds since 1970."""
    steady_clock: Callable[[], int]
    """Returns nanoseconds of a clock that is never set."""
