"""One pass of one audit. The order of effects lives here, and nowhere else.

pin -> walk -> judge -> quarantine confirmed -> account for every sequence -> report.

Detection never waits for the quarantine: what the side stream does not take is counted as pending, and the next pass
tries again.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import structlog

from auditor.aether.subjects import event_subject, snapshot_subject
from auditor.core.audit import Audit, Where
from auditor.core.conclude import Expectations, Walked, conclude
from auditor.core.duplicates import DuplicateComparison
from auditor.core.ranges import Ranges, intersect, normalized, subtract
from auditor.core.report import AuditReport, Outcome, Progress, SeqRange
from auditor.core.scope import Scope
from auditor.errors import AuditorError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from auditor.config import AuditConfig
    from auditor.core.evidence import Evidence, Settled
    from auditor.core.labels import ActorTypes
    from auditor.core.message import StoredMessage, StreamState

log = structlog.get_logger()

MOST_ACTORS_COMPARED = 100
"""Actors with duplicates that are read again in one pass; the duplicates of others have cause `unknown`."""

MOST_MESSAGES_COMPARED = 200_000
"""Messages read again for that in one pass: about two seconds of walking."""

MOST_SUSPECTS_CONFIRMED = 1_000
"""Sequences asked for one by one before they are called unreadable; beyond it a whole block is gone, and it is said."""

MOST_FAILURES_LOGGED = 10
"""Messages that the auditor failed on and names in its log, in one pass; all are counted."""


class Source(Protocol):
    """The audited stream, read only (`auditor.jetstream.source.StreamSource`)."""

    async def pin(self) -> StreamState:
        """The stream's account of itself, now. Raises StreamNotFoundError, PermissionDeniedError, ConnectionFailedError."""

    def walk(
        self, pinned: StreamState, *, first_seq: int, last_seq: int, subjects: Sequence[str] = (), max_rate: int = 0
    ) -> AsyncGenerator[Sequence[StoredMessage]]:
        """Every readable message from `first_seq` to `last_seq`, each exactly once, in stream order, in batches.

        `subjects`: only messages on these, without wildcards; all when empty. `max_rate`: messages a second, 0 for no
        limit. Connection loss costs time, not messages. Raises StreamNotFoundError when the stream goes,
        StreamRecreatedError when its creation time is not the pinned one, WalkCutShortError when the stream's end
        falls below the pinned one.
        """

    async def deleted(self, pinned: StreamState) -> tuple[StreamState, Sequence[tuple[int, int]]]:
        """The stream's account now, and the ranges (first, last) of sequences it lists as deleted."""

    async def is_stored(self, seq: int) -> bool:
        """Whether the server can read the message at `seq`."""


class Quarantine(Protocol):
    """The side stream (`auditor.jetstream.quarantine.QuarantineStream`)."""

    async def put(self, evidence: Evidence) -> None:
        """Send one record. Waits while many are in flight, but not on a side stream that has begun to refuse. Never raises."""

    async def settle(self) -> Settled:
        """Wait until nothing is in flight; what became of every record put since the last call. Never raises."""


