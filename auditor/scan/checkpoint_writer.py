"""Saves checkpoints during a pass, one at a time.

The walk pauses while a checkpoint is encoded and continues while it is sent. A failed save is logged and does not stop the
pass.
"""

from __future__ import annotations

import asyncio
from enum import Enum, auto
from typing import TYPE_CHECKING

import structlog

from auditor.core.history.saved_state import encode_state
from auditor.errors import AuditorError, StateConflictError
from auditor.units import NANOSECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from auditor.core.history.audit_history import AuditHistory
    from auditor.core.history.saved_state import EncodedState
    from auditor.core.state.checkpoint import Checkpoint, CheckpointKind
    from auditor.scan.ports import StateStore

log = structlog.get_logger()

CHECKPOINT_INTERVAL_NS = 4 * NANOSECONDS
"""Time between two checkpoints of a pass. With the time that one takes, a kill repeats at most 5 seconds of reading."""
CHECKPOINT_MESSAGES = 1 << 20
"""Messages after which a checkpoint is due in any case: more than the fastest walk reads in the interval."""


class SaveResult(Enum):
    """The outcome of a save."""

    SAVED = auto()
    FAILED = auto()
    """The save failed and was logged; the state saved before is kept."""
    CONFLICT = auto()
    """Another process has saved since this pass loaded the state, so that this pass does not have the newest state."""


class CheckpointWriter:
    """Saves the checkpoints of one pass."""

    def __init__(self, state: StateStore | None, audit: str, clock: Callable[[], int]) -> None:
        """`state`: None for a pass that saves nothing. `clock` returns nanoseconds of a clock that is never set."""
        self._state = state
        self._audit = audit
        self._clock = clock
        self._saving: asyncio.Task[SaveResult] | None = None
        self._last_ns = clock()
        self._messages = 0
        """Read since the last checkpoint."""

    def is_due(self, messages: int) -> bool:
        """Whether a checkpoint is due, after so many more messages were read. None is due while one is being saved."""
        self._messages += messages
        if self._state is None or (self._saving is not None and not self._saving.done()):
            return False
        return self._messages >= CHECKPOINT_MESSAGES or self._clock() - self._last_ns >= CHECKPOINT_INTERVAL_NS

    def postpone(self) -> None:
        """Skip a checkpoint that is due: the next one is due after another interval."""
        self._last_ns, self._messages = self._clock(), 0

    async def start_save(
        self, history: AuditHistory, changed: Mapping[CheckpointKind, Checkpoint | None]
    ) -> asyncio.Task[SaveResult]:
        """Encode the history and these checkpoints (None: to be deleted) as they are now, and save them in a task.

        Waits for the save before it.
        """
        self.postpone()
        if self._saving is not None:
            await self._saving
        if self._state is None:
            self._saving = asyncio.create_task(_nothing_to_save(), name="save")
        else:
            encoded = await asyncio.to_thread(encode_state, history, changed)
            self._saving = asyncio.create_task(self._save(self._state, encoded), name="save")
        return self._saving

    def cancel(self) -> None:
        """Cancel a save that has not ended."""
        if self._saving is not None:
            self._saving.cancel()

    async def _save(self, state: StateStore, encoded: EncodedState) -> SaveResult:
        try:
            await state.save(encoded)
        except StateConflictError as error:
            self._log(error)
            return SaveResult.CONFLICT
        except AuditorError as error:
            self._log(error)
            return SaveResult.FAILED
        return SaveResult.SAVED

    def _log(self, error: AuditorError) -> None:
        log.warning("state not saved", audit=self._audit, reason=str(error))


async def _nothing_to_save() -> SaveResult:
    return SaveResult.SAVED
