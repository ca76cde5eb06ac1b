"""One quarantined message, the key of its record, and the counts of records by result."""

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
    """One quarantined message, its origin and the finding that is the reason."""

    stream: str
    created_ns: int
    """When the audited stream was created, nanoseconds since 1970. A new stream uses the same sequences again."""
    message: StoredMessage
    kind: Kind
    reason: str | None
    error: str
    """What is wrong, in one printable line without a value of the payload."""

    @property
    def key(self) -> str:
        """`<stream>.<epoch>.<seq>.<hash>`: the subject of the record after the configured prefix."""
        digest = hashlib.sha256(self.message.data).hexdigest()[:12]
        return f"{self.stream}.{self.created_ns // NANOSECONDS}.{self.message.seq}.{digest}"


@dataclass(frozen=True, slots=True)
class QuarantineResult:
    """The records submitted since the last flush, by result. Each is in exactly one count."""

    stored: int = 0
    already_stored: int = 0
    failed: int = 0
    """Not stored. A later pass submits them again."""
    reason: str | None = None
    """Why records failed, in one line that says what to do."""

    def __add__(self, other: QuarantineResult) -> QuarantineResult:
        return QuarantineResult(
            self.stored + other.stored,
            self.already_stored + other.already_stored,
            self.failed + other.failed,
            other.reason or self.reason,
        )
