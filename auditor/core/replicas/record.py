"""Keeps what is known about each copy of a stream from pass to pass. Part of the audit history; all values are immutable."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from auditor.core.model.findings import Finding
from auditor.core.model.passes import Verdict
from auditor.core.replicas.findings import absent_finding
from auditor.core.replicas.result import CopyState, ReplicaResult, Replicas

if TYPE_CHECKING:
    from auditor.core.replicas.census import Census


class CopyRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is known about one copy."""

    counted: tuple[int, int, int] | None = None
    """First and last sequence and number of messages in the last census that reached the copy."""
    read_ns: int = 0
    """When a full pass last read the whole copy, nanoseconds since 1970; 0 if none has."""
    lacking: int = 0
    """How many messages it lacked by its count when it was last read whole, compared with the best copy."""
    damage: tuple[Finding, ...] = ()
    """Findings of the last full pass that read the whole copy."""
    unread: Finding | None = None
    """Why the last pass could not read it to the pinned end; None if it could or need not."""
    note: str = ""
    """What an operator should know about the copy, in one line; empty for nothing."""

    def is_recent(self, now_ns: int, max_age_ns: int) -> bool:
        """Returns whether the whole copy was read less than `max_age_ns` ago."""
        return bool(self.read_ns) and now_ns - self.read_ns < max_age_ns


class ReplicaHistory(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is known about the copies of a stream."""

    created_ns: int = 0
    """The creation time of the stream."""
    expected: int = 1
    """Copies that the stream is configured with."""
    leader: str = ""
    copies: dict[str, CopyRecord] = {}
    """By name of the server; empty for a stream with one copy, and if only one copy is read."""
    unconfirmed: str = ""
    """Why the last full pass could not tell whether copies differ, in one line; empty if it could."""

    def is_damaged(self, name: str) -> bool:
        """Returns whether a finding of severity corruption is open for this copy."""
        record = self.copies.get(name)
        return record is not None and bool(record.damage)

    def changed_counts(self, census: Census) -> str | None:
        """Returns which copy lacks other messages by its count than when it was read, in one line; None if none does."""
        for name in census.copies:
            before, now = self.copies.get(name, CopyRecord()).lacking, census.lacking.get(name, 0)
            if now != before and name not in census.behind:
                return f"the copy on {name} lacks {now} messages by its count, and lacked {before} before"
        return None

    def unread_copy(self, census: Census, full_pass_started_ns: int) -> str | None:
        """Returns which copy can be read and was not by the last full pass, in one line; None if none is.

        `full_pass_started_ns`: when that pass began.
        """
        for name in census.copies:
            if self.copies.get(name, CopyRecord()).read_ns < full_pass_started_ns:
                return f"the last full pass did not read the copy on {name}"
        return None

    def result(self, now_ns: int, max_age_ns: int) -> ReplicaResult:
        """Returns what a report says `now_ns` after 1970. A reading older than `max_age_ns` does not count."""
        if not self.copies:
            return ReplicaResult(Replicas(self.expected, 1, self.leader or None))
        findings: list[Finding] = []
        unread: list[Finding] = []
        states: list[CopyState] = []
        for name, record in sorted(self.copies.items()):
            is_recent = record.is_recent(now_ns, max_age_ns)
            reason = record.unread
            if reason is None and not is_recent:
                reason = absent_finding(name, "it was not read whole within full_pass_every", leads=name == self.leader)
            findings += record.damage
            unread += (reason,) if reason else ()
            verdict = Verdict.CORRUPT if record.damage else Verdict.INCONCLUSIVE if reason else Verdict.CLEAN
            first, last, count = record.counted or (None, None, None)
            states.append(CopyState(name, first, last, count, record.read_ns, verdict))
        read = sum(record.is_recent(now_ns, max_age_ns) for record in self.copies.values())
        texts = [*(each.detail for each in unread if each.detail), *filter(None, [self.unconfirmed])]
        return ReplicaResult(
            Replicas(self.expected, read, self.leader or None, tuple(states)),
            (*findings, *unread),
            "; ".join(texts) or None,
            tuple(record.note for _, record in sorted(self.copies.items()) if record.note),
        )
