"""A stream against what it was when it was last looked at: has it lost its end, begun anew, or been written over.

The witness remembers the stream's own numbers and settings, and the digests of some of its messages (*anchors*): a few
of the last ones, and others spread over the whole range.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import msgspec

from auditor.core.model.findings import Finding, Incident, Kind, spec
from auditor.units import NANOSECONDS, format_utc

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from auditor.core.model.message import StoredMessage, StreamState

MAX_SAMPLES = 64
"""A full pass asks for all of them: a small request each."""
MAX_RECENT = 8
"""Of them, the last messages that passes read: a lost end that was written over again shows there."""
MAX_CHECKED_PER_PASS = 8
"""Anchors that a pass in between asks for."""
ALWAYS_SAMPLED = 2
"""Of them, the last ones."""
MAX_INCIDENTS = 1000
"""Remembered; of more, the oldest are forgotten."""

SETTINGS = (
    "subjects",
    "retention",
    "storage",
    "discard",
    "discard_new_per_subject",
    "num_replicas",
    "max_age",
    "max_msgs",
    "max_bytes",
    "max_msgs_per_subject",
    "max_msg_size",
    "duplicate_window",
    "compression",
    "description",
    "allow_direct",
    "mirror_direct",
    "allow_rollup_hdrs",
    "allow_msg_ttl",
    "deny_delete",
    "deny_purge",
    "sealed",
    "mirror",
    "sources",
    "subject_transform",
    "republish",
)
"""What decides whether Aether can open the stream, what it loses, and what an audit of it can see."""


DURATIONS = ("max_age", "duplicate_window")
"""Of them, nanoseconds."""


class SampledDigest(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One message as it was once read."""

    seq: int
    digest: bytes


