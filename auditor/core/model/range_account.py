"""What became of the sequences of a range that a pass did not receive."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from auditor.core.model.message import NO_LOSS, Loss

if TYPE_CHECKING:
    from auditor.core.model.ranges import Ranges


class SubjectCount(msgspec.Struct, array_like=True):
    """The messages on one subject of an audit that reads only some subjects."""

    stored: int = 0
    """Messages that the stream must count on the subject if it holds what was received and what was not."""
    unreadable: int = 0
    """Messages that the stream counts and did not deliver."""
    detected_seq: int = 0
    """Last sequence of the stream when `unreadable` last grew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeAccount:
    """What became of the sequences that were not delivered. Each is in one of `removed`, `unreadable` and `unread`.

    Of a pass that reads only some subjects, sequences on other subjects are in none.
    """

    first_seq: int = 0
    """The stream's first sequence after the walk, which may have moved; 0 if it was not asked for."""
    removed: Ranges = field(default_factory=list)
    """Sequences that the stream does not hold: deleted, or expired or purged from its start during the walk."""
    deleted: Ranges = field(default_factory=list)
    """The part of `removed` that the server lists as deleted from the middle of the stream."""
    unreadable: Ranges = field(default_factory=list)
    """Sequences that the server counts as stored and cannot read."""
    unread: Ranges = field(default_factory=list)
    """Sequences that the walk did not reach, or that may be stored although they were not delivered."""
    lost: Loss = NO_LOSS
    """What the server reports as lost after the walk."""
    error: str | None = None
    """Why the server did not say what became of the sequences, in one line; None if it did."""
