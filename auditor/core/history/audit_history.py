"""What is kept of an audit for longer than a checkpoint."""

from __future__ import annotations

import msgspec

from auditor.core.history.baseline import News
from auditor.core.history.stream_identity import History
from auditor.core.model.passes import Mode, PassTimes


class Chronicle(msgspec.Struct, forbid_unknown_fields=True):
    """What outlives the memory of the stream itself."""

    news: News = msgspec.field(default_factory=News)
    history: History = msgspec.field(default_factory=History)
    last_passes: dict[Mode, PassTimes] = {}
    """The last completed pass of each mode."""
    actor_types: tuple[str, ...] = ()
    """Label values that exist already."""


CHRONICLE_FORMAT = 1
"""Format of a saved `Chronicle`: it changes whenever a saved field is added, removed, renamed or gets another meaning."""
