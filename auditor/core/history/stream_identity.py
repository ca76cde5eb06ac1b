"""Compares a stream with its last check: whether it lost its end, was created again, or holds other messages.

A `StreamIdentity` keeps the stream info and settings of the last check, and the digests of sampled messages: a few of
the last messages that passes read, and others spread over the whole range. All values here are immutable.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import msgspec

from auditor.core.model.findings import Finding, Incident, Kind, Severity, spec
from auditor.core.model.message import Loss
from auditor.units import NANOSECONDS, format_utc

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from auditor.core.model.message import StoredMessage, StreamInfo

MAX_SAMPLES = 64
"""Sampled messages. A full pass reads each of them again, with one small request each."""
MAX_RECENT = 8
"""Sampled messages that are the last ones read: they reveal that the end of a stream was lost and written again."""
MAX_CHECKED_PER_PASS = 8
"""Sampled messages that an incremental pass reads again."""
ALWAYS_CHECKED = 2
"""The last of them, which every pass reads again."""
MAX_INCIDENTS = 1000
"""Incidents kept. When there are more, the oldest notice is dropped; the oldest of all if none is a notice."""
MAX_GENERATIONS_UNSAVED = 1000
"""Generations that passes can have begun between two saves of the history."""

COMPARED_SETTINGS = (
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
"""Settings that decide whether Aether can open the stream, what the stream loses, and what an audit can see."""

DURATION_SETTINGS = ("max_age", "duplicate_window")
"""Settings in nanoseconds."""


class SampledDigest(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The digest of one message when it was first read."""

    seq: int
    digest: bytes


class SampledDigests(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"digests": "kept"}):
    """Digests of sampled messages, in stream order."""

    digests: tuple[SampledDigest, ...] = ()
    stride: int = 1
    """The stream is divided into strides of so many sequences; all but the recent samples lie in different strides."""

    def observe(self, messages: Sequence[StoredMessage]) -> SampledDigests:
        """The samples after a batch was read in stream order: its first message is added if its stride has no sample yet."""
        first, last = messages[0], self.digests[-1].seq if self.digests else -1
        if first.seq > last and first.seq // self.stride != last // self.stride:
            return self._with(first)
        return self

    def observe_last(self, message: StoredMessage) -> SampledDigests:
        """The samples with the last message that a pass read."""
        if not self.digests or message.seq > self.digests[-1].seq:
            return self._with(message)
        return self

    def _with(self, message: StoredMessage) -> SampledDigests:
        digests, stride = (*self.digests, SampledDigest(message.seq, digest(message))), self.stride
        while len(digests) > MAX_SAMPLES:
            stride *= 2
            spread = {sample.seq // stride: sample for sample in reversed(digests[:-MAX_RECENT])}
            digests = (*reversed(spread.values()), *digests[-MAX_RECENT:])
        return SampledDigests(digests, stride)

    def within(self, first_seq: int, last_seq: int) -> SampledDigests:
        """The samples between two sequences, both included."""
        return SampledDigests(tuple(each for each in self.digests if first_seq <= each.seq <= last_seq), self.stride)

    def without(self, seqs: Iterable[int]) -> SampledDigests:
        """The samples except those at `seqs`."""
        dropped = set(seqs)
        return SampledDigests(tuple(each for each in self.digests if each.seq not in dropped), self.stride)

    def choose(self, turn: int) -> list[SampledDigest]:
        """The samples to check in one pass: always the last ones, and some of the others in turn."""
        others, last = self.digests[:-ALWAYS_CHECKED], self.digests[-ALWAYS_CHECKED:]
        some = min(len(others), MAX_CHECKED_PER_PASS - ALWAYS_CHECKED)
        return [*(others[(turn * some + number) % len(others)] for number in range(some)), *last]


class LastStreamInfo(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"checked_ns": "looked_ns"}
):
    """The stream info of the last check."""

    checked_ns: int
    """When the check was made, nanoseconds since 1970."""
    created_ns: int
    first_seq: int
    last_seq: int
    messages: int
    settings: dict[str, Any] = {}
    first_time_ns: int = 0
    """When the first message was stored, nanoseconds since 1970; 0 if that is not known."""
    stream: str = ""
    """`StreamInfo.address`; empty if it is not known."""
    account: str = ""
    """The account of the auditor's user; empty if it is not known."""


