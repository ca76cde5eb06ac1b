"""Loads and stores the acceptances of an audit, one message in the state stream. A reset of the saved state keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from auditor.aether import NotStoredError, UnknownOutcomeError
from auditor.core.state.acceptance import Acceptance
from auditor.errors import StateError, StreamNotFoundError
from auditor.jetstream.api import DECODE_ERRORS, get_message
from auditor.jetstream.publish import SequenceConflictError, publish_expecting

if TYPE_CHECKING:
    from auditor.config import StateConfig
    from auditor.core.model.findings import Kind
    from auditor.jetstream.connection.client import Client

SCHEMA = "aether-auditor/accepted/1"


class _Saved(msgspec.Struct):
    schema: str = SCHEMA
    accepted: list[Acceptance] = []


class Acceptances:
    """The acceptances of one audit, at most one for each kind of finding."""

    def __init__(self, client: Client, config: StateConfig, audit: str) -> None:
        self._client = client
        self._stream = config.stream
        self._subject = f"{config.subject_prefix}.{audit}.accepted"
        self._audit = audit
        self._seq = 0

    async def load(self) -> dict[Kind, Acceptance]:
        """Return the acceptances by kind. Raises StateError if they do not decode, and the AuditorErrors of a request."""
        self._seq = 0
        try:
            message = await get_message(self._client, self._stream, last_by_subj=self._subject)
        except StreamNotFoundError:
            return {}
        if message is None:
            return {}
        self._seq = message.seq
        try:
            saved = msgspec.json.decode(message.data, type=_Saved)
        except DECODE_ERRORS:
            saved = _Saved("")
        if saved.schema != SCHEMA:
            raise StateError(f"the acceptances of audit {self._audit} cannot be read: accept the findings again")
        return {each.kind: each for each in saved.accepted}

    async def store(self, accepted: dict[Kind, Acceptance]) -> None:
        """Replace the acceptances that `load` returned. Raises StateError, PermissionDeniedError."""
        data = msgspec.json.encode(_Saved(accepted=list(accepted.values())))
        try:
            await publish_expecting(
                self._client,
                self._stream,
                self._subject,
                data,
                last_seq=self._seq,
                what=f"the acceptances of audit {self._audit}",
                headers={"Nats-Rollup": "sub"},
            )
        except SequenceConflictError:
            raise StateError(
                f"another user has changed the acceptances of audit {self._audit}: check them with --list, and accept again"
            ) from None
        except (NotStoredError, UnknownOutcomeError) as error:
            raise StateError(str(error)) from error
