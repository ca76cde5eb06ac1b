"""Decides which copy is damaged where copies differ.

| the copies | accused |
|---|---|
| hold unequal messages, and more than half hold the same one | each copy with another message: `replica_differs` |
| hold unequal messages otherwise | each copy that holds one: `replica_differs`, undecided |
| lack a message that they count | each of these: `replica_unreadable` |
| lack a message, and are the majority with the leader among them | each copy that holds it: `replica_differs`, undecided |
| lack a message otherwise | each of these: `replica_missing` |

A majority that lacks a message may have deleted it, or a rebuild may have spread its loss. What is stored does not tell, so the copy that
holds it is named. That a copy leads is no argument otherwise. A copy that ends before a sequence is not accused there; what only such copies
hold was removed elsewhere since.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.core.model.findings import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from auditor.core.replicas.comparison import Difference

UNEQUAL = "has other bytes than those on {others}"
NO_MAJORITY = (
    "has another message than each other copy, and none is that of a majority: export all before anything else"
)
UNREADABLE = "counts messages that it does not deliver and that are on {others}"
MISSING = "lacks messages that are on {others}"
ONLY_COPY = (
    "has messages that most copies, the leader among them, lack: it may be the only good copy, so export it before anything"
    " else"
)
UNCOUNTED = "counts more messages than it delivers; no other copy has them"


@dataclass(frozen=True, slots=True)
class Accusation:
    """What is wrong with one copy in one range."""

    replica: str
    kind: Kind
    is_undecided: bool
    first: int
    last: int
    text: str
    """What follows "the copy on <name>"."""
    count: int | None = None
    """Messages, if they are somewhere in the range; None if it is all of the range."""


@dataclass(frozen=True, slots=True)
class ComparedCopies:
    """The copies that were compared."""

    names: tuple[str, ...]
    """In the order of the patterns."""
    ends: tuple[int, ...]
    """The last sequence of each."""
    leader: str
    expected: int
    """Copies that the stream is configured with."""
    last_seq: int
    """The pinned end."""

    def reaching(self, seq: int) -> list[int]:
        """Returns the indexes of the copies that reach `seq`."""
        return [index for index, end in enumerate(self.ends) if end >= seq]

    def lacking(self, difference: Difference) -> list[str]:
        """Returns the copies that reach a difference and deliver nothing there."""
        return [self.names[at] for at in self.reaching(difference.last) if difference.pattern[at] is None]


def accuse(
    difference: Difference, copies: ComparedCopies, is_counted: Callable[[str, Difference], bool]
) -> Iterator[Accusation]:
    """Yields who is to blame for one difference that is certain.

    `is_counted`: whether a copy that delivers nothing at a difference counts messages there.
    """
    reaching = copies.reaching(difference.last)
    holders = [at for at, group in enumerate(difference.pattern) if group is not None]
    if all(copies.ends[at] < copies.last_seq for at in holders):
        return
    groups: dict[int, list[int]] = {}
    for at in holders:
        group = difference.pattern[at]
        assert group is not None
        groups.setdefault(group, []).append(at)

    def accusation(
        at: int, kind: Kind, text: str, others: Iterable[int] = (), *, undecided: bool = False
    ) -> Accusation:
        text = text.format(others=" and ".join(copies.names[each] for each in others))
        return Accusation(copies.names[at], kind, undecided, difference.first, difference.last, text)

    if len(groups) > 1:
        most = max(groups.values(), key=len)
        if 2 * len(most) > len(holders):
            for at in holders:
                if at not in most:
                    yield accusation(at, Kind.REPLICA_DIFFERS, UNEQUAL, most)
        else:
            for at in holders:
                yield accusation(at, Kind.REPLICA_DIFFERS, NO_MAJORITY, undecided=True)
    lacking = [at for at in reaching if difference.pattern[at] is None]
    counting = [at for at in lacking if is_counted(copies.names[at], difference)]
    for at in counting:
        yield accusation(at, Kind.REPLICA_UNREADABLE, UNREADABLE, holders)
    lost = [at for at in lacking if at not in counting]
    if 2 * len(lost) > copies.expected and copies.leader in {copies.names[at] for at in lost}:
        for at in holders:
            yield accusation(at, Kind.REPLICA_DIFFERS, ONLY_COPY, undecided=True)
    else:
        for at in lost:
            yield accusation(at, Kind.REPLICA_MISSING, MISSING, holders)
