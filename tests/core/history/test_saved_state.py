"""Encoded state has the history and the checkpoints of an audit as bytes."""

from __future__ import annotations

from auditor.core.history.audit_history import AuditHistory
from auditor.core.history.saved_state import encode_state
from auditor.core.state.checkpoint import Checkpoint, CheckpointKind
from auditor.core.state.codec import decode_checkpoint


def test_encoded_state_does_not_change_with_the_checkpoint() -> None:
    history, checkpoint = AuditHistory(), Checkpoint(stream="S", created_ns=7, subjects=("S.>",), next_seq=5)
    encoded = encode_state(history, {CheckpointKind.COMPLETED: checkpoint, CheckpointKind.IN_PROGRESS: None})
    checkpoint.next_seq = 9
    assert encoded.history is history
    assert encoded.checkpoints[CheckpointKind.IN_PROGRESS] is None
    completed = encoded.checkpoints[CheckpointKind.COMPLETED]
    assert completed is not None
    assert decode_checkpoint(completed.data).next_seq == 5
    assert (completed.summary["stream"], completed.summary["last_seq"]) == ("S", 4)
