"""What the quarantine keeps of one condemned message, and the key under which it is kept once and for ever."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.units import NANOSECONDS

if TYPE_CHECKING:
    from auditor.core.model.findings import Kind
    from auditor.core.model.message import StoredMessage


@dataclass(frozen=True, slots=True)
class QuarantineEntry:
    """One message with a finding that condemns it, and where it came from."""

    stream: str
    created_ns: int
    """Creation time of the audited stream: sequences are used again after a rollback or in a new stream."""
    message: StoredMessage
    kind: Kind
    reason: str | None
    error: str
    """One printable line, without a value from the payload."""

    @property
    def key(self) -> str:
        """`<stream>.<epoch>.<seq>.<hash>`: the record's subject after the configured prefix."""
        digest = hashlib.sha256(self.message.data).hexdigest()[:12]
        return f"{self.stream}.{self.created_ns // NANOSECONDS}.{self.message.seq}.{digest}"


@dataclass(frozen=True, slots=True)
class QuarantineResult:
    """What became of the records submitted since the last flush; each is in exactly one count."""

    stored: int = 0
    already_stored: int = 0
    failed: int = 0
    """Not stored, and to be tried again."""
    reason: str | None = None
    """Why records failed, in one line that says what to do."""

    def __add__(self, other: QuarantineResult) -> QuarantineResult:
        return QuarantineResult(
            self.stored + other.stored,
            self.already_stored + other.already_stored,
            self.failed + other.failed,
            other.reason or self.reason,
        )
