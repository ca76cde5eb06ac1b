"""What a pass starts from: the saved checkpoint of a completed pass, that of a full pass in progress, or nothing."""

from __future__ import annotations

from enum import Enum, auto

from auditor.core.state.checkpoint import Part
from auditor.units import NANOSECONDS


class Reading(Enum):
    """What a pass begins with."""

    AS_DUE = auto()
    """A full pass that is under way, or one that is due, or what is new."""
    TAIL = auto()
    """What is new, as long as there is anything to go on from."""
    ANEW = auto()
    """Everything, whatever is remembered."""


PREFERRED = {
    Reading.AS_DUE: (Part.UNDERWAY, Part.COMPLETED),
    Reading.TAIL: (Part.COMPLETED, Part.UNDERWAY),
    Reading.ANEW: (),
}
"""What a pass may go on from, the best first."""


SHORTEST_BETWEEN_FULL_PASSES_NS = 3_600 * NANOSECONDS
"""On a stream from whose middle messages are deleted all the time, a full pass each time would be all that ever runs."""