class SampledDigests(msgspec.Struct, forbid_unknown_fields=True, rename={"digests": "kept"}):
    """Digests of messages, in stream order."""

    digests: list[SampledDigest] = []
    stride: int = 1
    """All but the recent ones lie in different strides of so many sequences."""

    def take(self, messages: Sequence[StoredMessage]) -> None:
        """Messages were read, in stream order: keep the first of them if it is in a stride of its own."""
        first, last = messages[0], self.digests[-1].seq if self.digests else -1
        if first.seq > last and first.seq // self.stride != last // self.stride:
            self._add(first)

    def end(self, message: StoredMessage) -> None:
        """The last message that a pass read."""
        if not self.digests or message.seq > self.digests[-1].seq:
            self._add(message)

    def _add(self, message: StoredMessage) -> None:
        self.digests.append(SampledDigest(message.seq, digest(message)))
        while len(self.digests) > MAX_SAMPLES:
            self.stride *= 2
            spread = {anchor.seq // self.stride: anchor for anchor in reversed(self.digests[:-MAX_RECENT])}
            self.digests = [*reversed(spread.values()), *self.digests[-MAX_RECENT:]]

    def keep_between(self, first_seq: int, last_seq: int) -> None:
        """Forget what the stream does not hold any more."""
        self.digests = [anchor for anchor in self.digests if first_seq <= anchor.seq <= last_seq]

    def forget(self, seqs: Iterable[int]) -> None:
        """Forget the anchors at these sequences."""
        gone = set(seqs)
        self.digests = [anchor for anchor in self.digests if anchor.seq not in gone]

    def sample(self, turn: int) -> list[SampledDigest]:
        """A few of them: always the last ones, and of the others each comes, as turns go by."""
        others, last = self.digests[:-ALWAYS_SAMPLED], self.digests[-ALWAYS_SAMPLED:]
        some = min(len(others), MAX_CHECKED_PER_PASS - ALWAYS_SAMPLED)
        return [*(others[(turn * some + number) % len(others)] for number in range(some)), *last]


class LastStreamInfo(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, rename={"checked_ns": "looked_ns"}):
    """What the stream said of itself when it was last looked at."""

    checked_ns: int
    created_ns: int
    first_seq: int
    last_seq: int
    messages: int
    settings: dict[str, Any] = {}


class StreamIdentity(
    msgspec.Struct,
    forbid_unknown_fields=True,
    rename={
        "last_info": "witness",
        "samples": "anchors",
        "last_deletion_pass_ns": "deletions_ns",
        "invalid_before_ns": "changed_ns",
    },
):
    """What outlives a stream's being read anew."""

    last_info: LastStreamInfo | None = None
    samples: SampledDigests = msgspec.field(default_factory=SampledDigests)
    incidents: list[Incident] = []
    last_deletion_pass_ns: int = 0
    """When deletions from the middle last made a pass read everything."""
    invalid_before_ns: int = 0
    """What was read before then is not what the stream holds now."""

    @property
    def checked_ns(self) -> int:
        """When the stream was last looked at; 0 if it never was."""
        return self.last_info.checked_ns if self.last_info else 0

    def look(self, now: StreamState, now_ns: int) -> list[Finding]:
        """Remember the stream as it is; what has happened to it since the last look, which is for the caller to `note`."""
        before = self.last_info
        self.last_info = LastStreamInfo(
            checked_ns=now_ns,
            created_ns=now.created_ns,
            first_seq=now.first_seq,
            last_seq=now.last_seq,
            messages=now.messages,
            settings=settings(now.config),
        )
        if before is not None and before.created_ns != now.created_ns:
            self.samples = SampledDigests()
        self.samples.keep_between(now.first_seq, now.last_seq)
        return [] if before is None else list(_compared(before, self.last_info))

    def note(self, finding: Finding, now_ns: int) -> None:
        """Remember one more incident."""
        self.incidents = [*self.incidents, Incident(now_ns, finding)][-MAX_INCIDENTS:]


def digest(message: StoredMessage) -> bytes:
    """Of header block, body and time of storing. Not of the subject: a single read may give it with U+FFFD."""
    headers = message.headers or b""
    start = b"%d %d\n" % (message.time_ns, len(headers))
    return hashlib.sha256(start + headers + message.data).digest()[:16]


def history_changed_finding(seqs: Sequence[int]) -> Finding:
    """The anchors at these sequences hold something else than they did."""
    what = f"the message at sequence {seqs[0]} comes"
    if len(seqs) > 1:
        what = f"{len(seqs)} messages that were compared, the first at sequence {seqs[0]}, come"
    return _found(
        Kind.HISTORY_CHANGED,
        first_seq=seqs[0],
        last_seq=seqs[-1],
        count=len(seqs),
        detail=f"{what} back with other bytes or another time of storing",
    )


def settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that matter, of a stream's configuration."""
    return {name: config[name] for name in SETTINGS if config.get(name) not in (None, False, "", [], {})}


def _compared(before: LastStreamInfo, now: LastStreamInfo) -> Iterator[Finding]:
    if before.created_ns != now.created_ns:
        yield _found(
            Kind.STREAM_RECREATED,
            count=before.messages,
            detail=f"the stream was created at {format_utc(now.created_ns)}; the one that was read before, created at"
            f" {format_utc(before.created_ns)}, held {before.messages} messages up to sequence {before.last_seq}",
        )
        return
    if now.last_seq < before.last_seq:
        lost = before.last_seq - now.last_seq
        yield _found(
            Kind.STREAM_ROLLBACK,
            first_seq=now.last_seq + 1,
            last_seq=before.last_seq,
            count=lost,
            detail=f"the stream ends at sequence {now.last_seq} and ended at {before.last_seq} before: {lost} are lost",
        )
    if now.first_seq < before.first_seq:
        back = before.first_seq - now.first_seq
        yield _found(
            Kind.STREAM_ROLLBACK,
            first_seq=now.first_seq,
            last_seq=before.first_seq - 1,
            count=back,
            detail=f"the stream begins at sequence {now.first_seq} and began at {before.first_seq} before:"
            f" up to {back} messages that had left it are back",
        )
    names = [name for name in SETTINGS if before.settings.get(name) != now.settings.get(name)]
    if names:
        old, new = before.settings, now.settings
        texts = [f"{name} was {_text(name, old)} and is {_text(name, new)}" for name in names]
        yield _found(Kind.CONFIG_CHANGED, detail="; ".join(texts))


def _found(kind: Kind, **facts: Any) -> Finding:
    return Finding(kind=kind, severity=spec(kind).severity(), **facts)


def _text(name: str, values: Mapping[str, Any]) -> str:
    value = values.get(name)
    if value is None:
        return "not set"
    return f"{value / NANOSECONDS:g} s" if name in DURATIONS else json.dumps(value)
