"""What is kept of an audit for longer than a checkpoint."""

from __future__ import annotations

import msgspec

from auditor.core.history.baseline import Baseline
from auditor.core.history.stream_identity import StreamIdentity
from auditor.core.model.passes import Mode, PassTimes


class AuditHistory(msgspec.Struct, forbid_unknown_fields=True, rename={"baseline": "news", "identity": "history"}):
    """The history of one audit, which is kept when its checkpoints are replaced.

    It is saved under the keys of its first format, here and in the structs that it holds (`rename`), because a history
    of another format cannot be read anew from the stream.
    """

    baseline: Baseline = msgspec.field(default_factory=Baseline)
    identity: StreamIdentity = msgspec.field(default_factory=StreamIdentity)
    last_passes: dict[Mode, PassTimes] = {}
    """The last completed pass of each mode."""
    actor_types: tuple[str, ...] = ()
    """Label values that exist already."""


AUDIT_HISTORY_FORMAT = 1
"""Format of a saved `AuditHistory`: it changes whenever a saved field is added, removed, renamed or gets another meaning."""
