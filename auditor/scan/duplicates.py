"""Actors with duplicates are read once more, to tell whether a version that is stored twice holds the same bytes."""

from __future__ import annotations

from contextlib import aclosing
from itertools import islice
from typing import TYPE_CHECKING

from auditor.aether.stream_layout import event_subject
from auditor.core.state.duplicates import DuplicateComparison
from auditor.scan.interrupt import until

if TYPE_CHECKING:
    import asyncio

    from auditor.core.model.message import StreamState
    from auditor.core.state.ledger import Ledger
    from auditor.scan.ports import Source

MAX_ACTORS_COMPARED = 100
"""Actors with duplicates that are read again in one pass; the duplicates of others have cause `unknown`."""

MAX_MESSAGES_COMPARED = 200_000
"""Messages read again for that in one pass: about two seconds of walking."""


async def resolve_duplicates(
    source: Source, pinned: StreamState, ledger: Ledger, interrupted: asyncio.Event, max_rate: int
) -> None:
    """Settle the cause of duplicates, of so many as the bounds allow. Raises whatever a walk raises."""
    left = MAX_MESSAGES_COMPARED
    for tail, duplicates in islice(ledger.duplicates(), MAX_ACTORS_COMPARED):
        if interrupted.is_set():
            return
        actor = ledger.actors[tail]
        comparison = DuplicateComparison(actor.id, duplicates)
        batches = source.read(
            pinned,
            first_seq=actor.first_seq,
            last_seq=comparison.last_seq,
            # Made of the id, as Aether makes it: a stored subject may have wildcards.
            subjects=[event_subject(pinned.name, actor.id)],
            max_rate=max_rate,
        )
        async with aclosing(until(interrupted, batches)) as coming:
            async for batch in coming:
                for message in batch:
                    comparison.add(message)
                left -= len(batch)
                if left < 0:
                    break
        if not interrupted.is_set():
            comparison.give_up()
        if left < 0:
            return
