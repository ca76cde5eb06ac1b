"""Loads and stores the acceptances of an audit in the state stream. A reset of the saved state keeps them.

<prefix>.<audit>.accepted.head           their manifest
<prefix>.<audit>.accepted.findings.a|b   their chunks
<prefix>.<audit>.accepted                one message of format 1, which is used until there is a manifest
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.core.state.acceptance import (
    ACCEPTANCES_FORMAT,
    Acceptance,
    decode_acceptances,
    decode_format_1,
    encode_acceptances,
)
from auditor.errors import StateConflictError, StateError, StateFormatError, StateNewerError, StreamNotFoundError
from auditor.jetstream.api import DECODE_ERRORS, get_message
from auditor.jetstream.state.part_store import PartContent, PartStore

if TYPE_CHECKING:
    from auditor.config import StateConfig
    from auditor.core.model.findings import Kind
    from auditor.jetstream.api_client import ApiClient
    from auditor.jetstream.reading.stream_source import StreamSource

PART = "findings"


class Acceptances:
    """The acceptances of one audit, at most one for each kind of finding."""

    def __init__(self, client: ApiClient, config: StateConfig, audited: StreamSource, audit: str, version: str) -> None:
        """`version`: of the auditor."""
        self._client = client
        self._stream = config.stream
        self._subject = f"{config.subject_prefix}.{audit}.accepted"
        self._audit = audit
        # What is accepted was reported by a pass, which created the state stream.
        existing = config.model_copy(update={"create": False})
        self._parts = PartStore(client, existing, audited, f"{audit}.accepted", version)

    async def load(self) -> dict[Kind, Acceptance]:
        """Return the acceptances by kind. Raises StateError if they do not decode, and the AuditorErrors of a request."""
        try:
            manifest = await self._parts.load_manifest()
            if manifest is None or PART not in manifest.parts:
                return await self._load_format_1()
            if manifest.parts[PART].format == ACCEPTANCES_FORMAT:
                return decode_acceptances(await self._parts.read(manifest, PART))
        except StateNewerError:
            pass
        except (StateFormatError, *DECODE_ERRORS) as error:
            raise StateError(
                f"the acceptances of audit {self._audit} cannot be read: accept the findings again"
            ) from error
        raise StateError(
            f"the acceptances of audit {self._audit} were stored by a later version of the auditor: run that version"
        )

    async def _load_format_1(self) -> dict[Kind, Acceptance]:
        try:
            message = await get_message(self._client, self._stream, last_by_subj=self._subject)
        except StreamNotFoundError:
            return {}
        return {} if message is None else decode_format_1(message.data)

    async def store(self, accepted: dict[Kind, Acceptance]) -> None:
        """Replace the acceptances that `load` returned. Raises StateError, PermissionDeniedError, ConnectionFailedError."""
        content = PartContent(encode_acceptances(accepted), {}, ACCEPTANCES_FORMAT)
        try:
            await self._parts.save({PART: content}, max((each.accepted_ns for each in accepted.values()), default=0))
        except StateConflictError:
            raise StateError(
                f"another user has changed the acceptances of audit {self._audit}: check them with --list, and accept again"
            ) from None
