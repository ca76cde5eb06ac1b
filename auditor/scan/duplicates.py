"""Finds the cause of duplicates: reads their actors again, to compare the bodies of events that have the same version."""

from __future__ import annotations

from contextlib import aclosing
from itertools import islice
from typing import TYPE_CHECKING

import structlog

from auditor.core.state.duplicates import DuplicateComparison
from auditor.errors import AuditorError
from auditor.scan.interrupt import take_until

if TYPE_CHECKING:
    from auditor.core.model.findings import Cause
    from auditor.core.model.message import StreamInfo
    from auditor.core.state.ledger import Ledger
    from auditor.scan.ports import Source
    from auditor.scan.request import PassRequest

log = structlog.get_logger()

MAX_ACTORS_COMPARED = 100
"""Actors with duplicates that are read again in one pass; the duplicates of others have cause `unknown`."""

MAX_MESSAGES_COMPARED = 200_000
"""Messages read again in one pass to compare duplicates: about two seconds of reading."""


async def resolve_duplicates(
    source: Source, info: StreamInfo, ledger: Ledger, request: PassRequest
) -> dict[bytes, dict[int, Cause]]:
    """The causes of duplicates that have none yet, within the bounds: by actor key, then by sequence.

    Never raises: an error is logged, and the duplicates that were not compared stay without a cause.
    """
    causes: dict[bytes, dict[int, Cause]] = {}
    left = MAX_MESSAGES_COMPARED
    for key, duplicates in islice(ledger.duplicates(), MAX_ACTORS_COMPARED):
        actor = ledger.actors[key]
        comparison = DuplicateComparison(actor.id, duplicates)
        try:
            left -= await _compare(source, info, comparison, actor.first_seq, actor.id, left, request)
        except Exception as error:  # noqa: BLE001 - without causes, every finding is still reported
            # The text of an exception that is not the auditor's may hold payload values.
            text = str(error) if isinstance(error, AuditorError) else type(error).__name__
            log.warning("duplicates not compared", audit=request.audit.name, reason=text)
            break
        causes[key] = comparison.causes(is_final=not request.interrupt.is_set())
        if left < 0 or request.interrupt.is_set():
            break
    return causes


async def _compare(
    source: Source,
    info: StreamInfo,
    comparison: DuplicateComparison,
    first_seq: int,
    actor_id: str,
    limit: int,
    request: PassRequest,
) -> int:
    """Read the actor's events into `comparison`; how many messages were read. Stops once they are more than `limit`."""
    batches = source.read(
        info,
        first_seq=first_seq,
        last_seq=comparison.last_seq,
        # From the id, as Aether makes the subject: a stored subject may contain wildcards.
        subjects=[request.audit.layout.event_subject(actor_id)],
        max_rate=request.audit.max_rate,
    )
    count = 0
    async with aclosing(take_until(request.interrupt, batches)) as coming:
        async for batch in coming:
            for message in batch:
                comparison.add(message)
            count += len(batch)
            if count > limit:
                break
    return count
