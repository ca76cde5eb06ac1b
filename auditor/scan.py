"""One pass of one audit. The order of effects lives here, and nowhere else:

pin -> walk -> judge -> quarantine confirmed -> report.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from auditor.core.evidence import Evidence, Settled
    from auditor.core.message import StoredMessage, StreamState


class Source(Protocol):
    """The audited stream, read only (`auditor.jetstream.source.StreamSource`)."""

    async def pin(self) -> StreamState:
        """The stream's account of itself, now. Raises StreamNotFoundError, PermissionDeniedError, ConnectionFailedError."""

    def walk(
        self, pinned: StreamState, *, first_seq: int, last_seq: int, subjects: Sequence[str] = (), max_rate: int = 0
    ) -> AsyncIterator[Sequence[StoredMessage]]:
        """Every readable message from `first_seq` to `last_seq`, each exactly once, in stream order, in batches.

        `subjects`: only messages on these (NATS filters), all when empty. `max_rate`: messages a second, 0 for no
        limit. Connection loss costs time, not messages. Raises StreamNotFoundError when the stream goes,
        StreamRecreatedError when its creation time is not the pinned one, WalkCutShortError when the stream's end
        falls below the pinned one.
        """

    async def deleted(self, pinned: StreamState) -> tuple[StreamState, Sequence[tuple[int, int]]]:
        """The stream's account now, and the ranges (first, last) of sequences it lists as deleted."""

    async def is_stored(self, seq: int) -> bool:
        """Whether the server can read the message at `seq`."""


class Quarantine(Protocol):
    """The side stream (`auditor.jetstream.quarantine.QuarantineStream`)."""

    async def put(self, evidence: Evidence) -> None:
        """Send one record. Waits while many are in flight, but not on a side stream that has begun to refuse. Never raises."""

    async def settle(self) -> Settled:
        """Wait until nothing is in flight; what became of every record put since the last call. Never raises."""
