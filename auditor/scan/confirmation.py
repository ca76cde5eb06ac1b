"""Compares some of the messages that a walk delivered with the answers to requests for them.

A consumer and a request for one message take different ways through the server, and through what is between it and the auditor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.errors import AuditorError
from auditor.scan.gone import first_unexplained

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.core.model.message import StoredMessage, StreamInfo
    from auditor.scan.ports import Source

MAX_BYTES = 1 << 16
"""Bytes of body and headers of the largest message that is kept for the comparison."""


class DeliveredSample:
    """Keeps the first and the last message of a walk, and the first one of the batches 2, 4, 8, and so on."""

    def __init__(self) -> None:
        self._kept: list[StoredMessage] = []
        self._last: StoredMessage | None = None
        self._batches = 0

    def observe(self, batch: Sequence[StoredMessage]) -> None:
        """Add a batch that was delivered."""
        self._batches += 1
        if self._batches & (self._batches - 1) == 0 and _is_small(batch[0]):
            self._kept.append(batch[0])
        if _is_small(batch[-1]):
            self._last = batch[-1]

    @property
    def messages(self) -> tuple[StoredMessage, ...]:
        """The messages that are kept, each once, in stream order."""
        last = () if self._last is None or self._last in self._kept else (self._last,)
        return (*self._kept, *last)


async def confirm(source: Source, info: StreamInfo, messages: Sequence[StoredMessage]) -> str | None:
    """Why the delivered `messages` are not what the server stores, in one line; None if they are. Never raises an AuditorError."""
    gone: list[int] = []
    try:
        for message in messages:
            found = await source.get(message.seq)
            if found is None:
                gone.append(message.seq)
            elif not _are_equal(message, found):
                return (
                    f"the message at sequence {message.seq} was delivered, and the server returns another one for a request:"
                    " check what is between the auditor and the server"
                )
        seq = await first_unexplained(source, info, gone) if gone else None
    except AuditorError as error:
        return str(error)
    if seq is None:
        return None
    return f"the message at sequence {seq} was delivered, and the server does not return it for a request"


def _are_equal(delivered: StoredMessage, found: StoredMessage) -> bool:
    """Compare all that a request returns as it is stored: the subject only if it is UTF-8."""
    try:
        delivered.subject.decode()
    except UnicodeDecodeError:
        is_same_subject = True
    else:
        is_same_subject = delivered.subject == found.subject
    return is_same_subject and (delivered.time_ns, delivered.headers or b"", delivered.data) == (
        found.time_ns,
        found.headers or b"",
        found.data,
    )


def _is_small(message: StoredMessage) -> bool:
    return len(message.data) + len(message.headers or b"") <= MAX_BYTES
