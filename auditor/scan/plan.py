"""What a pass starts from: the saved checkpoint of a completed pass, that of a full pass in progress, or nothing."""

from __future__ import annotations

from enum import Enum, auto

from auditor.core.state.checkpoint import CheckpointKind
from auditor.units import NANOSECONDS


class StartFrom(Enum):
    """What a pass begins with."""

    AUTO = auto()
    """A full pass that is under way, or one that is due, or what is new."""
    INCREMENTAL = auto()
    """What is new, as long as there is anything to go on from."""
    BEGINNING = auto()
    """Everything, whatever is remembered."""


CANDIDATES = {
    StartFrom.AUTO: (CheckpointKind.IN_PROGRESS, CheckpointKind.COMPLETED),
    StartFrom.INCREMENTAL: (CheckpointKind.COMPLETED, CheckpointKind.IN_PROGRESS),
    StartFrom.BEGINNING: (),
}
"""What a pass may go on from, the best first."""


MIN_INTERVAL_OF_DELETION_PASSES_NS = 3_600 * NANOSECONDS
"""On a stream from whose middle messages are deleted all the time, a full pass each time would be all that ever runs."""
