"""Asks the copies of a stream what they count, to tell messages that a copy cannot deliver from those that it does not have."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from auditor.core.model.message import StoredMessage, StreamInfo
    from auditor.core.replicas.blame import ComparedCopies
    from auditor.core.replicas.comparison import Difference
    from auditor.core.replicas.digests import CopyDigests
    from auditor.scan.ports import Source

MAX_ASKED = 20
"""Differences of one copy that are asked about one by one."""
MAX_ATTEMPTS = 3
"""Attempts to count a subject of two copies while nothing changes on it."""
MAX_COUNTS = 3
"""Times that the copies are counted. A copy that grows seems to count less than it does."""


@dataclass(frozen=True, slots=True)
class CountedMessages:
    """The counts of copies that were read."""

    source: Source
    info: StreamInfo
    copies: ComparedCopies

    async def undelivered(self, read: Mapping[str, CopyDigests]) -> dict[str, int]:
        """Return how many messages each copy counts at least and has not delivered when it was read.

        What is deleted afterwards makes the numbers smaller, never larger. Raises the AuditorErrors of a source.
        """
        found = dict.fromkeys(read, 0)
        for _ in range(MAX_COUNTS):
            counted = await self.source.count_copies(list(found))
            is_exact = True
            for name, each in counted.items():
                if isinstance(each, str):
                    continue
                later = max(0, each.last_seq - self.info.last_seq)
                found[name] = max(found[name], each.count - later - read[name].count)
                is_exact &= not later
            if is_exact:
                break
        return {name: count for name, count in found.items() if count}

    async def ask(
        self, differences: Sequence[Difference], undelivered: Mapping[str, int], lacking: Mapping[str, int]
    ) -> Callable[[str, Difference], bool]:
        """Return the function that tells whether a copy counts messages that it does not deliver at a difference.

        `undelivered`: how many messages each copy counts and does not deliver. `lacking`: how many it lacks by its count. If neither
        explains all that it lacks, it is asked about single messages. Raises the AuditorErrors of a source.
        """
        answers: dict[tuple[str, int], bool] = {}
        for name in self.copies.names:
            lacked = [each for each in differences if name in self.copies.lacking(each)]
            counted = undelivered.get(name, 0)
            size = sum(each.last - each.first + 1 for each in lacked)
            is_all = counted >= size
            is_explained = is_all or lacking.get(name, 0) >= size
            for number, each in enumerate(lacked):
                answer = is_all
                if not is_explained and number < MAX_ASKED:
                    asked = await self._is_counted(name, each)
                    answer = bool(counted) if asked is None else asked
                elif not is_explained:
                    answer = answers[name, lacked[MAX_ASKED - 1].first]
                answers[name, each.first] = answer
        return lambda name, difference: answers[name, difference.first]

    async def _is_counted(self, name: str, difference: Difference) -> bool | None:
        """Whether the copy counts the first message of a difference; None if that is not known.

        A copy that counts it counts as many messages on its subject as another one that delivers it.
        """
        holder = next(
            each for each, group in zip(self.copies.names, difference.pattern, strict=True) if group is not None
        )
        message = await self._message(holder, difference.first)
        if message is None or b">" in message.subject or b"*" in message.subject or not _is_utf8(message.subject):
            return None
        subject = message.subject.decode()
        for _ in range(MAX_ATTEMPTS):
            before = await self._count(name, subject)
            good = await self._count(holder, subject)
            after = await self._count(name, subject)
            if before is None or good is None or before != after:
                continue
            if good in (before, before + difference.last - difference.first + 1, before + 1):
                return good == before
        return None

    async def _count(self, name: str, subject: str) -> int | None:
        counted = (await self.source.count_copies([name], subject))[name]
        return None if isinstance(counted, str) else counted.count

    async def _message(self, name: str, seq: int) -> StoredMessage | None:
        pinned = replace(self.info, first_seq=min(seq, self.info.first_seq))
        async for batch in self.source.of_copy(name).read(pinned, first_seq=seq, last_seq=seq):
            return batch[0]
        return None


def _is_utf8(subject: bytes) -> bool:
    try:
        subject.decode()
    except UnicodeDecodeError:
        return False
    return True
