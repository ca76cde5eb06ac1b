"""Defines the rules that the row of a kind of finding can have: severity, unit, acceptance, and what closes a finding."""

from __future__ import annotations

from enum import StrEnum


class SeverityRule(StrEnum):
    """Which severity the findings of a kind have."""

    CORRUPTION = "corruption"
    """Always corruption."""
    INCONCLUSIVE = "inconclusive"
    """Always inconclusive."""
    NOTICE = "notice"
    """Always a notice."""
    LAST_SNAPSHOT = "last_snapshot"
    """Corruption if it is the last snapshot on its subject and the whole range was read, otherwise a notice."""
    UNEXPECTED_GAP = "unexpected_gap"
    """A notice if the versions expired, or if their cause is unknown and the audit allows gaps; otherwise corruption."""


class Unit(StrEnum):
    """What the count of a kind counts."""

    FINDINGS = "findings"
    MESSAGES = "messages"
    """Such findings are listed as ranges of sequences."""


class AcceptedBy(StrEnum):
    """What decides whether an acceptance covers a finding."""

    SEQUENCE = "sequence"
    TIME = "time"
    """The time at which the finding was first reported. No stored message shows it, so it has no sequence."""


class OpenUntil(StrEnum):
    """Until when a finding that is not accepted stays open."""

    NOT_FOUND = "not_found"
    """Until a pass no longer finds it."""
    ACCEPTED = "accepted"
    """Until an operator accepts it. Such a finding is kept as an incident."""
    COPY_READ = "copy_read"
    """Until a full pass has read the same copy of the stream and no longer finds it."""


class Replaced(StrEnum):
    """Which sequences may hold other messages than before, after a finding of a kind."""

    NONE = "none"
    RANGE = "range"
    """Those of its range."""
    ALL = "all"
    """Any: it is not known which."""
