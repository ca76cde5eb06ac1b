"""What a pass uses outside: the audited stream, the quarantine stream and the saved state.

The adapters in `auditor.jetstream` have the methods of these protocols, and the same contract tests as those in memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from auditor.core.history.audit_history import LoadedHistory
    from auditor.core.history.saved_state import EncodedState
    from auditor.core.model.actor_types import ActorTypes
    from auditor.core.model.findings import Kind
    from auditor.core.model.message import StoredMessage, StreamInfo
    from auditor.core.model.quarantine_entry import QuarantineEntry, QuarantineResult
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
        """Every readable message from `first_seq` to `last_seq`, each exactly once, in stream order, in batches.

        `subjects`: only messages on these, without wildcards; all when empty. `max_rate`: messages a second, 0 for no
        limit. Connection loss costs time, not messages. Raises StreamNotFoundError when the stream goes,
        StreamRecreatedError when its creation time is not the pinned one, WalkIncompleteError when the stream's end
        falls below the pinned one.
        """

    def can_filter(self, subjects: Sequence[str]) -> bool:
        """Whether the server can find the messages on `subjects`; if not, a walk reads all of the stream for them."""

    async def count(self, subject: str) -> int:
        """How many messages are stored on `subject`, which has no wildcard, by the stream's own account."""

    async def subjects(self, subjects: str) -> Sequence[str]:
        """The subjects with messages that match `subjects`; of very many, some. Raises as `info`."""

    async def deleted(self, pinned: StreamInfo) -> tuple[StreamInfo, Sequence[tuple[int, int]]]:
        """The stream's account now, and the ranges (first, last) of sequences it lists as deleted."""

    async def is_readable(self, seq: int) -> bool:
        """Whether the server can read the message at `seq`."""

    async def get(self, seq: int) -> StoredMessage | None:
        """The message at `seq`, its subject perhaps with U+FFFD; None if the server cannot read it."""

    async def last_on(self, subject: str) -> StoredMessage | None:
        """The last message on `subject`, which has no wildcard; None if the server finds none."""

    async def first_on(self, subject: str, seq: int) -> StoredMessage | None:
        """The first message on `subject`, which has no wildcard, from `seq` on; None if the server finds none."""


class Quarantine(Protocol):
    """The quarantine stream (`auditor.jetstream.quarantine.writer.QuarantineWriter`)."""

    async def submit(self, entry: QuarantineEntry) -> None:
        """Send one record. Waits while many are in flight, but not once the quarantine stream has refused one. Never raises."""

    async def flush(self) -> QuarantineResult:
        """Wait until no record is in flight; what became of those submitted since the last call. Never raises."""


class StateStore(Protocol):
    """The saved state of one audit (`auditor.jetstream.state.state_store.JetStreamStateStore`)."""

    @property
    def saves(self) -> bool:
        """Whether `save` saves anything."""

    async def load_history(self) -> LoadedHistory:
        """Read what was saved last; its history.

        A saved history that cannot be used is not replaced: the result says why. A saved checkpoint that cannot be used is
        ignored, and logged. Raises StateNewerError for what a later version saved, and the AuditorErrors of a request.
        """

    async def load_acceptances(self) -> dict[Kind, Acceptance]:
        """The acceptances as of now. Raises as `load_history`."""

    async def check_out(self, kind: CheckpointKind) -> CheckedOut | None:
        """The newest checkpoint of that kind, which the caller then owns; None if there is none.

        It is the one that was put back, else the one that was saved as of the last `load_history`. Raises as that.
        """

    async def save(self, encoded: EncodedState) -> None:
        """Replace what was saved last. The history is kept in memory even if that fails.

        Raises StateConflictError if another process has saved since `load_history`, and other AuditorErrors; what was saved
        last then stays.
        """

    def put_back(self, checked_out: CheckedOut) -> None:
        """Keep this checkpoint in memory for the next `check_out`. The caller must not use it afterwards.

        It need not be saved. It is dropped when a checkpoint of its kind is saved, or when another process has saved.
        """


@dataclass(frozen=True, slots=True)
class PassPorts:
    """Everything outside that a pass uses."""

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
