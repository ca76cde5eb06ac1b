"""The state of an audit as it is after it was saved and loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.core.state.checkpoint import Checkpoint
from auditor.core.state.codec import decode_checkpoint, encode_checkpoint

if TYPE_CHECKING:
    from auditor.core.state.examiner import AuditState


def saved_and_loaded(state: AuditState) -> AuditState:
    return decode_checkpoint(encode_checkpoint(Checkpoint(stream="S", created_ns=1, subjects=(), state=state))).state