@dataclass(slots=True)
class Pass:
    """One run of one audit over its stream, from its first sequence to the end pinned before it begins."""

    config: AuditConfig
    source: Source
    quarantine: Quarantine | None
    """None for a pass that writes nothing."""
    quarantine_prefix: str | None
    actor_types: ActorTypes
    clock: Callable[[], int]
    """Nanoseconds since 1970."""
    most_findings: int = 1000
    progress: Progress = field(default_factory=Progress)
    interrupted: asyncio.Event = field(default_factory=asyncio.Event)
    """Set to end the walk early: the pass is then inconclusive, unless it is corrupt already."""
    settled: Settled | None = None
    """What became of the evidence, once the walk is over."""

    async def run(self) -> AuditReport:
        """The report of the pass.

        Raises an AuditorError if the stream cannot be looked at at all. Whatever happens after the pin makes the pass
        inconclusive instead, and loses nothing that was found.
        """
        started_ns = self.clock()
        pinned = await self.source.pin()
        self.progress.first_seq, self.progress.last_seq = pinned.first_seq, pinned.last_seq
        events, snapshots = self._subjects()
        where = Where(pinned.name, pinned.created_ns, self.quarantine_prefix)
        audit = Audit(where, Scope([*events, *snapshots]), detail_limit=self.most_findings)
        walked = Walked(pinned=pinned, started_ns=started_ns, filtered=bool(self.config.actors))
        absent = await self._walk(walked, audit, [*events, *snapshots] if walked.filtered else ())
        walked.quarantine_pending = await self._settle()
        await self._compare_duplicates(pinned, audit)
        try:
            await self._account(walked, absent)
        except AuditorError as error:
            walked.incomplete = walked.incomplete or str(error)
        walked.finished_ns = self.clock()
        versions = self.config.versions
        expectations = Expectations(versions.first, versions.contiguous, self.most_findings)
        return conclude(self.config.name, audit.state, walked, expectations, self.actor_types)

    def _subjects(self) -> tuple[Sequence[str], Sequence[str]]:
        """The subjects of events and of snapshots that this audit judges."""
        stream, actors = self.config.stream, self.config.actors
        events = [event_subject(stream, actor) for actor in actors] or self.config.event_subjects
        snapshots = [snapshot_subject(stream, actor) for actor in actors] or self.config.snapshot_subjects
        return events, snapshots if self.config.snapshots else ()

    async def _walk(self, walked: Walked, audit: Audit, subjects: Sequence[str]) -> Ranges:
        """Judge every message of the range; the sequences that did not come, because of an early end too."""
        pinned = walked.pinned
        absent: Ranges = []
        following = pinned.first_seq
        batches = self.source.walk(
            pinned,
            first_seq=pinned.first_seq,
            last_seq=pinned.last_seq,
            subjects=subjects,
            max_rate=self.config.max_rate,
        )
        try:
            async with aclosing(_until(self.interrupted, batches)) as coming:
                async for batch in coming:
                    for message in batch:
                        if message.seq != following:
                            absent.append((following, message.seq - 1))
                        following = message.seq + 1
                        evidence = self._judge(audit, message)
                        if evidence is not None and self.quarantine is not None:
                            await self.quarantine.put(evidence)
                    self._show(audit, batch)
        except AuditorError as error:
            walked.incomplete = str(error)
        if self.interrupted.is_set() and following <= pinned.last_seq:
            walked.incomplete = f"interrupted at sequence {following} of {pinned.last_seq}"
        reached = following - 1 if walked.incomplete else pinned.last_seq
        if pinned.first_seq <= reached:
            walked.read = SeqRange(pinned.first_seq, reached)
            self.progress.seq = reached
        return normalized([*absent, (following, pinned.last_seq)])

    def _judge(self, audit: Audit, message: StoredMessage) -> Evidence | None:
        """One message that the auditor fails on never ends the pass."""
        try:
            return audit.receive(message)
        except Exception as error:  # noqa: BLE001 - any failure of ours is counted, and the pass goes on
            if audit.state.unjudged < MOST_FAILURES_LOGGED:
                name = type(error).__name__  # an exception's text or traceback may hold payload values
                log.error("message not judged", audit=self.config.name, seq=message.seq, error=name)  # noqa: TRY400
            audit.failed_on(message)
            return None

    def _show(self, audit: Audit, batch: Sequence[StoredMessage]) -> None:
        progress, state = self.progress, audit.state
        progress.seq = batch[-1].seq
        progress.bytes += sum(len(message.data) for message in batch)
        events, snapshots = state.events, state.snapshots
        progress.outcomes = {
            Outcome.OK: events.ok + snapshots.ok,
            Outcome.MALFORMED: events.malformed + snapshots.malformed,
            Outcome.HIDDEN: events.hidden,
            Outcome.UNREACHABLE: events.unreachable,
            Outcome.UNJUDGED: state.unjudged,
        }

    async def _settle(self) -> int:
        """How many records the side stream did not take."""
        if self.quarantine is None:
            return 0
        self.settled = await self.quarantine.settle()
        if self.settled.failed:
            log.error(
                "quarantine did not take every record",
                audit=self.config.name,
                pending=self.settled.failed,
                why=self.settled.why,
            )
        return self.settled.failed

    async def _compare_duplicates(self, pinned: StreamState, audit: Audit) -> None:
        """Read the actors that have duplicates once more, so many as the bounds allow. What fails stays unknown."""
        ledger = audit.state.ledger
        left = MOST_MESSAGES_COMPARED
        try:
            for tail, duplicates in islice(ledger.duplicates(), MOST_ACTORS_COMPARED):
                if self.interrupted.is_set():
                    return
                actor = ledger.actors[tail]
                comparison = DuplicateComparison(actor.id, duplicates)
                batches = self.source.walk(
                    pinned,
                    first_seq=actor.first_seq,
                    last_seq=comparison.last_seq,
                    # Made of the id, as Aether makes it: a stored subject may have wildcards.
                    subjects=[event_subject(pinned.name, actor.id)],
                    max_rate=self.config.max_rate,
                )
                async with aclosing(_until(self.interrupted, batches)) as coming:
                    async for batch in coming:
                        for message in batch:
                            comparison.receive(message)
                        left -= len(batch)
                        if left < 0:
                            return
        except Exception as error:  # noqa: BLE001 - a failure of ours here costs a cause, and never what was found
            name = type(error).__name__  # the text may hold payload values
            log.warning("duplicates not compared", audit=self.config.name, error=name)

    async def _account(self, walked: Walked, absent: Ranges) -> None:
        """Say of every sequence that did not come whether it was removed, cannot be read, or was not read.

        Raises an AuditorError if the stream does not tell; what `walked` says is then still true.
        """
        reached = walked.read.last_seq if walked.read else 0
        beyond = intersect(absent, [(reached + 1, walked.pinned.last_seq)])
        # Of a filtered walk, whatever else did not come is on other subjects.
        walked.unread = beyond if walked.filtered else absent
        if not absent:
            return
        now, listed = await self.source.deleted(walked.pinned)
        walked.first_seq = now.first_seq
        walked.deleted = intersect(absent, listed)
        walked.removed = normalized([*walked.deleted, *intersect(absent, [(1, now.first_seq - 1)])])
        walked.unread = subtract(walked.unread, walked.removed)
        if not walked.filtered:
            suspects = subtract(walked.unread, beyond)
            walked.unreadable = subtract(suspects, await self._readable(suspects))
            walked.unread = subtract(walked.unread, walked.unreadable)

    async def _readable(self, suspects: Ranges) -> Ranges:
        """Of sequences that were neither delivered nor deleted, those that may be read after all."""
        asked = list(
            islice((seq for first, last in suspects for seq in range(first, last + 1)), MOST_SUSPECTS_CONFIRMED)
        )
        stored = [(seq, seq) for seq in asked if await self.source.is_stored(seq)]
        # What was not asked for is like what was: gone with it, or in doubt with it.
        return normalized([*stored, *subtract(suspects, [(1, asked[-1])])]) if stored else []


Item = TypeVar("Item")


async def _until(interrupted: asyncio.Event, items: AsyncGenerator[Item]) -> AsyncGenerator[Item]:
    """`items` until they end or `interrupted` is set, whichever comes first."""
    stop = asyncio.ensure_future(interrupted.wait())
    awaited: set[asyncio.Future[Any]] = {stop}
    try:
        while True:
            coming = asyncio.ensure_future(anext(items))
            awaited = {stop, coming}
            await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
            if interrupted.is_set():
                return
            try:
                item = coming.result()
            except StopAsyncIteration:
                return
            yield item
    finally:
        for future in awaited:  # an iterator cannot be closed while it is asked for more
            future.cancel()
        await asyncio.gather(*awaited, return_exceptions=True)
        await items.aclose()
