"""The state of one audit as it is saved: its history and its checkpoints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.core.state.codec import EncodedCheckpoint, encode_checkpoint, summary

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auditor.core.history.audit_history import AuditHistory
    from auditor.core.state.checkpoint import Checkpoint, CheckpointKind


@dataclass(frozen=True, slots=True)
class EncodedState:
    """State that is ready to be saved."""

    history: AuditHistory
    checkpoints: Mapping[CheckpointKind, EncodedCheckpoint | None]
    """None: the saved checkpoint of this kind is deleted. A saved checkpoint of a kind that is not here stays."""


def encode_state(history: AuditHistory, changed: Mapping[CheckpointKind, Checkpoint | None]) -> EncodedState:
    """The history and these checkpoints, encoded. May run in a thread while nothing changes the checkpoints."""
    return EncodedState(
        history,
        {
            kind: None if checkpoint is None else EncodedCheckpoint(encode_checkpoint(checkpoint), summary(checkpoint))
            for kind, checkpoint in changed.items()
        },
    )
