"""Detects rollback, re-creation and rewriting of a stream.

Compares the stream info and the digests of sampled messages with those of earlier passes. The checks return a new
`StreamIdentity`, which holds what they found as incidents.
"""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec

from auditor.aether.event import Malformed
from auditor.aether.gojson.decode import judge_event
from auditor.aether.stream_layout import actor_id_of
from auditor.core.history.stream_identity import digest, history_changed_finding
from auditor.core.history.stream_start import unexplained_start
from auditor.core.model.findings import Kind
from auditor.core.state.checkpoint import FOREVER, CheckpointKind
from auditor.errors import AuditorError
from auditor.scan.gone import first_unexplained

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from auditor.aether.stream_layout import StreamLayout
    from auditor.core.history.stream_identity import SampledDigest, SampledDigests, StreamIdentity
    from auditor.core.model.findings import Finding
    from auditor.core.model.message import StreamInfo
    from auditor.core.state.actor_table import Actor
    from auditor.core.state.checkpoint import Checkpoint
    from auditor.scan.ports import Source, StateStore

MAX_AGREED = 2
"""New samples of one incremental pass that are compared with another copy; each takes some consumers."""
MAX_ACTORS_NAMED = 10
"""Actors whose lost versions are named in the detail of a rollback."""


@dataclass(frozen=True, slots=True)
class IdentityResult:
    """The outcome of a check."""

    identity: StreamIdentity
    reason: str | None = None
    """Why checkpoints do not describe the stream any more, in one line; None if they do."""


