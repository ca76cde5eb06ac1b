"""An audit's memory, kept in the state stream: what is there is used if it is whole, and else not missed for long."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
import structlog

from auditor.core.history.audit_history import AUDIT_HISTORY_FORMAT, AuditHistory
from auditor.core.state.checkpoint import Checkpoint, CheckpointKind
from auditor.core.state.codec import FORMAT, decode_checkpoint, encode_checkpoint
from auditor.errors import StateError, StateFormatError, StateNewerError
from auditor.jetstream.state.part_store import PartContent
from auditor.units import format_utc

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from auditor.core.model.findings import Kind
    from auditor.core.state.acceptance import Acceptance
    from auditor.core.state.checkpoint import EncodedState
    from auditor.jetstream.state.acceptances import Acceptances
    from auditor.jetstream.state.part_store import Manifest, PartStore

log = structlog.get_logger()

CHRONICLE = "chronicle"
FORMATS = {CHRONICLE: AUDIT_HISTORY_FORMAT, CheckpointKind.COMPLETED: FORMAT, CheckpointKind.IN_PROGRESS: FORMAT}
"""By part: the format that this version saves and reads."""


class JetStreamStateStore:
    """The `StateStore` of auditor/scan/ports.py for one audit. It saves nothing, ever, unless it `writes`."""

    def __init__(
        self,
        audit: str,
        checkpoints: PartStore,
        acceptances: Acceptances,
        clock: Callable[[], int],
        *,
        writes: bool = True,
    ) -> None:
        self._audit = audit
        self._checkpoints = checkpoints
        self._acceptances = acceptances
        self._clock = clock
        self._writes = writes
        self._head: Manifest | None = None
        self._chronicle: AuditHistory | None = None
        self._held: dict[CheckpointKind, Checkpoint] = {}
        """The newest of each part, saved or not."""
        self._saved: Checkpoint | None = None
        self.saved_ns: int | None = None
        """When something was saved last; None if nothing is there."""
        self._problem: str | None = None
        self._replaceable = True
        """False while the saved head is damaged: what it named is neither used nor replaced."""

    @property
    def problem(self) -> str | None:
        """Why the saved chronicle cannot be used, in one line; None if it can. As of the last `open`."""
        return self._problem

    async def open(self) -> AuditHistory:
        """See what was saved last; its chronicle. Raises StateNewerError, and the AuditorErrors of a request."""
        try:
            self._head = await self._checkpoints.load_manifest()
        except StateFormatError as error:
            return self._without_head(error)
        self._replaceable = True
        if self._head is not None:
            self._refuse_newer(self._head)
        self.saved_ns = self._head.saved_ns if self._head else None
        if self._head is None:
            self._saved = self._problem = None  # what this process remembers is all there is
        elif not self._checkpoints.is_own(self._head):
            self._held.clear()
            self._saved = None
            self._chronicle = await self._load(self._chronicle)
        if self._chronicle is None:
            self._chronicle = await self._load(None)
        return self._chronicle

    def _without_head(self, error: StateFormatError) -> AuditHistory:
        """Go on with what this process knows. Nothing is saved, since that would replace the parts that a head names."""
        self._head = self.saved_ns = self._saved = None
        self._replaceable = False
        self._problem = self._no_history(error)
        log.error("saved state not used", audit=self._audit, why=str(error))
        self._chronicle = self._chronicle or AuditHistory()
        return self._chronicle

    def _no_history(self, error: StateFormatError) -> str:
        return (
            f"the saved history of audit {self._audit} cannot be used ({error}), so that findings of earlier passes may"
            f" be missing: auditor state reset --audit {self._audit} begins a new one"
        )

    async def _load(self, known: AuditHistory | None) -> AuditHistory:
        """What was saved, but for what this process has seen since: a restore takes state back together with the stream."""
        try:
            chronicle = await self._read_chronicle()
        except StateFormatError as error:
            chronicle = AuditHistory()
            self._problem = self._no_history(error)
            log.error("saved history not used", audit=self._audit, why=str(error))  # noqa: TRY400 - the line says it all
        else:
            self._problem = None
        if known is not None and known.identity.checked_ns > chronicle.identity.checked_ns:
            chronicle.identity = known.identity
        return chronicle

    async def accepted(self) -> dict[Kind, Acceptance]:
        """What operators accepted, as of now. Raises as `open`."""
        try:
            return await self._acceptances.load()
        except StateError as error:
            self._unusable(error)
            return {}

    async def check_out(self, part: CheckpointKind) -> Checkpoint | None:
        """That part of what was saved last. Raises as `open`."""
        held = self._held.pop(part, None)
        if held is not None:
            return held
        try:
            data = await self._read(part)
            if data is None:
                return None
            memory = await asyncio.to_thread(decode_checkpoint, data)
        except (StateFormatError, ValueError) as error:
            self._unusable(error)
            return None
        self._saved = memory
        return memory

    async def pack(self, changed: Mapping[CheckpointKind, Checkpoint | None]) -> EncodedState:
        """The chronicle and these parts, ready to be saved."""
        for part in changed:
            self._held.pop(part, None)  # the part that is packed replaces it
        if not self._writes or not self._replaceable:
            return {}
        ready: dict[str, PartContent | None] = {}
        if self._problem is None:
            ready[CHRONICLE] = PartContent(msgspec.msgpack.encode(self._chronicle), {}, FORMATS[CHRONICLE])
        for part, memory in changed.items():
            ready[part] = None
            if memory is not None:
                ready[part] = PartContent(
                    await asyncio.to_thread(encode_checkpoint, memory), about(memory), FORMATS[part]
                )
            self._saved = memory or self._saved
        return ready

    async def save(self, encoded: EncodedState) -> None:
        """Have that in place of what was saved last. Raises StateError, PermissionDeniedError, ConnectionFailedError."""
        if not self._writes or not encoded:
            return
        try:
            head = await self._checkpoints.save(encoded, self._clock())
        except BaseException:
            self._saved = None
            raise
        self.saved_ns = head.saved_ns

    def put_back(self, memory: Checkpoint) -> None:
        """Spare the next `check_out` the reading."""
        self._held[memory.kind] = memory

    def is_saved(self, memory: Checkpoint) -> bool:
        """Whether `memory` is what was saved last, if nothing has happened to it since it was recalled."""
        return self._saved is memory

    def _refuse_newer(self, head: Manifest) -> None:
        """Raise StateNewerError if a part has a newer format, whether this pass reads it or not: a save would replace it."""
        for part, own in FORMATS.items():
            if part in head.parts and (saved := head.parts[part].format) > own:
                raise StateNewerError(
                    f"saved state of audit {self._audit}: {part} has format {saved}, written by auditor {head.auditor}, and this"
                    f" version reads up to {own}: run that version, or auditor state reset --audit {self._audit}"
                )

    async def _read(self, part: str) -> bytes | None:
        """The bytes of one part; None if nothing is saved. Raises StateFormatError if its format is not this version's."""
        head = self._head
        if head is None or part not in head.parts:
            return None
        saved, own = head.parts[part].format, FORMATS[part]
        if saved != own:
            raise StateFormatError(f"{part} has format {saved}, written by auditor {head.auditor}, and this is {own}")
        return await self._checkpoints.read(head, part)

    async def _read_chronicle(self) -> AuditHistory:
        data = await self._read(CHRONICLE)
        if data is None:
            return AuditHistory()
        try:
            return msgspec.msgpack.decode(data, type=AuditHistory)
        except msgspec.MsgspecError as error:
            raise StateFormatError(f"it does not decode ({type(error).__name__})") from error

    def _unusable(self, why: object) -> None:
        log.warning("saved state not used", audit=self._audit, why=str(why))


def about(memory: Checkpoint) -> dict[str, object]:
    """What a part holds, for people."""
    return {
        "stream": memory.stream,
        "first_seq": memory.first_seq,
        "last_seq": memory.next_seq - 1,
        "actors": memory.state.ledger.actor_count(),
        "full_pass_at": format_utc(memory.full_pass_started_ns),
    }
