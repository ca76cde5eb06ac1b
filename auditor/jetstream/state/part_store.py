"""Saves and reads the parts of an audit's state: immutable chunks, and one manifest that names the current chunks.

    <prefix>.<audit>.head           the manifest: slot, chunks, size and digest of each part; replaced by compare-and-set
    <prefix>.<audit>.<part>.a|b     chunks; a save writes to the slot that the manifest does not name

A save first replaces the manifest by an equal one. Another writer then fails at its next replacement, so that no two write
to one slot. After a crash between two writes, the manifest still names a complete generation. Old chunks are removed by
rollup headers, which need no permission to delete or purge.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import msgspec

from auditor.aether import NotStoredError, UnknownOutcomeError
from auditor.errors import StateConflictError, StateError, StateFormatError, StateNewerError, StreamNotFoundError
from auditor.jetstream.api import DECODE_ERRORS, MAX_NUMBER, Number, get_message
from auditor.jetstream.publish import SequenceConflictError, publish_expecting
from auditor.jetstream.state.stream_settings import state_stream

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auditor.config import StateConfig
    from auditor.jetstream.api import StreamInfoReply
    from auditor.jetstream.api_client import ApiClient
    from auditor.jetstream.reading.stream_source import StreamSource

SCHEMA = "aether-auditor/state/1"
SLOTS = ("a", "b")
MAX_CHUNK_BYTES = 1 << 19
"""Half of the default max_payload. A reply with one chunk in base64 is smaller than max_payload, too."""
MAX_HEADERS_BYTES = 1 << 12
"""Bytes left for the header block of a chunk."""
MAX_CONCURRENT_READS = 4
"""Chunks that are requested at the same time."""
OVERHEAD_DIVISOR = 64
"""The server needs up to one byte more for this many bytes of saved state."""
MIN_FREE_BYTES = 1 << 16
"""Bytes left free for manifests."""
MAX_ATTEMPTS = 3
"""Attempts of one save, if the connection is lost during it."""
ROLLUP = {"Nats-Rollup": "sub"}
"""With this header a message replaces all others on its subject."""


class PartContent(NamedTuple):
    """What to save as a part."""

    data: bytes
    about: dict[str, Any]
    """A description for users."""
    format: int = 1
    """The number of the format of `data`."""


class StoredPartInfo(msgspec.Struct):
    """Where the bytes of a part are stored."""

    slot: str
    seqs: list[Annotated[int, msgspec.Meta(ge=-MAX_NUMBER, le=MAX_NUMBER)]]
    """The sequences of the chunks, in order. Those of a damaged part may be no sequences."""
    size: Number
    """Bytes of the part."""
    sha256: str
    about: dict[str, Any] = {}
    """A description for users."""
    format: int = 1
    """The number of the format of the bytes; 1 if none was saved."""


class Manifest(msgspec.Struct, kw_only=True):
    """Names the current generation of every part."""

    schema: str
    auditor: str
    """The version of the auditor that wrote it."""
    saved_ns: Number
    parts: dict[str, StoredPartInfo]
    previous: dict[str, StoredPartInfo] = {}
    """The version before the current one of each part, in the other slot. A save may have begun to replace its chunks."""
    writer: str = ""
    """A random text, different for each `PartStore`."""


class _Schema(msgspec.Struct):
    schema: str = ""


class PartStore:
    """The saved state of one audit. Chunks are read by sequence, from the leader of the stream."""

    def __init__(self, client: ApiClient, config: StateConfig, audited: StreamSource, audit: str, version: str) -> None:
        self._client = client
        self._config = config
        self._audited = audited
        self._audit = audit
        self._version = version
        self._writer = secrets.token_hex(8)
        self._manifest: Manifest | None = None
        self._manifest_seq = 0

    async def ensure(self) -> StreamInfoReply:
        """Create or check the state stream. Raises StateError, PermissionDeniedError, ConnectionFailedError."""
        return await state_stream(self._config).ensure(self._client, self._audited)

    async def load_manifest(self) -> Manifest | None:
        """Return the manifest of the last save; None if nothing is saved.

        Raises StateFormatError if the manifest is damaged or has gone, StateNewerError if it is of a later version, and the AuditorErrors
        of a request.
        """
        self._manifest, self._manifest_seq = None, 0
        subject = self._subject("head")
        try:
            message = await get_message(self._client, self._config.stream, last_by_subj=subject)
        except StreamNotFoundError:
            return None
        if message is None:
            if await self._has_parts():
                raise StateFormatError(
                    f"saved state of audit {self._audit} cannot be used: its manifest is missing, and parts of it are stored"
                )
            return None
        self._manifest_seq = message.seq
        self._manifest = self._decode(message.data)
        return self._manifest

    async def _has_parts(self) -> bool:
        """Whether chunks of a part are stored. A save writes a manifest before the first chunk."""
        for slot in SLOTS:
            subject = self._subject("*", slot)
            if await get_message(self._client, self._config.stream, seq=1, next_by_subj=subject) is not None:
                return True
        return False

    @property
    def manifest_seq(self) -> int:
        """The sequence of the manifest that was loaded or saved last; 0 if there is none."""
        return self._manifest_seq

    def is_own(self, manifest: Manifest) -> bool:
        """Return whether this object saved `manifest`."""
        return manifest.writer == self._writer

    def use_previous(self, part: str) -> None:
        """Let the loaded manifest name the previous version of `part`, so that the next save replaces the present one."""
        assert self._manifest is not None
        self._manifest.parts[part] = self._manifest.previous.pop(part)

    async def read(self, manifest: Manifest, part: str, *, previous: bool = False) -> bytes:
        """Return the bytes of one part that `manifest` names, or those of its previous version.

        Raises StateFormatError, and the AuditorErrors of a request.
        """
        saved = (manifest.previous if previous else manifest.parts)[part]
        subject = self._subject(part, saved.slot)
        if any(seq < 1 for seq in saved.seqs):
            raise StateFormatError(
                f"saved state of audit {self._audit}: {part} names a sequence that no message can have"
            )
        limit = asyncio.Semaphore(MAX_CONCURRENT_READS)

        async def chunk(seq: int) -> bytes:
            async with limit:
                message = await get_message(self._client, self._config.stream, seq=seq)
            if message is None or message.subject != subject.encode():
                raise StateFormatError(f"saved state of audit {self._audit}: the chunk at sequence {seq} is missing")
            return message.data

        data = b"".join(await asyncio.gather(*map(chunk, saved.seqs)))
        if len(data) != saved.size or hashlib.sha256(data).hexdigest() != saved.sha256:
            raise StateFormatError(f"saved state of audit {self._audit}: {part} has another digest than was saved")
        return data

    async def save(self, changed: Mapping[str, PartContent | None], now_ns: int) -> Manifest:
        """Replace the parts in `changed` (None: remove the part) and keep the others. All at once, or not at all.

        Raises StateConflictError if another writer has saved since the last `load_manifest` or `save` of this object, and
        again until the next `load_manifest`. Raises StateError, PermissionDeniedError, ConnectionFailedError.
        """
        self._check_capacity(await self.ensure(), changed)
        for _ in range(MAX_ATTEMPTS):
            try:
                return await self._save(changed, now_ns)
            except SequenceConflictError as error:
                known, known_seq = self._manifest, self._manifest_seq
                manifest = await self.load_manifest()
                # A manifest that this object stored itself, with a lost answer, is no conflict.
                if manifest is None or not (
                    self.is_own(manifest) and (error.outcome_unknown or self._manifest_seq == known_seq)
                ):
                    # Further saves then conflict, too, until `load_manifest`.
                    self._manifest, self._manifest_seq = known, known_seq
                    raise StateConflictError(self._conflict_text(manifest)) from None
            except (NotStoredError, UnknownOutcomeError) as error:
                raise StateError(f"state of audit {self._audit} is not saved: {error}") from error
        raise StateError(
            f"state of audit {self._audit} is not saved: the connection to NATS was lost in {MAX_ATTEMPTS} attempts"
        )

    def _check_capacity(self, info: StreamInfoReply, changed: Mapping[str, PartContent | None]) -> None:
        """Raise StateError if the parts do not fit: a full stream would refuse every further manifest."""
        max_bytes, taken = int(info.config["max_bytes"]), info.state.bytes
        needed = sum(len(content.data) for content in changed.values() if content is not None)
        if taken + needed + needed // OVERHEAD_DIVISOR + MIN_FREE_BYTES > max_bytes:
            raise StateError(
                f"state of audit {self._audit} is not saved: {needed} bytes do not fit into stream {self._config.stream}, "
                f"which holds {taken} of at most {max_bytes}: raise its max_bytes"
            )

    async def _save(self, changed: Mapping[str, PartContent | None], now_ns: int) -> Manifest:
        before = self._manifest
        manifest = Manifest(
            schema=SCHEMA,
            auditor=self._version,
            saved_ns=before.saved_ns if before else now_ns,
            parts=dict(before.parts) if before else {},
            previous=dict(before.previous) if before else {},
            writer=self._writer,
        )
        await self._put_manifest(manifest)
        for part, content in changed.items():
            replaced = manifest.parts.pop(part, None)
            manifest.previous.pop(part, None)
            if content is not None:
                manifest.parts[part] = await self._put_part(part, content)
                if replaced is not None:
                    manifest.previous[part] = replaced
        manifest.saved_ns = now_ns
        await self._put_manifest(manifest)
        for part, content in changed.items():
            if content is None and before is not None and part in before.parts:
                await self._clear(part)
        return manifest

    async def _put_manifest(self, manifest: Manifest) -> None:
        data = msgspec.json.encode(manifest)
        self._manifest_seq = await self._publish(self._subject("head"), data, self._manifest_seq, replacing=True)
        self._manifest = msgspec.json.decode(data, type=Manifest)

    async def _put_part(self, part: str, content: PartContent) -> StoredPartInfo:
        data = content.data
        current = self._manifest.parts.get(part) if self._manifest else None
        slot = next(slot for slot in SLOTS if current is None or slot != current.slot)
        subject = self._subject(part, slot)
        last = await get_message(self._client, self._config.stream, last_by_subj=subject)
        last_seq = last.seq if last else 0
        size = min(MAX_CHUNK_BYTES, self._client.max_payload - MAX_HEADERS_BYTES)
        seqs: list[int] = []
        for at in range(0, max(len(data), 1), size):
            last_seq = await self._publish(subject, data[at : at + size], last_seq, replacing=at == 0)
            seqs.append(last_seq)
        return StoredPartInfo(slot, seqs, len(data), hashlib.sha256(data).hexdigest(), content.about, content.format)

    async def _clear(self, part: str) -> None:
        """Replace the chunks of a removed part by one empty message in each slot."""
        for slot in SLOTS:
            subject = self._subject(part, slot)
            last = await get_message(self._client, self._config.stream, last_by_subj=subject)
            if last is not None and last.data:
                await self._publish(subject, b"", last.seq, replacing=True)

    async def _publish(self, subject: str, data: bytes, last_seq: int, *, replacing: bool) -> int:
        what = f"a message on {subject}"
        headers = ROLLUP if replacing else None
        stored = await publish_expecting(
            self._client, self._config.stream, subject, data, last_seq=last_seq, what=what, headers=headers
        )
        return stored.seq

    def _subject(self, *tokens: str) -> str:
        return ".".join((self._config.subject_prefix, self._audit, *tokens))

    def _decode(self, data: bytes) -> Manifest:
        try:
            schema = msgspec.json.decode(data, type=_Schema).schema
            if schema == SCHEMA:
                return msgspec.json.decode(data, type=Manifest)
        except DECODE_ERRORS:
            schema = ""
        if schema.startswith("aether-auditor/state/") and schema != SCHEMA:
            raise StateNewerError(
                f"saved state of audit {self._audit} was written by a later version of the auditor ({schema}, and this version"
                f" reads {SCHEMA}): run that version, or auditor state reset --audit {self._audit}"
            )
        raise StateFormatError(f"saved state of audit {self._audit} cannot be used: its manifest is damaged")

    def _conflict_text(self, manifest: Manifest | None) -> str:
        if manifest is None:
            return f"saved state of audit {self._audit} was removed by another process"
        return f"another auditor saves the state of audit {self._audit}: run only one, or give them different names"
