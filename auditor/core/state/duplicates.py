"""Compares the bodies of events that have the same version, to find the cause of each duplicate of one actor."""

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
    """Compares the duplicates of one actor. It is given the messages of the actor's event subject in stream order."""

    def __init__(self, actor_id: str, duplicates: Sequence[OutOfOrderEvent]) -> None:
        self._actor_id = actor_id
        self._seqs = {duplicate.seq for duplicate in duplicates}
        self._versions = {duplicate.version for duplicate in duplicates}
        self._first: dict[int, bytes] = {}
        """By version: the digest of the first event."""
        self._causes: dict[int, Cause] = {}
        self.last_seq = max(self._seqs)
        """Sequence of the last duplicate: no message after it is needed."""

    def add(self, message: StoredMessage) -> None:
        """Compare one message of the actor's event subject."""
        facts = judge_event(message.data)
        if isinstance(facts, Malformed) or facts.version not in self._versions or facts.actor_id != self._actor_id:
            return
        digest = hashlib.sha256(message.data).digest()
        first = self._first.get(facts.version)
        if first is None:
            self._first[facts.version] = digest
        elif message.seq in self._seqs:
            self._causes[message.seq] = Cause.SAME_PAYLOAD if digest == first else Cause.DIFFERENT_PAYLOAD

    def causes(self, *, is_final: bool) -> dict[int, Cause]:
        """By sequence: the cause of each duplicate that was compared.

        `is_final`: no more messages follow, so that the cause of every other duplicate is `unknown`.
        """
        others = dict.fromkeys(self._seqs - self._causes.keys(), Cause.UNKNOWN) if is_final else {}
        return self._causes | others
