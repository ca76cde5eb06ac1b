"""Brings the record of each copy up to date after a pass."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from auditor.core.replicas.findings import absent_finding, behind_finding
from auditor.core.replicas.record import CopyRecord, ReplicaHistory
from auditor.units import format_utc

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auditor.core.model.findings import Finding
    from auditor.core.model.message import StreamInfo
    from auditor.core.replicas.census import Census, CopyBehind


@dataclass(frozen=True, slots=True)
class CopiesRead:
    """What a full pass has read of the copies of a stream."""

    whole: frozenset[str] = frozenset()
    """The copies that were read to their end and compared."""
    failed: Mapping[str, str] = field(default_factory=dict)
    """By name of the server: why a copy could not be read to its end, in one line."""
    damage: Mapping[str, tuple[Finding, ...]] = field(default_factory=dict)
    """By name of the server: the findings about a copy."""
    unconfirmed: str = ""
    """Why it is not known whether copies differ, in one line; empty if it is."""


@dataclass(frozen=True, slots=True)
class PassAge:
    """The time of a pass, and how old a reading may be."""

    now_ns: int
    """The end of the pass, nanoseconds since 1970."""
    max_age_ns: int


def updated(
    before: ReplicaHistory, info: StreamInfo, census: Census, read: CopiesRead | None, age: PassAge
) -> ReplicaHistory:
    """Returns the record of the copies after a pass.

    `read`: None for an incremental pass. Such a pass does not close findings, and only notes that a copy is absent if its last
    reading is recent enough. The copies of servers that hold no copy any more are dropped.
    """
    known = before.copies if before.created_ns == info.created_ns else {}
    names = sorted({*(peer.name for peer in info.peers), *census.absent})
    update = _Update(info, census, read, age)
    return ReplicaHistory(
        created_ns=info.created_ns,
        expected=info.replicas,
        leader=info.leader,
        copies={name: update.of(name, known.get(name, CopyRecord())) for name in names},
        unconfirmed=before.unconfirmed if read is None else read.unconfirmed,
    )


@dataclass(frozen=True, slots=True)
class _Update:
    info: StreamInfo
    census: Census
    read: CopiesRead | None
    age: PassAge

    def of(self, name: str, record: CopyRecord) -> CopyRecord:
        if (counted := self.census.copies.get(name)) is not None:
            record = msgspec.structs.replace(record, counted=(counted.first_seq, counted.last_seq, counted.count))
        unread = self._unread(name, record)
        note = ""
        is_recent = record.is_recent(self.age.now_ns, self.age.max_age_ns)
        if unread is not None and self.read is None and name in self.census.absent and is_recent:
            note = f"{unread.detail}; it was last read whole at {format_utc(record.read_ns)}"
            unread = None
        record = msgspec.structs.replace(record, unread=unread, note=note)
        if self.read is None:
            return record
        found = self.read.damage.get(name, ())
        if name not in self.read.whole:
            kinds = {each.kind for each in found}
            return msgspec.structs.replace(
                record, damage=(*found, *(each for each in record.damage if each.kind not in kinds))
            )
        lacks = self.census.lacking.get(name, 0)
        return msgspec.structs.replace(record, read_ns=self.age.now_ns, lacking=lacks, damage=found)

    def _unread(self, name: str, record: CopyRecord) -> Finding | None:
        """Why the copy was not read to the pinned end, or could not be."""
        leads = name == self.info.leader
        if (reason := self.census.absent.get(name)) is not None:
            return absent_finding(name, f"it was not read: {reason}", leads=leads)
        if self.read is not None and (reason := self.read.failed.get(name)) is not None:
            return absent_finding(name, f"it was not read to its end: {reason}", leads=leads)
        behind = self.census.behind.get(name)
        if behind is None or (behind.has_lost_its_end and (self.read is not None or record.damage)):
            return None
        return behind_finding(name, behind.reached, self.info.last_seq, _behind_text(behind), leads=leads)


def _behind_text(behind: CopyBehind) -> str:
    moves = "it grows slowly" if behind.has_moved else "it does not grow"
    state = "called up to date" if behind.is_current else f"not up to date, with a lag of {behind.lag} operations"
    return f"{moves}, and the leader knows it as {state}"
