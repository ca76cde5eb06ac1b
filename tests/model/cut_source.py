"""A reader of a stream that calls a function once in the middle of a walk."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from auditor.jetstream.reading.stream_source import StreamSource

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

    from auditor.core.model.message import StoredMessage, StreamInfo
    from auditor.jetstream.api_client import ApiClient


class CutSource(StreamSource):
    """Delivers each message in a batch of its own, and calls a function after `count` of them."""

    def __init__(
        self, client: ApiClient, stream: str, count: int, cut: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        """`cut`: not called if the first range that is read has no more than `count` messages."""
        super().__init__(client, stream)
        self._count = count
        self._cut = cut

    async def read(
        self, pinned: StreamInfo, *, first_seq: int, last_seq: int, subjects: Sequence[str] = (), max_rate: int = 0
    ) -> AsyncGenerator[Sequence[StoredMessage]]:
        """Read a range as `Source.read` describes."""
        cut, self._cut = self._cut, None
        batches = super().read(pinned, first_seq=first_seq, last_seq=last_seq, subjects=subjects, max_rate=max_rate)
        async with aclosing(batches) as coming:
            async for batch in coming:
                for at in range(len(batch)):
                    yield batch[at : at + 1]
                    self._count -= 1
                    if cut is not None and self._count == 0 and batch[at].seq < last_seq:
                        await cut()
