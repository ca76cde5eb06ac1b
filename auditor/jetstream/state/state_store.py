"""Loads and saves the state of one audit in the state stream.

A checkpoint that is damaged or has another format is ignored: the next pass reads the stream anew. In the place of a damaged
history its previous version is used, and passes are inconclusive until a full pass has ended. If both are damaged, passes are
inconclusive until a user resets the saved state.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from auditor.core.history.audit_history import (
    AUDIT_HISTORY_FORMAT,
    READABLE_FORMATS,
    AuditHistory,
    LoadedHistory,
    decode_history,
    encode_history,
)
from auditor.core.model.findings import Kind, spec
from auditor.core.model.kind_rules import OpenUntil
from auditor.core.state.checkpoint import CheckedOut, CheckpointKind
from auditor.core.state.codec import FORMAT, decode_checkpoint
from auditor.core.state.codec import READABLE_FORMATS as READABLE_CHECKPOINTS
from auditor.errors import StateError, StateFormatError, StateNewerError
from auditor.jetstream.api import DECODE_ERRORS
from auditor.jetstream.state.part_store import PartContent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from auditor.core.history.saved_state import EncodedState
    from auditor.core.state.acceptance import Acceptance
    from auditor.jetstream.state.acceptances import Acceptances
    from auditor.jetstream.state.part_store import Manifest, PartStore

log = structlog.get_logger()

HISTORY_PART = "chronicle"
INCIDENTS = "findings of kind " + ", ".join(kind for kind in Kind if spec(kind).open_until is OpenUntil.ACCEPTED)
"""Findings that only the history has."""
FORMATS = {HISTORY_PART: AUDIT_HISTORY_FORMAT, CheckpointKind.COMPLETED: FORMAT, CheckpointKind.IN_PROGRESS: FORMAT}
"""By part: the format that this version saves and reads."""


class JetStreamStateStore:
    """The `StateStore` of auditor/scan/ports.py for one audit."""

    def __init__(
        self,
        audit: str,
        parts: PartStore,
        acceptances: Acceptances,
        clock: Callable[[], int],
        *,
        saves: bool = True,
    ) -> None:
        """`clock` returns nanoseconds since 1970. `saves`: if false, `save` only keeps the history in memory."""
        self._audit = audit
        self._parts = parts
        self._acceptances = acceptances
        self._clock = clock
        self._saves = saves
        self._manifest: Manifest | None = None
        self._history: AuditHistory | None = None
        """The newest history, saved or not; None before the first load."""
        self._history_seq = 0
        """The sequence of the manifest with which `_history` was loaded or saved."""
        self._in_memory: dict[CheckpointKind, CheckedOut] = {}
        self.saved_ns: int | None = None
        """When something was saved last, nanoseconds since 1970; None if nothing is saved."""
        self._problem: str | None = None
        self._logged_damage = ""
        """Why saved state could not be used when it was last loaded. A reason is logged once, and again after a load without one."""
        self._is_replaceable = True
        """False while the saved manifest is damaged: the parts that it named are neither used nor replaced."""

    @property
    def saves(self) -> bool:
        """Whether `save` saves anything."""
        return self._saves

    async def load_history(self) -> LoadedHistory:
        """Read what was saved last; its history. Raises StateNewerError, and the AuditorErrors of a request."""
        try:
            self._manifest = await self._parts.load_manifest()
        except StateFormatError as error:
            return self._without_manifest(error)
        self._is_replaceable = True
        if self._manifest is not None:
            self._refuse_newer(self._manifest)
        self.saved_ns = self._manifest.saved_ns if self._manifest else None
        if self._manifest is None:
            # Nothing is saved, so that what this process knows is the newest.
            self._problem = None
            self._mark_unsaved()
        elif not self._parts.is_own(self._manifest):
            self._in_memory.clear()
            self._history = await self._load(self._history)
        if self._history is None:
            self._history = await self._load(None)
        self._history_seq = self._parts.manifest_seq
        return LoadedHistory(self._history, self._problem)

    def _without_manifest(self, error: StateFormatError) -> LoadedHistory:
        """Continue with what this process knows. Nothing is saved, because that would replace the parts of the manifest."""
        self._manifest = self.saved_ns = None
        self._mark_unsaved()
        self._is_replaceable = False
        self._problem = self._no_history(error)
        self._log_damage("saved state not used", str(error))
        self._history = self._history or AuditHistory()
        return LoadedHistory(self._history, self._problem)

    def _no_history(self, error: StateFormatError) -> str:
        return (
            f"the saved history of audit {self._audit} cannot be used ({error}), so that {INCIDENTS} may be missing:"
            " look for them in the log of the daemon and in the past values of the metric"
            f" aether_auditor_findings; then auditor state reset --audit {self._audit} begins a new history"
        )

    def _log_damage(self, event: str, reason: str) -> None:
        if reason != self._logged_damage:
            log.error(event, audit=self._audit, reason=reason)
        self._logged_damage = reason

    def _mark_unsaved(self) -> None:
        self._in_memory = {kind: replace(each, is_saved=False) for kind, each in self._in_memory.items()}

    async def _load(self, known: AuditHistory | None) -> AuditHistory:
        """The saved history, with the identity that this process knows if that is newer.

        It is newer after a restore of the server's data, which takes the saved state back together with the stream: the manifest
        then has a lower sequence. Times of checks are not compared, because clocks of two processes can differ.
        """
        try:
            history = await self._read_history() or AuditHistory()
        except StateFormatError as error:
            self._log_damage("saved history not used", str(error))
            older = await self._previous_history(error)
            history = older or AuditHistory()
            self._problem = None if older is not None else self._no_history(error)
        else:
            self._problem = None
            self._logged_damage = ""
        if known is not None and self._parts.manifest_seq <= self._history_seq:
            return history.with_identity(known.identity)
        return history

    async def _previous_history(self, damage: StateFormatError) -> AuditHistory | None:
        """The previous version of the history, which the next save keeps; None if it cannot be used either."""
        try:
            history = await self._read_history(previous=True)
        except StateFormatError:
            return None
        if history is None:
            return None
        self._parts.use_previous(HISTORY_PART)
        return history.in_place_of_newer(
            f"the saved history of audit {self._audit} cannot be used ({damage}), and its previous version is used: what a"
            " pass noticed in between may be missing, unless this full pass notices it again"
        )

    async def load_acceptances(self) -> dict[Kind, Acceptance]:
        """The acceptances as of now. Raises as `load_history`."""
        try:
            return await self._acceptances.load()
        except StateError as error:
            self._log_unusable(error)
            return {}

    async def replace_acceptances(self, accepted: dict[Kind, Acceptance]) -> None:
        """Replace the acceptances that `load_acceptances` returned. Raises as `Acceptances.store`."""
        await self._acceptances.store(accepted)

    async def check_out(self, kind: CheckpointKind) -> CheckedOut | None:
        """The newest checkpoint of that kind. Raises as `load_history`."""
        in_memory = self._in_memory.pop(kind, None)
        if in_memory is not None:
            return in_memory
        try:
            data = await self._read(kind, READABLE_CHECKPOINTS)
            if data is None:
                return None
            return CheckedOut(await asyncio.to_thread(decode_checkpoint, data), is_saved=True)
        except (StateFormatError, ValueError) as error:
            self._log_unusable(error)
            return None

    async def save(self, encoded: EncodedState) -> None:
        """Replace what was saved last. Raises StateError, PermissionDeniedError, ConnectionFailedError."""
        self._history = encoded.history
        for kind in encoded.checkpoints:
            self._in_memory.pop(kind, None)
        if not self._saves or not self._is_replaceable:
            return
        parts: dict[str, PartContent | None] = {}
        if self._problem is None:
            parts[HISTORY_PART] = PartContent(encode_history(encoded.history), {}, FORMATS[HISTORY_PART])
        for kind, each in encoded.checkpoints.items():
            parts[kind] = None if each is None else PartContent(each.data, each.summary, FORMATS[kind])
        manifest = await self._parts.save(parts, self._clock())
        self.saved_ns = manifest.saved_ns
        self._history_seq = self._parts.manifest_seq

    def put_back(self, checked_out: CheckedOut) -> None:
        """Keep this checkpoint in memory for the next `check_out`."""
        self._in_memory[checked_out.checkpoint.kind] = checked_out

    def _refuse_newer(self, manifest: Manifest) -> None:
        """Raise StateNewerError if a part has a newer format, whether this pass reads it or not: a save would replace it."""
        for part, own in FORMATS.items():
            if part in manifest.parts and (saved := manifest.parts[part].format) > own:
                raise StateNewerError(
                    f"saved state of audit {self._audit}: {part} has format {saved}, written by auditor {manifest.auditor}, and this"
                    f" version reads up to {own}: run that version, or auditor state reset --audit {self._audit}"
                )

    async def _read(self, part: str, readable: Sequence[int], *, previous: bool = False) -> bytes | None:
        """The bytes of one part; None if nothing is saved. Raises StateFormatError if its format is not in `readable`."""
        manifest = self._manifest
        parts = {} if manifest is None else manifest.previous if previous else manifest.parts
        if manifest is None or part not in parts:
            return None
        saved = parts[part].format
        if saved not in readable:
            raise StateFormatError(
                f"{part} has format {saved}, written by auditor {manifest.auditor}, and this is {FORMATS[part]}"
            )
        return await self._parts.read(manifest, part, previous=previous)

    async def _read_history(self, *, previous: bool = False) -> AuditHistory | None:
        data = await self._read(HISTORY_PART, READABLE_FORMATS, previous=previous)
        if data is None or self._manifest is None:
            return None
        parts = self._manifest.previous if previous else self._manifest.parts
        try:
            return decode_history(data, parts[HISTORY_PART].format)
        except DECODE_ERRORS as error:
            raise StateFormatError(f"it does not decode ({type(error).__name__})") from error

    def _log_unusable(self, error: Exception) -> None:
        log.warning("saved state not used", audit=self._audit, reason=str(error))
