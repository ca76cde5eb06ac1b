"""What a pass is: its mode, how far it is, and its verdict."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import msgspec


class Verdict(StrEnum):
    """What a completed pass says of everything from the stream's first sequence to the pinned end."""

    CLEAN = "clean"
    CORRUPT = "corrupt"
    INCONCLUSIVE = "inconclusive"


class Mode(StrEnum):
    """How much of its range a pass read."""

    FULL = "full"
    INCREMENTAL = "incremental"


class Outcome(StrEnum):
    """What became of one examined message; every message has exactly one."""

    OK = "ok"
    MALFORMED = "malformed"
    HIDDEN = "hidden"
    UNREACHABLE = "unreachable"
    UNJUDGED = "unjudged"


@dataclass(slots=True)
class Progress:
    """How far a running pass is; written by the pass, read by the progress bar and by /metrics while it runs."""

    mode: Mode = Mode.FULL
    first_seq: int = 0
    last_seq: int = 0
    """The pinned end."""
    seq: int = 0
    """The last sequence delivered so far, 0 before the first."""
    outcomes: dict[Outcome, int] = field(default_factory=lambda: dict.fromkeys(Outcome, 0))
    """Messages examined so far by this pass."""
    bytes: int = 0
    """Payload bytes examined so far by this pass."""

    @property
    def ratio(self) -> float:
        """0 to 1: the part of the range that lies behind the walk."""
        if self.last_seq < self.first_seq:
            return 1.0
        if self.seq < self.first_seq:
            return 0.0
        return (self.seq - self.first_seq + 1) / (self.last_seq - self.first_seq + 1)


@dataclass(frozen=True, slots=True)
class SeqRange:
    """Sequences, both ends included; empty when `last_seq` is below `first_seq`."""

    first_seq: int
    last_seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PassFacts:
    """Mode, times and extent of one pass."""

    mode: Mode
    range: SeqRange
    """From the stream's first sequence to its last, as the pass began."""
    read: SeqRange | None = None
    """What this pass read; None if it read nothing."""
    filtered: bool = False
    """Whether only the audit's subjects were read: the messages on other subjects are then counted by the stream."""
    started_ns: int
    """Nanoseconds since 1970."""
    finished_ns: int
    """Nanoseconds since 1970."""
    incomplete: str | None = None
    """Why part of the range was not read, in one line; None if all of it was."""
    notes: tuple[str, ...] = ()
    """What an operator should know about messages that were not selected, one line each."""
    quarantine_pending: int = 0
    """Quarantine records of messages in the range that are not stored yet."""


class PassTimes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a pass began and ended, nanoseconds since 1970."""

    started_ns: int
    finished_ns: int
