"""What a pass needs of the outside: the audited stream, the side stream, and somewhere to keep its memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from auditor.core.history.audit_history import AuditHistory
    from auditor.core.model.findings import Kind
    from auditor.core.model.message import StoredMessage, StreamState
    from auditor.core.model.quarantine_entry import QuarantineEntry, QuarantineResult
    from auditor.core.state.acceptance import Acceptance
    from auditor.core.state.checkpoint import Checkpoint, CheckpointKind, EncodedState


class Source(Protocol):
    """The audited stream, read only (`auditor.jetstream.reading.stream_source.StreamSource`)."""

    async def info(self) -> StreamState:
        """The stream's account of itself, now. Raises StreamNotFoundError, PermissionDeniedError, ConnectionFailedError."""

    def read(
        self, pinned: StreamState, *, first_seq: int, last_seq: int, subjects: Sequence[str] = (), max_rate: int = 0
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

    async def deleted(self, pinned: StreamState) -> tuple[StreamState, Sequence[tuple[int, int]]]:
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
    """The side stream (`auditor.jetstream.quarantine.writer.QuarantineWriter`)."""

    async def submit(self, evidence: QuarantineEntry) -> None:
        """Send one record. Waits while many are in flight, but not on a side stream that has begun to refuse. Never raises."""

    async def flush(self) -> QuarantineResult:
        """Wait until nothing is in flight; what became of every record put since the last call. Never raises."""


class StateStore(Protocol):
    """Keeps what an audit remembers (`auditor.jetstream.state.state_store.JetStreamStateStore`)."""

    async def open(self) -> AuditHistory:
        """See what was saved last; its chronicle, for the caller to change.

        A saved chronicle that cannot be used is not replaced: `problem` then says so. A saved part that cannot be used is
        as if it were not there, and a line in the log. Raises StateNewerError for what a later version saved, and the
        AuditorErrors of a request.
        """

    @property
    def problem(self) -> str | None:
        """Why the saved chronicle cannot be used, in one line; None if it can. As of the last `open`."""

    async def accepted(self) -> dict[Kind, Acceptance]:
        """What operators accepted, as of now. Raises as `open`."""

    async def check_out(self, part: CheckpointKind) -> Checkpoint | None:
        """That part of what was saved last, for the caller to change; None if there is none. Raises as `open`."""

    async def pack(self, changed: Mapping[CheckpointKind, Checkpoint | None]) -> EncodedState:
        """The chronicle and these parts as they are now (None: to be forgotten), ready to be saved."""

    async def save(self, encoded: EncodedState) -> None:
        """Have that in place of what was saved last.

        Raises StateConflictError if somebody else has saved since `open`, and other AuditorErrors; what was saved last
        stays.
        """

    def put_back(self, memory: Checkpoint) -> None:
        """Spare the next `check_out` the reading: this is the newest of its part, and nobody changes it until then.

        It need not have been saved. Once a part is packed, what was held of it is forgotten.
        """

    def is_saved(self, memory: Checkpoint) -> bool:
        """Whether `memory` is what was saved last, if nothing has happened to it since it was recalled."""
