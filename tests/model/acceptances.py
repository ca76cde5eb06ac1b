"""The model of acceptances: which findings an operator has accepted, and which parts of them (docs/decisions/0014)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.model.findings import Found

INCIDENTS = ("stream_recreated", "config_changed")
"""Kinds about the past of the stream. A later incident is another finding, even with equal fields."""

Part = tuple[Any, ...]
"""The smallest part of a finding that can be accepted: a sequence of a range, a missing version, an actor id of a
collision, and otherwise the finding."""


def place_of(found: Found) -> int:
    """The lowest sequence up to which all of a finding can be accepted; of a range, its end."""
    kind, *_ = found
    if kind in ("duplicate_version", "late_version", "version_regression", "subject_collision"):
        return int(found[4])
    return int(found[-1])


def count_of(found: Found) -> int:
    """What a finding counts: messages of a range, otherwise 1."""
    return int(found[4] - found[3] + 1) if found[0] == "deleted_messages" else 1


def parts_of(found: Found, epoch: str) -> set[Part]:
    """The parts of a finding of the stream that was created at `epoch`."""
    kind, _, reason, *facts = found
    if kind == "deleted_messages":
        return {(epoch, kind, seq) for seq in range(facts[0], facts[1] + 1)}
    if kind == "version_gap":
        subject, after, before, *seqs = facts
        return {(epoch, kind, subject, *seqs, version) for version in range(after + 1, before)}
    if kind == "missing_head" and reason == "expired":
        return {(epoch, kind, facts[0], reason)}
    if kind == "missing_head":
        return {(epoch, kind, facts[0], facts[2], version) for version in range(1, facts[1])}
    if kind == "subject_collision":
        return {(epoch, kind, facts[0], each) for each in facts[2]}
    return {(epoch, kind, *facts)}


@dataclass
class Acceptances:
    """What was accepted, by kind and severity."""

    _parts: dict[tuple[str, str], set[Part]] = field(default_factory=dict)
    _incidents: Counter[str] = field(default_factory=Counter)
    """How many of the incidents of a kind, which are the first ones."""

    def split(self, findings: Counter[Found], epoch: str) -> tuple[Counter[Found], Counter[Found]]:
        """The open findings, and the accepted ones."""
        split: tuple[Counter[Found], Counter[Found]] = (Counter(), Counter())
        for found, count in findings.items():
            if found[0] in INCIDENTS:
                accepted = min(count, self._incidents[found[0]])
                split[1][found] += accepted
                split[0][found] += count - accepted
                continue
            left = self._open(found, epoch)
            if found[0] == "deleted_messages":
                for is_accepted in (False, True):
                    seqs = [
                        seq for *_, seq in parts_of(found, epoch) if ((epoch, found[0], seq) in left) != is_accepted
                    ]
                    split[is_accepted].update((*found[:3], *each) for each in _runs(seqs))
            else:
                split[not left][found] += count
        return +split[0], +split[1]

    def _open(self, found: Found, epoch: str) -> set[Part]:
        """The parts that are not accepted. An accepted corruption is accepted as a notice, too."""
        left = parts_of(found, epoch)
        for severity in (found[1], "corruption"):
            left -= self._parts.get((found[0], severity), set())
        return left

    def accept(self, kind: str, up_to_seq: int | None, findings: Counter[Found], epoch: str) -> None:
        """Accept the findings of a report that are of this kind, up to a sequence or all of them."""
        for found, count in findings.items():
            if found[0] != kind:
                continue
            if kind in INCIDENTS:
                self._incidents[kind] = count
                continue
            parts = parts_of(found, epoch)
            if up_to_seq is not None and kind == "deleted_messages":
                parts = {part for part in parts if part[2] <= up_to_seq}
            elif up_to_seq is not None and place_of(found) > up_to_seq:
                continue
            if parts:
                self._parts.setdefault((kind, found[1]), set()).update(parts)

    def withdraw(self, kind: str) -> bool:
        """Withdraw the acceptance of a kind. Returns whether there was one."""
        keys = [key for key in self._parts if key[0] == kind]
        for key in keys:
            del self._parts[key]
        return self._incidents.pop(kind, 0) > 0 or bool(keys)


def _runs(seqs: list[int]) -> list[tuple[int, int]]:
    """Ranges of sequences that follow one another."""
    firsts = sorted(seq for seq in seqs if seq - 1 not in seqs)
    lasts = sorted(seq for seq in seqs if seq + 1 not in seqs)
    return list(zip(firsts, lasts, strict=True))
