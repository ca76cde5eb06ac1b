"""Reads and compares the copies of a replicated stream, after one of them was judged.

The digests of each copy are part of the checkpoint, so that a pass that was interrupted continues with them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import structlog

from auditor.core.model.findings import Kind
from auditor.core.replicas.blame import MISSING, UNCOUNTED, Accusation, ComparedCopies, accuse
from auditor.core.replicas.comparison import Confirmed, differing_chunks
from auditor.core.replicas.digests import CopyDigests
from auditor.errors import AuditorError
from auditor.scan.copy_comparison import CopyLostError, confirm_differences
from auditor.scan.copy_counts import CountedMessages
from auditor.scan.copy_digests import CopyRange, read_copy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from auditor.core.model.message import StreamInfo
    from auditor.core.model.ranges import Ranges
    from auditor.core.replicas.census import Census
    from auditor.core.replicas.digests import ChunkDigester
    from auditor.core.state.checkpoint import Checkpoint
    from auditor.scan.ports import PassPorts
    from auditor.scan.request import PassRequest

log = structlog.get_logger()


class Save(Protocol):
    """Saves the checkpoint if it is due."""

    async def __call__(self, messages: int, keep: Callable[[], bool]) -> bool:
        """Return whether the pass yields.

        `messages`: read since the last call. `keep` enters what was read in the checkpoint, and returns whether the pass may yield.
        """


@dataclass(frozen=True, slots=True)
class CopiesResult:
    """What the comparison of the copies gave."""

    whole: frozenset[str] = frozenset()
    """The copies that were read to their end and compared."""
    failed: Mapping[str, str] = field(default_factory=dict)
    """By name of the server: why a copy could not be read to its end, in one line."""
    accusations: tuple[Accusation, ...] = ()
    changing: Ranges = field(default_factory=list)
    """Sequences that differ between copies, in another way at each reading."""
    undelivered: Mapping[str, int] = field(default_factory=dict)
    """By name of the server: how many messages its copy counts at least and does not deliver."""
    error: str | None = None
    """Why the copies could not be compared, in one line."""
    has_yielded: bool = False

    @property
    def damaged(self) -> set[str]:
        """The copies that are accused."""
        return {each.replica for each in self.accusations}

    def with_undelivered(self, unreadable: int, first_seq: int, last_seq: int) -> tuple[Accusation, ...]:
        """Return all accusations, with those of messages that a copy counts and no copy delivers.

        `unreadable`: how many messages were found unreadable on the judged copy; they are found already.
        """
        explained = dict.fromkeys(self.undelivered, unreadable)
        for each in self.accusations:
            if each.kind is Kind.REPLICA_UNREADABLE and each.replica in explained:
                explained[each.replica] += each.last - each.first + 1
        more = [
            Accusation(name, Kind.REPLICA_UNREADABLE, False, first_seq, last_seq, UNCOUNTED, count - explained[name])
            for name, count in self.undelivered.items()
            if count > explained[name]
        ]
        return (*self.accusations, *more)


async def compare_copies(
    request: PassRequest,
    ports: PassPorts,
    info: StreamInfo,
    census: Census,
    checkpoint: Checkpoint,
    save: Save,
    failed: dict[str, str],
    *,
    subjects: Sequence[str],
) -> CopiesResult:
    """Read the copies that `census` reached and that `checkpoint` has no digests of, and compare all of them.

    `save` is called after each batch. The pass yields only after a whole chunk was read, so that it makes progress each time. `failed` has the copies that cannot be read, and gets more. `subjects`: only messages on these are compared, if there are any.
    """
    complete: dict[str, CopyDigests] = {}
    first_seq = min((each.first_seq for each in checkpoint.copies.values()), default=census.first_seq)
    for name in sorted(census.copies.keys() - failed.keys()):
        before = checkpoint.copies.get(name, CopyDigests(first_seq, first_seq))
        copy = CopyRange(name, before, census.end_of(name, info.last_seq))

        async def on_batch(digester: ChunkDigester, messages: int, name: str = name) -> bool:
            def keep() -> bool:
                before = checkpoint.copies.get(name)
                checkpoint.copies[name] = digester.whole_chunks
                return before is None or digester.whole_chunks.next_seq > before.whole_chunks().next_seq

            return await save(messages, keep)

        try:
            checkpoint.copies[name] = digests = await read_copy(ports.source, info, copy, request, subjects, on_batch)
        except AuditorError as error:
            failed[name] = str(error)
            continue
        if request.interrupt.is_set():
            return CopiesResult(error="interrupted while the copies were read")
        if digests.next_seq <= copy.last_seq:
            return CopiesResult(has_yielded=True)
        complete[name] = digests
    return await _compare(request, ports, info, census, complete, failed, subjects)


async def _compare(
    request: PassRequest,
    ports: PassPorts,
    info: StreamInfo,
    census: Census,
    complete: Mapping[str, CopyDigests],
    failed: dict[str, str],
    subjects: Sequence[str],
) -> CopiesResult:
    """Compare copies that were read to their end. A copy that is lost meanwhile is left out."""
    left = dict(complete)
    while True:
        compared = ComparedCopies(
            names=tuple(left),
            ends=tuple(census.end_of(name, info.last_seq) for name in left),
            leader=info.leader,
            expected=info.replicas,
            last_seq=info.last_seq,
        )
        try:
            now = await ports.source.info()
            counts = CountedMessages(ports.source, info, compared)
            undelivered = {} if subjects else await counts.undelivered(left)
            ranges = differing_chunks(left, min(now.first_seq, census.first_seq))
            confirmed = Confirmed()
            if ranges:
                log.info("copies differ", audit=request.audit.name, ranges=len(ranges), first_seq=ranges[0][0])
                confirmed = await confirm_differences(
                    ports.source, info, compared, ranges, request, subjects, ports.clock
                )
            is_counted = await counts.ask(confirmed.differences, undelivered, census.lacking)
        except CopyLostError as error:
            failed[error.name] = str(error)
            left.pop(error.name)
            continue
        except AuditorError as error:
            return CopiesResult(failed=failed, error=str(error))
        accusations = [each for one in confirmed.differences for each in accuse(one, compared, is_counted)]
        return CopiesResult(
            whole=frozenset(left) if not request.interrupt.is_set() else frozenset(),
            failed=failed,
            accusations=(*accusations, *_lost_ends(info, census, left)),
            changing=confirmed.changing,
            undelivered=undelivered,
        )


def _lost_ends(info: StreamInfo, census: Census, complete: Mapping[str, CopyDigests]) -> list[Accusation]:
    """The copies that lack the end of the stream for good."""
    reaching = [name for name in complete if name not in census.behind]
    others = " and ".join(reaching)
    return [
        Accusation(name, Kind.REPLICA_MISSING, False, behind.reached + 1, info.last_seq, MISSING.format(others=others))
        for name, behind in census.behind.items()
        if behind.has_lost_its_end and reaching
    ]
