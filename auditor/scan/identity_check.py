"""Whether the stream is still what it was when it was last looked at: its own numbers, and what its anchors hold."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from auditor.aether.event import Malformed
from auditor.aether.gojson.decode import judge_event
from auditor.aether.stream_layout import actor_id_of, event_subject
from auditor.core.history.stream_identity import digest, history_changed_finding
from auditor.core.model.findings import Kind
from auditor.core.model.ranges import intersects_open_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.core.history.stream_identity import SampledDigest, StreamIdentity
    from auditor.core.model.message import StreamState
    from auditor.core.state.checkpoint import Checkpoint
    from auditor.core.state.ledger import Actor
    from auditor.scan.ports import Source

MAX_ACTORS_NAMED = 10
"""Actors of which a rollback says what versions they lost."""


async def check_stream_info(
    source: Source, history: StreamIdentity, pinned: StreamState, memory: Checkpoint | None, now_ns: int
) -> str | None:
    """Why everything has to be read again, by what the stream says of itself; None if it has not to be.

    `memory` is what was remembered of the stream's messages. What has happened is noted in `history`.
    """
    why = None
    for finding in history.look(pinned, now_ns):
        told = finding
        if finding.kind is Kind.STREAM_ROLLBACK and memory is not None and memory.created_ns == pinned.created_ns:
            told = replace(finding, detail=f"{finding.detail}{await _describe_lost_versions(source, memory, pinned)}")
        history.note(told, now_ns)
        if finding.kind is not Kind.CONFIG_CHANGED:
            why = f"{finding.kind}: {finding.detail}"
    return why


async def check_samples(
    source: Source, history: StreamIdentity, anchors: Sequence[SampledDigest], pinned: StreamState, now_ns: int
) -> str | None:
    """Why everything has to be read again, by what is stored at `anchors`; as `check_stream_info`.

    Each anchor is asked for by itself. One that holds something else, or is gone, is no anchor any more. Raises the
    AuditorErrors of a source.
    """
    changed: list[int] = []
    gone: list[int] = []
    for anchor in anchors:
        message = await source.get(anchor.seq)
        if message is None:
            gone.append(anchor.seq)
        elif digest(message) != anchor.digest:
            changed.append(anchor.seq)
    history.samples.forget([*changed, *gone])
    if changed:
        history.note(history_changed_finding(sorted(changed)), now_ns)
        return f"{Kind.HISTORY_CHANGED}: the message at sequence {min(changed)} is not the one that was read"
    if gone:
        now, listed = await source.deleted(pinned)
        explained = [(0, now.first_seq - 1), *listed]
        for seq in gone:
            if not intersects_open_interval(explained, seq - 1, seq + 1):
                return f"the message at sequence {seq} cannot be read any more"
    return None


async def _describe_lost_versions(source: Source, memory: Checkpoint, pinned: StreamState) -> str:
    """What the ledger says of the actors whose last events are gone, as the end of a sentence."""
    actors = memory.state.ledger.actors
    behind = sorted((tail, actor) for tail, actor in actors.items() if actor.last_seq > pinned.last_seq)
    if not behind:
        return ""
    named = [await _lost_by(source, pinned.name, tail, actor) for tail, actor in behind[:MAX_ACTORS_NAMED]]
    more = f" and {len(behind) - MAX_ACTORS_NAMED} more" if len(behind) > MAX_ACTORS_NAMED else ""
    return f"; of {len(behind)} actors: {', '.join(named)}{more}"


async def _lost_by(source: Source, stream: str, tail: bytes, actor: Actor) -> str:
    actor_id = actor_id_of(tail) or "?"
    last = await source.last_on(event_subject(stream, actor_id))
    facts = judge_event(last.data) if last is not None else None
    if isinstance(facts, Malformed):
        return f"{actor_id} up to version {actor.last_version}"
    first = facts.version + 1 if facts is not None else actor.first_version
    if first > actor.last_version:
        return f"{actor_id} (written again since)"
    if first == actor.last_version:
        return f"{actor_id} version {actor.last_version}"
    return f"{actor_id} versions {first} to {actor.last_version}"
