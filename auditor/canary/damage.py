"""Lists the damage that can be seeded through the JetStream API, with the findings that each must cause."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from auditor.aether import sanitize_subject
from auditor.aether.event import Reason
from auditor.aether.stream_layout import StreamLayout
from auditor.canary.actor_messages import ActorMessages, SeedMessage
from auditor.core.model.findings import Cause, Hidden, Kind, Severity, Unreachable, spec, subject_text
from auditor.core.model.kind_rules import Unit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from auditor.core.model.findings import Finding

STATUS_HEADERS = b"NATS/1.0\r\nStatus: 404\r\nDescription: No Messages\r\n\r\n"
"""A stored header block that looks like the reply with which a server says that a message does not exist."""


@dataclass(frozen=True, slots=True)
class Expected:
    """One finding that a damage must cause."""

    kind: Kind
    reason_or_cause: str | None = None
    """Its reason or cause."""
    severity: Severity = Severity.CORRUPTION


@dataclass(frozen=True, slots=True)
class Damage:
    """The messages of one actor with one kind of damage, and the findings that it must cause."""

    title: str
    """A few words for people."""
    actor: ActorMessages
    expected: tuple[Expected, ...]

    @property
    def deletes(self) -> bool:
        """Whether some of its messages are deleted after all are stored."""
        return any(message.deleted for message in self.actor.messages)

    def matches(self, expected: Expected, finding: Finding) -> bool:
        """Return whether `finding` is the one that `expected` describes."""
        if (finding.kind, finding.reason or finding.cause, finding.severity) != (
            expected.kind,
            expected.reason_or_cause,
            expected.severity,
        ):
            return False
        if spec(finding.kind).unit is Unit.MESSAGES:
            return finding.count == sum(message.deleted for message in self.actor.messages)
        return finding.subject in {subject_text(message.subject) for message in self.actor.messages} or (
            finding.actor == sanitize_subject(self.actor.actor_id)
        )


def _healthy(stream: str, actor_id: str, last: int = 8) -> ActorMessages:
    actor = ActorMessages(stream, actor_id)
    actor.events(*range(1, last + 1))
    return actor


def _rewritten(
    stream: str,
    title: str,
    reason: Reason,
    actor_id: str,
    rewrite: Callable[[bytes], bytes],
    headers: bytes | None = None,
) -> Damage:
    """Damage the fourth of eight events: replay skips it, and its version is missing."""
    actor = _healthy(stream, actor_id)
    event = actor.messages[3]
    event.data, event.headers = rewrite(event.data), headers
    gap = Expected(Kind.VERSION_GAP, Cause.MALFORMED)
    return Damage(title, actor, (Expected(Kind.MALFORMED_EVENT, reason), gap))


def _replaced(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def rewrite(body: bytes) -> bytes:
        assert old in body
        return body.replace(old, new, 1)

    return rewrite


def _malformed(stream: str) -> Sequence[Damage]:
    nested = b"[" * 10_000 + b"]" * 10_000
    damaged = partial(_rewritten, stream)
    return (
        damaged("an event cut in half", Reason.SYNTAX, "order-1", lambda body: body[: len(body) // 2]),
        damaged("an event with an empty body", Reason.EMPTY, "order-2", lambda _: b""),
        damaged("a version written as a string", Reason.TYPE, "cart-3", _replaced(b'"version":4', b'"version":"4"')),
        damaged("a number too large for Go", Reason.NUMBER, "cart-4", _replaced(b'"amount":50', b'"amount":1e999')),
        damaged("a date that does not exist", Reason.TIMESTAMP, "user-5", _replaced(b"2026-01-01", b"2026-02-30")),
        damaged("arrays nested too deep", Reason.DEPTH, "user-6", _replaced(b'"amount":50', b'"amount":' + nested)),
        damaged(
            "a broken event whose header says that there is no message",
            Reason.SYNTAX,
            "order-7",
            lambda body: body[:-1],
            STATUS_HEADERS,
        ),
    )


def _content(stream: str) -> Sequence[Damage]:
    hidden = _healthy(stream, "cart-8")
    hidden.messages[3].data = hidden.messages[3].data.replace(b'"version":4,', b"")
    zero = _healthy(stream, "cart-9")
    zero.messages[3].data = zero.messages[3].data.replace(b'"version":4,', b'"version":0,')
    foreign = _healthy(stream, "user-10")
    foreign.messages[3].data = ActorMessages(stream, "user-1010").event(4).data
    shared, other = ActorMessages(stream, "order-11.a"), ActorMessages(stream, "order-11_a")
    for version in (1, 2, 3):
        shared.messages += [shared.event(version), other.event(version)]
    events = StreamLayout(stream).events_prefix
    not_utf8 = ActorMessages(stream, "user-12")
    not_utf8.messages = [SeedMessage(f"{events}user.user-".encode() + b"\xff\xfe", not_utf8.event(1).data)]
    wildcard = ActorMessages(stream, "user-13")
    wildcard.messages = [SeedMessage(f"{events}user.user-1*".encode(), wildcard.event(1).data)]
    tokens = ActorMessages(stream, "user-14")
    tokens.messages = [SeedMessage(f"{events}customer.user-14".encode(), tokens.event(1).data)]
    gap = Kind.VERSION_GAP
    return (
        Damage(
            "an event without a version",
            hidden,
            (Expected(Kind.HIDDEN_EVENT, Hidden.VERSION_MISSING), Expected(gap, Cause.HIDDEN)),
        ),
        Damage(
            "an event with version 0",
            zero,
            (Expected(Kind.HIDDEN_EVENT, Hidden.VERSION_NOT_POSITIVE), Expected(gap, Cause.HIDDEN)),
        ),
        Damage("an event of another actor", foreign, (Expected(Kind.FOREIGN_ACTOR), Expected(gap, Cause.FOREIGN))),
        Damage("two actor ids that share a subject", shared, (Expected(Kind.SUBJECT_COLLISION),)),
        Damage(
            "a subject that is not UTF-8",
            not_utf8,
            (Expected(Kind.UNREACHABLE_EVENT, Unreachable.ENCODING, Severity.NOTICE),),
        ),
        Damage(
            "a subject with a literal *",
            wildcard,
            (Expected(Kind.UNREACHABLE_EVENT, Unreachable.WILDCARD, Severity.NOTICE),),
        ),
        Damage(
            "an actor under a type that is not its own",
            tokens,
            (Expected(Kind.UNREACHABLE_EVENT, Unreachable.TOKENS, Severity.NOTICE),),
        ),
    )


def _versions(stream: str) -> Sequence[Damage]:
    deleted = _healthy(stream, "order-15")
    deleted.messages[4].deleted = True
    never = ActorMessages(stream, "order-16")
    never.events(1, 2, 3, 6, 7)
    same = _healthy(stream, "cart-17")
    same.messages.insert(5, same.event(4))
    different = _healthy(stream, "cart-18")
    different.messages.insert(5, different.event(4, note="-again"))
    late = ActorMessages(stream, "cart-19")
    late.events(1, 2, 4, 5, 3, 6)
    regression = ActorMessages(stream, "user-20")
    regression.events(3, 4, 2, 5)
    duplicate = Kind.DUPLICATE_VERSION
    return (
        Damage(
            "a deleted event",
            deleted,
            (Expected(Kind.VERSION_GAP, Cause.DELETED), Expected(Kind.DELETED_MESSAGES, severity=Severity.NOTICE)),
        ),
        Damage("two versions that were never stored", never, (Expected(Kind.VERSION_GAP, Cause.UNKNOWN),)),
        Damage("an event stored twice", same, (Expected(duplicate, Cause.SAME_PAYLOAD),)),
        Damage("a version stored twice, differently", different, (Expected(duplicate, Cause.DIFFERENT_PAYLOAD),)),
        Damage("an event that arrived late", late, (Expected(Kind.LATE_VERSION),)),
        Damage(
            "a version below the first one stored",
            regression,
            (Expected(Kind.MISSING_HEAD, Cause.UNKNOWN), Expected(Kind.VERSION_REGRESSION)),
        ),
    )


def _snapshots(stream: str) -> Sequence[Damage]:
    bad = _healthy(stream, "order-21")
    bad.messages.append(bad.snapshot(8))
    bad.messages[-1].data = bad.messages[-1].data[:-2]
    outlived = _healthy(stream, "order-22")
    outlived.messages += [outlived.snapshot(7), outlived.snapshot(8)]
    outlived.messages[-2].data = b"{}{}"
    foreign = _healthy(stream, "cart-23")
    foreign.messages.append(foreign.snapshot(8))
    foreign.messages[-1].data = ActorMessages(stream, "cart-1023").snapshot(8).data
    ahead = _healthy(stream, "user-24")
    ahead.messages.append(ahead.snapshot(12))
    covered = ActorMessages(stream, "user-25")
    covered.events(1, 2, 3)
    covered.messages.append(covered.snapshot(5))
    covered.events(6, 7)
    malformed, syntax = Kind.MALFORMED_SNAPSHOT, Reason.SYNTAX
    return (
        Damage("a last snapshot that does not decode", bad, (Expected(malformed, syntax),)),
        Damage("an earlier snapshot that does not decode", outlived, (Expected(malformed, syntax, Severity.NOTICE),)),
        Damage("a snapshot of another actor", foreign, (Expected(Kind.FOREIGN_SNAPSHOT),)),
        Damage("a snapshot ahead of its events", ahead, (Expected(Kind.SNAPSHOT_AHEAD),)),
        Damage("lost versions that a snapshot covers", covered, (Expected(Kind.VERSION_GAP, Cause.UNKNOWN),)),
    )


def all_damage(stream: str) -> tuple[Damage, ...]:
    """Build the whole list for `stream`, in the order in which it is shown."""
    return (*_malformed(stream), *_content(stream), *_versions(stream), *_snapshots(stream))