class StreamIdentity(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    rename={
        "last_info": "witness",
        "samples": "anchors",
        "last_deletion_pass_ns": "deletions_ns",
    },
):
    """The last stream info, sampled messages and incidents of a stream. Full passes keep it."""

    last_info: LastStreamInfo | None = None
    """None before the first check."""
    samples: SampledDigests = SampledDigests()
    incidents: tuple[Incident, ...] = ()
    """Rollbacks, re-creations and other changes, in the order in which passes noticed them."""
    last_deletion_pass_ns: int = 0
    """When messages deleted from the middle last made a pass read the whole stream, nanoseconds since 1970."""
    generation: int = 0
    """Number of the changes after which checkpoints did not describe the stream any more. A checkpoint has the generation
    with which its full pass began, and is valid only in that generation."""
    lost: Loss = Loss()
    """What the server has ever reported as lost from this stream: a server forgets it when it is restarted."""
    unexplained_start: str = ""
    """What left the start of the stream although no limit explains it, in one line; empty if nothing has."""

    def is_of(self, info: StreamInfo) -> bool:
        """Whether this may be the identity of the stream with this name in this account and domain.

        A stream that is as old as that of the last check is the same one, however the auditor reaches it.
        """
        before = self.last_info
        if before is None:
            return True
        if before.created_ns == info.created_ns:
            return before.stream.rpartition(" ")[2] in ("", info.name)
        is_moved = before.account and info.account and before.account != info.account
        return before.stream in ("", info.address) and not is_moved

    def without_checkpoints(self) -> StreamIdentity:
        """The identity in a generation of which no checkpoint can have been saved yet."""
        return msgspec.structs.replace(self, generation=self.generation + MAX_GENERATIONS_UNSAVED)

    def compared_with(self, info: StreamInfo, now_ns: int) -> tuple[StreamIdentity, list[Finding]]:
        """The identity with `info` as its last check, and what has changed since the check before.

        Samples that the stream cannot hold any more are dropped. The caller adds the findings with `with_incident`.
        """
        before, now = self.last_info, _last_info(info, now_ns)
        if before is not None and before.created_ns != now.created_ns:
            identity = StreamIdentity(now, incidents=self.incidents, generation=self.generation)
        else:
            samples = self.samples.within(now.first_seq, now.last_seq)
            identity = msgspec.structs.replace(self, last_info=now, samples=samples)
        return identity, [] if before is None else list(_compared(before, now))

    def with_incident(self, finding: Finding, now_ns: int) -> StreamIdentity:
        """The identity with one more incident."""
        incidents = [*self.incidents, Incident(now_ns, finding)]
        if len(incidents) > MAX_INCIDENTS:
            notices = (at for at, each in enumerate(incidents) if each.finding.severity is Severity.NOTICE)
            del incidents[next(notices, 0)]
        return msgspec.structs.replace(self, incidents=tuple(incidents))

    def with_loss(self, lost: Loss) -> StreamIdentity:
        """The identity after the server reported this loss."""
        return msgspec.structs.replace(self, lost=self.lost.merged_with(lost))

    def with_samples(self, samples: SampledDigests) -> StreamIdentity:
        """The identity with other samples."""
        return msgspec.structs.replace(self, samples=samples)


def _last_info(info: StreamInfo, now_ns: int) -> LastStreamInfo:
    return LastStreamInfo(
        checked_ns=now_ns,
        created_ns=info.created_ns,
        first_seq=info.first_seq,
        last_seq=info.last_seq,
        messages=info.messages,
        settings=settings(info.config),
        first_time_ns=info.first_time_ns,
        stream=info.address,
        account=info.account,
    )


def digest(message: StoredMessage) -> bytes:
    """The digest of the header block, the body and the time of storing; 16 bytes.

    The subject is left out, because a request for a single message may return it with U+FFFD in it.
    """
    headers = message.headers or b""
    start = b"%d %d\n" % (message.time_ns, len(headers))
    return hashlib.sha256(start + headers + message.data).digest()[:16]


def history_changed_finding(seqs: Sequence[int]) -> Finding:
    """The finding that the sampled messages at `seqs` are not the messages that were read before."""
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
    """The compared settings of a stream's configuration that have a value."""
    return {name: config[name] for name in COMPARED_SETTINGS if config.get(name) not in (None, False, "", [], {})}


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
    names = [name for name in COMPARED_SETTINGS if before.settings.get(name) != now.settings.get(name)]
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
    return f"{value / NANOSECONDS:g} s" if name in DURATION_SETTINGS else json.dumps(value)