async def check_identity(
    source: Source,
    state: StateStore | None,
    info: StreamInfo,
    identity: StreamIdentity,
    now_ns: int,
    layout: StreamLayout,
    copies: Collection[str] = (),
) -> IdentityResult:
    """Compare the stream with its last check: the stream info, then some of the sampled messages.

    `copies`: the servers whose copies can be read, if the stream is replicated. Raises the AuditorErrors of a source and of a
    state store.
    """
    left = unexplained_start(info, identity.last_info, now_ns)
    by_info = await check_stream_info(source, state, info, identity, now_ns, layout)
    if left is not None:
        if identity.last_info is not None and by_info.reason is None:
            left += await _describe_actors_that_left(state, info)
        by_info = replace(by_info, identity=msgspec.structs.replace(by_info.identity, unexplained_start=left))
    some = by_info.identity.samples.choose(now_ns // 1_000)
    by_samples = await check_samples(source, info, by_info.identity, some, now_ns, copies)
    reason = by_info.reason or by_samples.reason
    if reason is None:
        return by_samples
    changed = msgspec.structs.replace(by_samples.identity, generation=identity.generation + 1)
    return IdentityResult(changed, reason)


async def check_stream_info(
    source: Source,
    state: StateStore | None,
    info: StreamInfo,
    identity: StreamIdentity,
    now_ns: int,
    layout: StreamLayout,
) -> IdentityResult:
    """Compare the stream info with that of the last check. Raises as `check_identity`."""
    identity, findings = identity.compared_with(info, now_ns)
    reason = None
    for finding in findings:
        if finding.kind is Kind.STREAM_ROLLBACK:
            finding = await _with_lost_versions(source, state, info, finding, layout)  # noqa: PLW2901
        identity = identity.with_incident(finding, now_ns)
        if finding.kind is not Kind.CONFIG_CHANGED:
            reason = f"{finding.kind}: {finding.detail}"
    return IdentityResult(identity, reason)


async def check_samples(
    source: Source,
    info: StreamInfo,
    identity: StreamIdentity,
    samples: Sequence[SampledDigest],
    now_ns: int,
    copies: Collection[str] = (),
) -> IdentityResult:
    """Read these sampled messages again. Those that have changed or are gone are not sampled any more.

    A message that the leader has changed and another one of `copies` has not is no change of the stream: the next full pass says
    whose copy is damaged. Raises the AuditorErrors of a source.
    """
    changed: list[int] = []
    gone: list[int] = []
    on_leader: list[int] = []
    for sample in samples:
        message = await source.get(sample.seq)
        if message is None:
            gone.append(sample.seq)
        elif digest(message) != sample.digest:
            is_on_leader = await _is_held_elsewhere(source, info, sample, info.leader, copies)
            (on_leader if is_on_leader else changed).append(sample.seq)
    if changed or gone:
        identity = identity.with_samples(identity.samples.without([*changed, *gone]))
    if changed:
        finding = history_changed_finding(sorted(changed))
        reason = f"{Kind.HISTORY_CHANGED}: the message at sequence {min(changed)} is not the one that was read"
        return IdentityResult(identity.with_incident(finding, now_ns), reason)
    if on_leader:
        return IdentityResult(identity, f"the leader has another message at sequence {on_leader[0]} than was read")
    seq = await first_unexplained(source, info, gone) if gone else None
    return IdentityResult(identity, None if seq is None else f"the message at sequence {seq} cannot be read any more")


async def agreed_samples(
    source: Source,
    info: StreamInfo,
    before: SampledDigests,
    after: SampledDigests,
    judged: str,
    copies: Collection[str],
) -> SampledDigests:
    """The samples after an incremental pass that judged one copy of a replicated stream.

    New ones are kept only if another copy holds the same message, so that damage of one copy is never the history of the stream. Of
    many new ones, only the last are kept. Never raises.
    """
    new = [each for each in after.digests if each not in before.digests]
    agreed = [each for each in new[-MAX_AGREED:] if await _is_held_elsewhere(source, info, each, judged, copies)]
    return after.without(each.seq for each in new if each not in agreed)


async def _is_held_elsewhere(
    source: Source, info: StreamInfo, sample: SampledDigest, judged: str, copies: Collection[str]
) -> bool:
    """Whether a copy other than that of `judged` holds the message that was sampled."""
    for name in sorted(name for name in copies if name != judged):
        batches = source.of_copy(name).read(info, first_seq=sample.seq, last_seq=sample.seq)
        try:
            async with aclosing(batches):
                async for batch in batches:
                    if digest(batch[0]) == sample.digest:
                        return True
        except AuditorError:
            continue
    return False


async def _describe_actors_that_left(state: StateStore | None, info: StreamInfo) -> str:
    """How many actors lost events at the start of the stream since the last checkpoint, as the end of a sentence."""
    checkpoint = await _last_checkpoint(state, info)
    if checkpoint is None:
        return ""
    lost = [actor for actor in checkpoint.state.ledger.actors.values() if actor.first_seq < info.first_seq]
    gone = sum(actor.last_seq < info.first_seq for actor in lost)
    return f"; {len(lost)} actors lost their first events, and {gone} of them all events that were read"


async def _last_checkpoint(state: StateStore | None, info: StreamInfo) -> Checkpoint | None:
    """The checkpoint of the last completed pass over this stream; None if there is none. It must not be changed."""
    checked_out = await state.check_out(CheckpointKind.COMPLETED) if state is not None else None
    if state is None or checked_out is None:
        return None
    state.put_back(checked_out)
    return checked_out.checkpoint if checked_out.checkpoint.created_ns == info.created_ns else None


async def _with_lost_versions(
    source: Source, state: StateStore | None, info: StreamInfo, finding: Finding, layout: StreamLayout
) -> Finding:
    """The finding of a rollback with the versions that actors have lost, if the last checkpoint still knows them."""
    checkpoint = await _last_checkpoint(state, info)
    if checkpoint is None:
        return finding
    return replace(finding, detail=f"{finding.detail}{await _describe_lost_versions(source, checkpoint, info, layout)}")


async def _describe_lost_versions(
    source: Source, checkpoint: Checkpoint, info: StreamInfo, layout: StreamLayout
) -> str:
    """The actors whose last events are gone, as the end of a sentence; empty if there are none."""
    ledger = checkpoint.state.ledger
    behind = [(key, ledger.actors[key]) for key in sorted(ledger.table.between(FOREVER - 1, info.last_seq + 1))]
    if not behind:
        return ""
    named = [await _lost_by(source, layout, key, actor) for key, actor in behind[:MAX_ACTORS_NAMED]]
    more = f" and {len(behind) - MAX_ACTORS_NAMED} more" if len(behind) > MAX_ACTORS_NAMED else ""
    return f"; of {len(behind)} actors: {', '.join(named)}{more}"


async def _lost_by(source: Source, layout: StreamLayout, key: bytes, actor: Actor) -> str:
    actor_id = actor_id_of(key) or "?"
    last = await source.last_on(layout.event_subject(actor_id))
    facts = judge_event(last.data) if last is not None else None
    if isinstance(facts, Malformed):
        return f"{actor_id} up to version {actor.last_version}"
    first = facts.version + 1 if facts is not None else actor.first_version
    if first > actor.last_version:
        return f"{actor_id} (written again since)"
    if first == actor.last_version:
        return f"{actor_id} version {actor.last_version}"
    return f"{actor_id} versions {first} to {actor.last_version}"
