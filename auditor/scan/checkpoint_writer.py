"""When a pass saves what it remembers, and how: beside the walk, one save at a time, and never at the cost of looking."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from auditor.errors import AuditorError, StateConflictError
from auditor.units import NANOSECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from auditor.core.state.checkpoint import Checkpoint, CheckpointKind, EncodedState
    from auditor.scan.ports import StateStore

log = structlog.get_logger()

CHECKPOINT_INTERVAL_NS = 4 * NANOSECONDS
"""Between two checkpoints within a pass: with the time that one takes, a kill repeats at most 5 seconds of walking."""
CHECKPOINT_MESSAGES = 1 << 20
"""The most that is judged between two: more than the fastest walk takes in that time, so that a clock that stands still
or goes back costs no more than that."""


class CheckpointWriter:
    """Those of one pass. Without a keeper nothing is saved, and all is well."""

    def __init__(self, keeper: StateStore | None, audit: str, clock: Callable[[], int]) -> None:
        """`clock`: nanoseconds since 1970."""
        self._keeper = keeper
        self._audit = audit
        self._clock = clock
        self._saving: asyncio.Task[bool] | None = None
        self._last_ns = clock()
        self._since = 0
        """Messages since then."""

    def is_due(self, judged: int) -> bool:
        """Whether it is time for a checkpoint, after so many more messages."""
        self._since += judged
        if self._keeper is None or (self._saving is not None and not self._saving.done()):
            return False
        return self._since >= CHECKPOINT_MESSAGES or self._clock() - self._last_ns >= CHECKPOINT_INTERVAL_NS

    def postpone(self) -> None:
        """Not now: the next one is due as if there had been one."""
        self._last_ns, self._since = self._clock(), 0

    async def begin(self, changed: Mapping[CheckpointKind, Checkpoint | None]) -> asyncio.Task[bool]:
        """Pack the chronicle and these parts (None: to be forgotten) as they are now, and save them in a task.

        Its result: whether what this pass remembers is still the newest; it is even where it could not be saved.
        """
        self.postpone()
        if self._saving is not None:
            await self._saving
        encoded = {} if self._keeper is None else await self._keeper.pack(changed)
        self._saving = asyncio.create_task(self._save(encoded), name="save")
        return self._saving

    def put_back(self, memory: Checkpoint) -> None:
        """As the keeper's."""
        if self._keeper is not None:
            self._keeper.put_back(memory)

    def is_saved(self, memory: Checkpoint) -> bool:
        """As the keeper's."""
        return self._keeper is not None and self._keeper.is_saved(memory)

    def abandon(self) -> None:
        """The pass ends here, whether or not the last save has."""
        if self._saving is not None:
            self._saving.cancel()

    async def _save(self, encoded: EncodedState) -> bool:
        if self._keeper is None:
            return True
        try:
            await self._keeper.save(encoded)
        except AuditorError as error:
            log.warning("state not saved", audit=self._audit, why=str(error))
            return not isinstance(error, StateConflictError)
        return True
