"""The model of findings: what a pass must report of the messages that a stream holds.

It is written from the rules of the findings (docs/findings.md) and of docs/decisions, without the code of the auditor,
and reads a stream as a list. The bodies are of `bodies.py` only, so that it need not decide what Go decides.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

CONTENT_CAUSES = ("malformed", "hidden", "foreign")
Found = tuple[Any, ...]
"""A kind, a severity, a reason or cause, and what identifies the finding, in this order."""
Messages = list[tuple["Message", str | None]]
"""Messages on one subject, and why replay cannot use one."""


@dataclass(frozen=True)
class Message:
    """A stored message."""

    seq: int
    subject: bytes
    body: bytes
    malformed: str | None = None
    """The reason for which Go refuses the body; None if it takes it."""


@dataclass(frozen=True)
class Held:
    """What a stream holds."""

    name: str
    first_seq: int
    last_seq: int
    messages: tuple[Message, ...]
    first_seq_at_creation: int = 1

    @property
    def deleted(self) -> list[int]:
        """Sequences that were removed from the middle."""
        stored = {message.seq for message in self.messages}
        return [seq for seq in range(self.first_seq, self.last_seq + 1) if seq not in stored]

    @property
    def start_has_moved(self) -> bool:
        """Whether messages have left the start of the stream."""
        return self.first_seq > self.first_seq_at_creation

    def up_to(self, last_seq: int) -> Held:
        """What a pass has read that ended early, with this sequence."""
        read = tuple(message for message in self.messages if message.seq <= last_seq)
        return replace(self, last_seq=last_seq, messages=read)


@dataclass
class Expected:
    """What a pass must report."""

    findings: Counter[Found] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    quarantined: set[int] = field(default_factory=set)
    """Sequences of the messages that have a record."""
    names_actors: bool = False
    """Whether the audit names its actors."""
    stores_events: bool = False
    """Whether the stream holds events at all, also of actors that the audit does not name."""


@dataclass
class _Gap:
    after: int
    before: int
    after_seq: int
    before_seq: int


def sanitized(text: str) -> str:
    """One token of `text`, as Aether makes it."""
    return "".join("_" if each in " .*>" else each for each in text)


def key_of(actor: str) -> str:
    """The two tokens that end the subjects of `actor`."""
    dash = actor.find("-", 1)
    return f"{sanitized(actor[:dash] if dash > 0 else 'unknown')}.{sanitized(actor)}"


def unreachable(key: bytes) -> str | None:
    """Why no actor id leads to `key`; None if one does."""
    try:
        text = key.decode()
    except UnicodeDecodeError:
        return "encoding"
    if any(each in text for each in " *>"):
        return "wildcard"
    tokens = text.split(".")
    if len(tokens) != 2 or key_of(tokens[1]) != text:
        return "tokens"
    return None


def expect(held: Held, actors: Sequence[str] = ()) -> Expected:
    """What a full pass over `held` must report. `actors`: the only ones that the audit names; empty for all messages."""
    result = Expected(names_actors=bool(actors))
    events, snapshots = f"{held.name}.events.".encode(), f"{held.name}.snapshots.".encode()
    keys = {key_of(each).encode() for each in actors}
    result.stores_events = any(message.subject.startswith(events) for message in held.messages)
    by_event_key: dict[bytes, Messages] = {}
    by_snapshot_key: dict[bytes, Messages] = {}
    for message in held.messages:
        if keys and message.subject.removeprefix(events).removeprefix(snapshots) not in keys:
            result.counts["skipped"] += 1
        elif message.subject.startswith(events):
            key = message.subject[len(events) :]
            bad = _event(result, message, key)
            if bad != "unreachable":
                by_event_key.setdefault(key, []).append((message, bad))
        elif message.subject.startswith(snapshots):
            key = message.subject[len(snapshots) :]
            by_snapshot_key.setdefault(key, []).append((message, _snapshot(message, key)))
        else:
            result.counts["skipped"] += 1
    for key, of_actor in by_event_key.items():
        required = _versions(result, held, events + key, of_actor)
        result.counts[_replay(required, of_actor, by_snapshot_key.get(key, []))] += 1
    for key, of_actor in by_snapshot_key.items():
        _snapshots(result, held, (snapshots + key, events + key), of_actor, by_event_key.get(key, []))
    if by_event_key:
        result.counts["seen"] = len(by_event_key)
    _ranges(result, held)
    selected = sum(result.counts[name] for name in ("ok", "malformed", "hidden", "unreachable"))
    selected += result.counts["snapshots_ok"] + result.counts["snapshots_malformed"]
    result.counts["examined"] = selected
    result.counts["in_range"] = held.last_seq - held.first_seq + 1
    result.counts["deleted"] = len(held.deleted)
    return result


def _add(result: Expected, *found: Any) -> None:
    result.findings[found] += 1


def _event(result: Expected, message: Message, key: bytes) -> str | None:
    """Adds the content finding of an event; returns the cause that it is of gaps, `unreachable`, or None."""
    reason = unreachable(key)
    if reason is not None:
        result.counts["unreachable"] += 1
        _add(result, "unreachable_event", "notice", reason, message.subject, message.seq)
        return "unreachable"
    kind, reason = None, message.malformed
    if reason is not None:
        kind, outcome, cause = "malformed_event", "malformed", "malformed"
    else:
        fields = json.loads(message.body)
        version = fields.get("version")
        kind, outcome, cause = None, "ok", None
        if version is None or version <= 0:
            kind, outcome, cause = "hidden_event", "hidden", "hidden"
            reason = "version_missing" if "version" not in fields else "version_not_positive"
        elif key_of(fields["actorId"]).encode() != key:
            kind, cause = "foreign_actor", "foreign"
    result.counts[outcome] += 1
    if kind is not None:
        result.quarantined.add(message.seq)
        _add(result, kind, "corruption", reason, message.subject, message.seq)
    return cause


def _snapshot(message: Message, key: bytes) -> str | None:
    if message.malformed is not None:
        return "malformed"
    if unreachable(key) is not None or key_of(json.loads(message.body)["actorId"]).encode() != key:
        return "foreign"
    return None


def _versions(result: Expected, held: Held, subject: bytes, events: Messages) -> int | None:
    """Adds the findings about the versions of one subject.

    Returns the version that a snapshot needs to cover those that are missing; None if no snapshot can.
    """
    good = [(message, json.loads(message.body)) for message, bad in events if bad is None]
    ids = {fields["actorId"] for _, fields in good}
    if len(ids) > 1:
        seq = next(message.seq for message, fields in good if fields["actorId"] != good[0][1]["actorId"])
        _add(result, "subject_collision", "corruption", None, subject, seq, tuple(sorted(ids)[:10]))
        return None
    first: int | None = None
    last, last_seq = 0, 0
    gaps: list[_Gap] = []
    stored: dict[int, bytes] = {}
    for message, fields in good:
        version = fields["version"]
        if first is None:
            first, last, last_seq = version, version, message.seq
            if version > 1:
                _head(result, held, subject, message.seq, version, events)
        elif version > last:
            if version > last + 1:
                gaps.append(_Gap(last, version, last_seq, message.seq))
            last, last_seq = version, message.seq
        elif version < first:
            _add(result, "version_regression", "corruption", None, subject, message.seq, version)
            continue
        else:
            gap = next((each for each in gaps if each.after < version < each.before), None)
            if gap is None:
                cause = "same_payload" if stored[version] == message.body else "different_payload"
                _add(result, "duplicate_version", "corruption", cause, subject, message.seq, version)
            else:
                _add(result, "late_version", "corruption", None, subject, message.seq, version)
                gaps.remove(gap)
                for after, before in ((gap.after, version), (version, gap.before)):
                    if before > after + 1:
                        gaps.append(_Gap(after, before, gap.after_seq, gap.before_seq))
        stored.setdefault(version, message.body)
    for gap in gaps:
        cause = _cause(held, events, gap.after_seq, gap.before_seq)
        _add(result, "version_gap", "corruption", cause, subject, gap.after, gap.before, gap.after_seq, gap.before_seq)
    return max([(first or 1) - 1, *(gap.before - 1 for gap in gaps)])


def _replay(required: int | None, events: Messages, snapshots: Messages) -> str:
    """Whether an actor can be replayed. `required`: the version that a snapshot needs to cover missing versions."""
    if required is None:
        return "broken"
    needs_snapshot = required > 0
    stored_after = 0
    for at, (message, bad) in enumerate(events):
        if bad is not None:
            needs_snapshot = True
            following = next((json.loads(each.body)["version"] for each, its in events[at:] if its is None), None)
            if following is None:
                stored_after = message.seq
            else:
                required = max(required, following - 1)
    if not needs_snapshot:
        return "replayable"
    last, bad = snapshots[-1] if snapshots else (None, "absent")
    if last is None or bad is not None or last.seq < stored_after or json.loads(last.body)["version"] < required:
        return "broken"
    return "replayable_from_snapshot"


def _head(result: Expected, held: Held, subject: bytes, seq: int, version: int, events: Messages) -> None:
    cause = _cause(held, events, 0, seq)
    if cause == "unknown" and held.start_has_moved:
        cause = "expired"
    severity = "notice" if cause == "expired" else "corruption"
    _add(result, "missing_head", severity, cause, subject, version, seq)


def _cause(held: Held, events: Messages, after_seq: int, before_seq: int) -> str:
    between = {bad for message, bad in events if after_seq < message.seq < before_seq}
    for cause in CONTENT_CAUSES:
        if cause in between:
            return cause
    return "deleted" if any(after_seq < seq < before_seq for seq in held.deleted) else "unknown"


def _snapshots(
    result: Expected,
    held: Held,
    subjects: tuple[bytes, bytes],
    snapshots: Messages,
    events: Messages,
) -> None:
    """`subjects`: of the snapshots, and of the events of the same actor."""
    last = snapshots[-1][0]
    for message, bad in snapshots:
        result.counts["snapshots_malformed" if bad == "malformed" else "snapshots_ok"] += 1
        if bad is not None:
            result.quarantined.add(message.seq)
            severity = "corruption" if message is last else "notice"
            _add(result, f"{bad}_snapshot", severity, message.malformed, subjects[0], message.seq)
    good = [json.loads(message.body) | {"seq": message.seq} for message, bad in snapshots if bad is None]
    if not good or snapshots[-1][1] is not None:
        return
    stored = [json.loads(message.body) | {"seq": message.seq} for message, bad in events if bad is None]
    last_version = max((each["version"] for each in stored), default=0)
    ahead = good[-1]["version"] - last_version
    last_event = min((each["seq"] for each in stored if each["version"] == last_version), default=0)
    bad_after = sum(1 for message, bad in events if bad is not None and message.seq > last_event)
    gone = not stored and held.start_has_moved
    if ahead > bad_after and not gone and len({each["actorId"] for each in stored}) <= 1:
        _add(result, "snapshot_ahead", "corruption", None, subjects[1], good[-1]["seq"])


def _ranges(result: Expected, held: Held) -> None:
    deleted = held.deleted
    starts = [seq for seq in deleted if seq - 1 not in deleted]
    for first in starts:
        last = first
        while last + 1 in deleted:
            last += 1
        _add(result, "deleted_messages", "notice", None, first, last)
