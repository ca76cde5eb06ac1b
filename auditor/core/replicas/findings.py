"""Makes the findings about single copies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.core.model.findings import Finding, Kind, spec
from auditor.core.model.ranges import merged, size

if TYPE_CHECKING:
    from collections.abc import Iterable

    from auditor.core.replicas.blame import Accusation

MAX_RANGES = 100
"""Ranges that a finding names. Its count is exact."""


def absent_finding(name: str, reason: str, *, leads: bool) -> Finding:
    """Returns the finding that the copy of a server was not read. `reason`: a sentence whose subject is the copy."""
    kind = Kind.REPLICA_ABSENT
    detail = f"the copy on {name}: {reason}"
    return Finding(kind=kind, severity=spec(kind).severity(), replica=name, leader=leads, detail=detail)


def behind_finding(name: str, reached: int, last_seq: int, reason: str, *, leads: bool) -> Finding:
    """Returns the finding that the copy of a server ends at `reached`, before the pinned end."""
    kind = Kind.REPLICA_BEHIND
    return Finding(
        kind=kind,
        severity=spec(kind).severity(),
        replica=name,
        leader=leads,
        first_seq=reached + 1,
        last_seq=last_seq,
        count=last_seq - reached,
        detail=f"the copy on {name} ends at sequence {reached}, before {last_seq}: {reason}",
    )


def damage_findings(accusations: Iterable[Accusation], leader: str) -> dict[str, tuple[Finding, ...]]:
    """Returns the findings about each accused copy: one for each kind, and one more for what is undecided."""
    grouped: dict[tuple[str, Kind, bool], list[Accusation]] = {}
    for each in accusations:
        grouped.setdefault((each.replica, each.kind, each.is_undecided), []).append(each)
    found: dict[str, tuple[Finding, ...]] = {}
    for (name, kind, undecided), group in sorted(grouped.items()):
        ranges = merged((each.first, each.last) for each in group if each.count is None)
        count = size(ranges) + sum(each.count or 0 for each in group)
        texts = "; ".join(dict.fromkeys(each.text for each in group))
        finding = Finding(
            kind=kind,
            severity=spec(kind).severity(),
            replica=name,
            leader=name == leader,
            undecided=undecided,
            first_seq=min(each.first for each in group),
            last_seq=max(each.last for each in group),
            count=count,
            ranges=tuple((ranges or merged((each.first, each.last) for each in group))[:MAX_RANGES]),
            detail=f"the copy on {name} {texts}",
        )
        found[name] = (*found.get(name, ()), finding)
    return found
