"""Describes how far the copies of a stream reach, and which of them lack messages by their counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class CopyCount:
    """How far one copy reaches, and how many messages it counts."""

    first_seq: int
    last_seq: int
    count: int
    """Taken before `last_seq`: a copy that grows meanwhile seems to lack messages, never to have too many."""

    @property
    def gaps(self) -> int:
        """Sequences up to the last one that hold no message."""
        return self.last_seq - self.count


@dataclass(frozen=True, slots=True)
class CopyBehind:
    """A copy that has not reached the pinned end in the time that it was given."""

    reached: int
    """Its last sequence."""
    has_moved: bool
    """Whether it grew meanwhile."""
    is_current: bool
    """Whether the leader calls it up to date, with nothing left to apply."""
    lag: int
    """Operations that it has not applied, as the leader knows it."""

    @property
    def has_lost_its_end(self) -> bool:
        """Whether it will never reach the end: it is called up to date and does not grow."""
        return self.is_current and not self.has_moved


@dataclass(frozen=True, slots=True)
class Census:
    """The counts of all copies of a stream."""

    copies: Mapping[str, CopyCount] = field(default_factory=dict)
    """By name of the server."""
    absent: Mapping[str, str] = field(default_factory=dict)
    """By name of the server whose copy cannot be read: the reason, in one line."""
    behind: Mapping[str, CopyBehind] = field(default_factory=dict)
    """By name of the server: the copies that end before the pinned end."""
    lacking: Mapping[str, int] = field(default_factory=dict)
    """By name of the server: how many messages its copy lacks that another one counts. Copies that lack none are omitted."""

    @property
    def first_seq(self) -> int:
        """The first sequence of any copy; 1 if no copy was read."""
        return min((each.first_seq for each in self.copies.values()), default=1)

    def end_of(self, name: str, last_seq: int) -> int:
        """Returns how far the copy can be read: `last_seq`, the pinned end, or where it ends before."""
        return min(last_seq, self.copies[name].last_seq)


def lacking(earlier: Mapping[str, CopyCount], later: Mapping[str, CopyCount], complete_from: int) -> dict[str, int]:
    """Returns how many messages each copy lacked that another one still counts later.

    Deletions only make copies smaller, so that those between the two counts hide a loss and never seem to be one. Copies that end
    before `complete_from` are left out.
    """
    least = min((each.gaps for each in later.values() if each.last_seq >= complete_from), default=0)
    reaching = {name: each for name, each in earlier.items() if each.last_seq >= complete_from and name in later}
    return {name: lacks for name, each in reaching.items() if (lacks := each.gaps - least) > 0}
