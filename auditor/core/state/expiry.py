"""What an actor loses when the head of the stream goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auditor.core.state.ledger import Ledger


def unbridged(ledger: Ledger, kept_from: int) -> int:
    """How many actors would be broken if the stream began at sequence `kept_from`.

    They keep events from there on, lose some before it, and no good snapshot that stays covers what they lose.
    """
    count = 0
    for tail, actor in ledger.actors.items():
        if actor.first_seq < kept_from <= actor.last_seq:
            snapshot = ledger.snapshots.get(tail)
            count += snapshot is None or snapshot.finding is not None or snapshot.seq < kept_from
    return count
