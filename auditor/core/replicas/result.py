"""Describes what a pass knows about the copies of a stream: the state of each copy, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auditor.core.model.findings import Finding
    from auditor.core.model.passes import Verdict


@dataclass(frozen=True, slots=True)
class CopyState:
    """The state of one copy of a replicated stream."""

    name: str
    """The name of the server that holds the copy."""
    first_seq: int | None
    """The first sequence of the copy as of the last census that reached it; None if none has."""
    last_seq: int | None
    count: int | None
    """Messages that the copy counts."""
    read_ns: int
    """When a full pass last read the whole copy, nanoseconds since 1970; 0 if none has."""
    verdict: Verdict
    """`corrupt` if a finding of severity corruption is open for the copy, `inconclusive` if the copy is absent, behind or
    was not read whole within `full_pass_every`, else `clean`."""


@dataclass(frozen=True, slots=True)
class Replicas:
    """The copies of a stream. A stream with one copy has no `copies`."""

    expected: int = 1
    """Copies that the stream is configured with."""
    read: int = 1
    """Copies that were read whole within `full_pass_every`."""
    leader: str | None = None
    """The name of the server that led the stream; None without a cluster."""
    copies: tuple[CopyState, ...] = ()
    """Sorted by name."""


ONE_COPY = Replicas()
"""The copies of a stream that is not replicated, and of one whose audit reads only the leader's copy."""


@dataclass(frozen=True, slots=True)
class ReplicaResult:
    """What a report says about the copies of a stream."""

    replicas: Replicas = ONE_COPY
    findings: tuple[Finding, ...] = ()
    """Findings of the kinds in `REPLICA_KINDS`, open and accepted ones."""
    incomplete: str | None = None
    """Why a copy was not read, in one line; None if every copy was."""
    notes: tuple[str, ...] = ()
    """What an operator should know about the copies, one line each."""


NO_REPLICAS = ReplicaResult()
