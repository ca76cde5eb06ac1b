"""Whether a version that is stored twice holds the same bytes: told by reading the actor once more."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from auditor.aether.event import Malformed
from auditor.aether.gojson.decode import judge_event
from auditor.core.model.findings import Cause

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.core.model.message import StoredMessage
    from auditor.core.state.ledger import OutOfOrderEvent


class DuplicateComparison:
    """One actor's duplicates; takes the actor's messages in stream order and settles the cause of each duplicate."""

    def __init__(self, actor_id: str, duplicates: Sequence[OutOfOrderEvent]) -> None:
        self._actor_id = actor_id
        self._duplicates = {duplicate.seq: duplicate for duplicate in duplicates}
        self._versions = {duplicate.version for duplicate in duplicates}
        self._first: dict[int, bytes] = {}
        self.last_seq = max(self._duplicates)
        """Nothing behind it needs to be read."""

    def add(self, message: StoredMessage) -> None:
        """Take one message of the actor's event subject."""
        facts = judge_event(message.data)
        if isinstance(facts, Malformed) or facts.version not in self._versions or facts.actor_id != self._actor_id:
            return
        digest = hashlib.sha256(message.data).digest()
        first = self._first.get(facts.version)
        if first is None:
            self._first[facts.version] = digest
        elif duplicate := self._duplicates.get(message.seq):
            duplicate.cause = Cause.SAME_PAYLOAD if digest == first else Cause.DIFFERENT_PAYLOAD

    def give_up(self) -> None:
        """Nothing more will come: what is not settled stays unknown, and is not asked again."""
        for duplicate in self._duplicates.values():
            duplicate.cause = duplicate.cause or Cause.UNKNOWN
