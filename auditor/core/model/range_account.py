"""Classifies the sequences of a range that the server did not deliver."""

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
    """Messages that the server counts and did not deliver."""
    detected_seq: int = 0
    """Last sequence of the stream when `unreadable` last grew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeAccount:
    """The sequences that were not delivered. Each is in one of `removed`, `unreadable` and `unread`.

    If a pass reads only some subjects, sequences on other subjects are in none of them.
    """

    first_seq: int = 0
    """The first sequence of the stream after the walk; 0 if it was not requested."""
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
    """Why the server did not answer about the sequences, in one line; None if it did."""
