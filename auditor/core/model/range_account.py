"""How many messages a stream holds on a subject, and how many of them nobody is given."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from auditor.core.model.passes import Mode, SeqRange

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auditor.core.model.message import StreamState
    from auditor.core.model.ranges import Ranges


class SubjectCount(msgspec.Struct, array_like=True):
    """A subject of an audit that reads only some."""

    stored: int = 0
    """Messages that the stream must count there if it holds what came and what did not."""
    unreadable: int = 0
    """Those that did not come."""
    detected_seq: int = 0
    """Where the stream ended when that was noticed."""


@dataclass(slots=True, kw_only=True)
class Walked:
    """What a pass learns of its range beside the messages themselves; it fills in while the pass goes on."""

    pinned: StreamState
    mode: Mode = Mode.FULL
    read: SeqRange | None = None
    """What the walk covered; None before it began."""
    first_seq: int = 0
    """The stream's first sequence after the walk, if that was asked for: it may have moved."""
    removed: Ranges = field(default_factory=list)
    """Sequences of the range that the stream no longer holds, at its head too where that moved during the walk."""
    deleted: Ranges = field(default_factory=list)
    """The part of `removed` that the server lists as deleted from the middle."""
    gone: Ranges = field(default_factory=list)
    """Deleted after an earlier pass had read them."""
    unreadable: Ranges = field(default_factory=list)
    """Stored by the stream's own count, delivered to no one."""
    short: Mapping[bytes, SubjectCount] = field(default_factory=dict)
    """By subject, where only some were read: those with messages that are stored and came to no one."""
    unread: Ranges = field(default_factory=list)
    """What the walk did not reach, or was not given though it may be stored: counted as unjudged."""
    filtered: bool = False
    """Whether only some subjects were read: the rest is then counted by the stream, not by the walk."""
    accounted: bool = False
    """Whether the stream has told what became of what did not come."""
    incomplete: str | None = None
    """Why part of the range was not read, in one line."""
    full_ns: int = 0
    """When the last full pass began."""
    started_ns: int = 0
    finished_ns: int = 0
    quarantine_pending: int = 0
