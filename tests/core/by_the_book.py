"""A slow model of the documented rules of findings, over a list of messages. It shares no code with the auditor.

It knows how each message was made, so it decodes nothing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from tests.core.stories import event, message, snapshot

if TYPE_CHECKING:
    from collections.abc import Iterable

    from auditor.core.model.message import StoredMessage

CAUSES = {"malformed_event": "malformed", "hidden_event": "hidden", "foreign_actor": "foreign"}
STRONGEST_FIRST = ("malformed", "hidden", "foreign")


@dataclass(frozen=True)
class Made:
    """A generated message with its content finding, or with its actor id and version."""

    subject: str | bytes
    data: bytes
    kind: str | None = None
    reason: str | None = None
    actor_id: str = ""
    version: int = 0

    @property
    def key(self) -> bytes:
        raw = self.subject if isinstance(self.subject, bytes) else self.subject.encode()
        return raw.split(b".", 2)[2]

    @property
    def is_snapshot(self) -> bool:
        return b".snapshots." in (self.subject if isinstance(self.subject, bytes) else self.subject.encode())


@dataclass(frozen=True)
class World:
    """The facts of a pass in addition to its messages."""

    first_seq: int = 1
    deleted: frozenset[int] = frozenset()
    unreadable: frozenset[int] = frozenset()
    first_version: int = 1
    contiguous: bool = True


@dataclass(frozen=True)
class Found:
    kind: str
    severity: str
    reason_or_cause: str | None = None
    seq: int | None = None
    version: int | None = None
    between: tuple[int | None, int] | None = None
    versions: tuple[int, int, int] | None = None
    """The last version before, the first version after, and the number of missing versions."""
    ids: tuple[str, ...] | None = None


# How messages are made ------------------------------------------------------------------------------------------------

ACTORS = {"unknown.a_b": ("a.b", "a_b"), "order.order-1": ("order-1",), "-x.-x-y": ("-x-y",)}


@st.composite
def made(draw: st.DrawFn) -> Made:
    key = draw(st.sampled_from(sorted(ACTORS)))
    events, snapshots = f"S.events.{key}", f"S.snapshots.{key}"
    # The second id that shares a subject is rare, because versions are not judged after it.
    actor = ACTORS[key][0] if draw(st.integers(0, 9)) else ACTORS[key][-1]
    version = draw(st.integers(1, 7))
    good = Made(events, event(actor, version), None, None, actor, version)
    bad = [
        Made(events, b"", "malformed_event", "empty"),
        Made(events, event(actor, version)[:-2], "malformed_event", "syntax"),
        Made(events, event(actor, None), "hidden_event", "version_missing"),
        Made(events, event(actor, -version), "hidden_event", "version_not_positive"),
        Made(events, event("order-9", version), "foreign_actor"),
        Made(events, event("", version), "foreign_actor"),
        Made(b"S.events.order.order-\xff", b"", "unreachable_event", "encoding"),
        Made("S.events.order.>", event(actor, version), "unreachable_event", "wildcard"),
        Made("S.events.cart.order-1", event("order-1", version), "unreachable_event", "tokens"),
        Made(snapshots, b"{", "malformed_snapshot", "syntax"),
        Made(snapshots, b"[]", "malformed_snapshot", "type"),
        Made(snapshots, snapshot("order-9", version), "foreign_snapshot"),
        Made(b"S.snapshots.\xff", snapshot(actor, version), "foreign_snapshot"),
        Made(b"S.snapshots.\xff", b"nil", "malformed_snapshot", "syntax"),
    ]
    kept = Made(snapshots, snapshot(actor, version), None, None, actor, version)
    return draw(st.sampled_from([*[good] * 20, *[kept] * 5, *bad]))


@st.composite
def growing(draw: st.DrawFn) -> list[Made]:
    """Messages of actors whose versions mostly grow by one."""
    last: dict[bytes, int] = {}
    stored = []
    for one in draw(st.lists(made(), max_size=30)):
        if one.kind is None and draw(st.integers(0, 5)):
            steps, body = ([0, 0, 1, 2], snapshot) if one.is_snapshot else ([1, 1, 1, 1, 2, 3], event)
            version = max(1, last.get(one.key, 0) + draw(st.sampled_from(steps)))
            one = Made(one.subject, body(one.actor_id, version), None, None, one.actor_id, version)  # noqa: PLW2901
            if not one.is_snapshot:
                last[one.key] = version
        stored.append(one)
    return stored


stories = st.lists(made(), max_size=30) | growing() | growing()


# The findings about them -------------------------------------------------------------------------------------------


def findings(stored: dict[int, Made], world: World) -> Counter[Found]:
    """Every finding about `stored`, which has the messages by sequence."""
    found = Counter(_contents(stored))
    for key in {one.key for one in stored.values()}:
        found.update(_versions(_on(stored, key, snapshots=False), world))
        if _is_ahead(stored, key, world):
            seq, last = max(_on(stored, key, snapshots=True).items())
            found[Found("snapshot_ahead", "corruption", seq=seq, version=last.version)] += 1
    return found


def replays(stored: dict[int, Made], world: World) -> Counter[str]:
    """How many actors can be replayed, and how."""
    counts: Counter[str] = Counter()
    for key in {one.key for one in stored.values() if not one.is_snapshot and one.kind != "unreachable_event"}:
        counts[_replay(_on(stored, key, snapshots=False), _on(stored, key, snapshots=True), world)] += 1
    return counts


def _on(stored: dict[int, Made], key: bytes, *, snapshots: bool) -> dict[int, Made]:
    return {seq: one for seq, one in stored.items() if one.key == key and one.is_snapshot == snapshots}


def _good(events: dict[int, Made]) -> list[tuple[int, Made]]:
    return [(seq, one) for seq, one in sorted(events.items()) if one.kind is None]


def _ids(events: dict[int, Made]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.actor_id for _, one in _good(events)))


def _contents(stored: dict[int, Made]) -> Iterable[Found]:
    last_on = {one.subject: seq for seq, one in sorted(stored.items()) if one.is_snapshot}
    for seq, one in stored.items():
        if one.kind is not None:
            notice = one.kind == "unreachable_event" or (one.is_snapshot and last_on[one.subject] != seq)
            yield Found(one.kind, "notice" if notice else "corruption", one.reason, seq)


def _versions(events: dict[int, Made], world: World) -> Iterable[Found]:
    good = _good(events)
    if len(_ids(events)) > 1:
        shared = next(seq for seq, one in good if one.actor_id != good[0][1].actor_id)
        yield Found("subject_collision", "corruption", seq=shared, ids=_ids(events)[:10])
        return
    stored: set[int] = set()
    for seq, one in good:
        version = one.version
        if stored and version <= max(stored):
            kind = "version_regression" if version < good[0][1].version else "late_version"
            if version in stored and kind == "late_version":
                kind = "duplicate_version"
            yield Found(kind, "corruption", "unknown" if kind == "duplicate_version" else None, seq, version)
        stored.add(version)
    for first, last, after, before in _missing(events, world):
        cause = _cause(events, world, after, before)
        expected = cause == "expired" or (cause == "unknown" and not world.contiguous)
        yield Found(
            "version_gap" if after else "missing_head",
            "notice" if expected else "corruption",
            cause,
            between=(after, before),
            versions=(first - 1, last + 1, last - first + 1),
        )


def _missing(events: dict[int, Made], world: World) -> Iterable[tuple[int, int, int | None, int]]:
    """Return the ranges of missing versions and the sequences around them, the missing head first."""
    good = _good(events)
    if not good:
        return
    if good[0][1].version > world.first_version:
        yield world.first_version, good[0][1].version - 1, None, good[0][0]
    stored = {one.version for _, one in good}
    highest_at, highest = good[0][0], good[0][1].version
    for seq, one in good:
        if one.version > highest:
            missing = [version for version in range(highest + 1, one.version) if version not in stored]
            for version in missing:
                if version - 1 not in missing:
                    last = next(v for v in range(version, one.version) if v + 1 not in missing)
                    yield version, last, highest_at, seq
            highest_at, highest = seq, one.version


def _cause(events: dict[int, Made], world: World, after: int | None, before: int) -> str:
    between = range((after or 0) + 1, before)
    content = {CAUSES[events[seq].kind] for seq in between if seq in events and events[seq].kind}
    for cause in STRONGEST_FIRST:
        if cause in content:
            return cause
    if world.unreadable & set(between):
        return "unreadable"
    if world.deleted & set(between):
        return "deleted"
    return "expired" if after is None and world.first_seq > 1 else "unknown"


def _replay(events: dict[int, Made], snapshots: dict[int, Made], world: World) -> str:
    if len(_ids(events)) > 1:
        return "broken"
    good = _good(events)
    bad = [seq for seq, one in events.items() if one.kind]
    # Of each damage the version of the next good event after it; None where none follows.
    damage = [next((one.version for at, one in good if at > seq), None) for seq in bad]
    for _, last, after, before in _missing(events, world):
        if world.contiguous or _cause(events, world, after, before) != "unknown":
            damage.append(last + 1)
    if not damage:
        return "replayable"
    if not snapshots or max(snapshots.items())[1].kind:
        return "broken"
    stored_at, kept = max(snapshots.items())
    for following in damage:
        covered = stored_at > max(bad) if following is None else following <= kept.version + 1
        if not covered:
            return "broken"
    return "replayable_from_snapshot"


def _is_ahead(stored: dict[int, Made], key: bytes, world: World) -> bool:
    snapshots, events = _on(stored, key, snapshots=True), _on(stored, key, snapshots=False)
    if not snapshots or max(snapshots.items())[1].kind or len(_ids(events)) > 1:
        return False
    good = _good(events)
    if not good and world.first_seq > 1:
        return False
    last = max((one.version for _, one in good), default=0)
    reached = next((seq for seq, one in good if one.version == last), 0)
    explained = sum(1 for seq, one in events.items() if one.kind and seq > reached)
    return max(snapshots.items())[1].version > last + explained


def messages(stored: dict[int, Made]) -> list[StoredMessage]:
    """The messages as the server stores them."""
    return [message(seq, one.subject, one.data) for seq, one in sorted(stored.items())]
