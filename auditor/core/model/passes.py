"""Describes a pass: mode, progress, range, times and verdict."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import msgspec


class Verdict(StrEnum):
    """The result of a completed pass, for all messages from the first sequence of the stream to the pinned end."""

    CLEAN = "clean"
    CORRUPT = "corrupt"
    INCONCLUSIVE = "inconclusive"


class Mode(StrEnum):
    """Whether a pass reads its whole range or only what is new since a checkpoint."""

    FULL = "full"
    INCREMENTAL = "incremental"


class Outcome(StrEnum):
    """The result of examining one message. Each message has exactly one."""

    OK = "ok"
    MALFORMED = "malformed"
    HIDDEN = "hidden"
    UNREACHABLE = "unreachable"
    UNJUDGED = "unjudged"


@dataclass(slots=True)
class Progress:
    """The progress of a running pass. The pass writes it, the progress bar and /metrics read it."""

    mode: Mode = Mode.FULL
    first_seq: int = 0
    last_seq: int = 0
    """The pinned end."""
    seq: int = 0
    """The last delivered sequence; 0 before the first one."""
    outcomes: dict[Outcome, int] = field(default_factory=lambda: dict.fromkeys(Outcome, 0))
    """Messages examined so far by this pass."""
    bytes: int = 0
    """Payload bytes examined so far by this pass."""

    @property
    def ratio(self) -> float:
        """The part of the range that the walk has passed, from 0 to 1."""
        if self.last_seq < self.first_seq:
            return 1.0
        if self.seq < self.first_seq:
            return 0.0
        return (self.seq - self.first_seq + 1) / (self.last_seq - self.first_seq + 1)


@dataclass(frozen=True, slots=True)
class SeqRange:
    """A range of sequences, both ends included. It is empty if `last_seq` is below `first_seq`."""

    first_seq: int
    last_seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PassFacts:
    """Mode, times and ranges of one pass."""

    mode: Mode
    range: SeqRange
    """From the first sequence of the stream to the pinned end."""
    read: SeqRange | None = None
    """The sequences that this pass read; None if it read none."""
    filtered: bool = False
    """Whether the server delivered only messages on the subjects of the audit. The others are then counted as skipped."""
    started_ns: int
    """Nanoseconds since 1970."""
    finished_ns: int
    """Nanoseconds since 1970."""
    incomplete: str | None = None
    """Why part of the range was not read, in one line; None if all of it was."""
    notes: tuple[str, ...] = ()
    """What an operator should know about messages that were not selected, one line each."""
    read_error: str | None = None
    """Why nothing could be read, in one line; None if something was, or if there was nothing to read."""
    quarantine_pending: int = 0
    """Quarantine records of messages in the range that are not stored yet."""


class PassTimes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a pass began and ended, nanoseconds since 1970."""

    started_ns: int
    finished_ns: int
