"""Turns a reply to STREAM.INFO into the stream info that a pass uses, and checks its numbers against one another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from auditor.config.models import NEAREST_API
from auditor.core.model.message import Loss, StreamInfo
from auditor.core.model.ranges import merged
from auditor.jetstream.api import NO_STATE, unix_ns
from auditor.jetstream.cluster_info import ClusterInfo

if TYPE_CHECKING:
    from auditor.jetstream.api import Lost, State, StreamInfoReply


def stream_info_of(stream: str, reply: StreamInfoReply, api_prefix: str = NEAREST_API) -> StreamInfo:
    """Return the stream info of a reply, to a request to the API of this prefix, in the form that the core uses."""
    state, cluster = _without_stale_deletions(reply.state), reply.cluster or ClusterInfo()
    return StreamInfo(
        name=stream,
        created_ns=unix_ns(reply.created),
        first_seq=state.first_seq if state.messages > 0 else state.last_seq + 1,
        last_seq=state.last_seq,
        messages=max(0, state.messages),
        # If deleted sequences are listed, nats-server 2.15 counts sequence 0 of a stream that never held a message.
        deleted=state.num_deleted if state.last_seq else 0,
        bytes=state.bytes,
        first_time_ns=unix_ns(state.first_ts) if state.messages > 0 and state.first_ts else 0,
        lost=_loss(state.lost) if state.lost else Loss(),
        contradiction=_contradiction(stream, reply, state),
        subjects=tuple(reply.config.get("subjects") or ()),
        config=reply.config,
        api_prefix="" if api_prefix == NEAREST_API else api_prefix,
        replicas=reply.config.get("num_replicas", 1),
        leader=cluster.leader if cluster.name else "",
        peers=cluster.peers if cluster.name else (),
    )


def _without_stale_deletions(state: State) -> State:
    """The state without listed deletions before the first sequence.

    nats-server 2.15 still lists and counts a deleted last message after a purge up to its sequence.
    """
    if not state.messages or state.deleted is None:
        return state
    within = [seq for seq in state.deleted if seq >= state.first_seq]
    stale = len(state.deleted) - len(within)
    return msgspec.structs.replace(state, deleted=within, num_deleted=state.num_deleted - stale)


def _loss(lost: Lost) -> Loss:
    return Loss(tuple(merged((seq, seq) for seq in lost.msgs or ())), lost.bytes)


def _contradiction(stream: str, reply: StreamInfoReply, state: State) -> str | None:
    """How a reply contradicts itself or its request, in one line; None if it does not.

    The server computes the deleted sequences of a stream as those between the first and the last that hold no message.
    """
    name = reply.config.get("name")
    if name != stream:
        return f"the server's stream info of stream {stream} has the configuration of stream {name!a}"
    if (state.messages, state.first_seq, state.last_seq) == NO_STATE:
        return "the server's stream info has no state"
    numbers = f"first sequence {state.first_seq}, last sequence {state.last_seq}, {state.messages} messages"
    if not state.messages:
        # A stream that never held a message has 0 as its first sequence, or the one that is configured.
        is_empty = state.first_seq > state.last_seq or state.last_seq == 0
        return None if is_empty else f"the server's stream info contradicts itself: {numbers}"
    sequences = state.last_seq - state.first_seq + 1
    if state.messages + state.num_deleted != sequences:
        return f"the server's stream info contradicts itself: {numbers}, {state.num_deleted} deleted"
    if not state.bytes:
        return f"the server's stream info contradicts itself: {numbers}, in 0 bytes"
    return _contradiction_of_list(state)


def _contradiction_of_list(state: State) -> str | None:
    """How the list of deleted sequences contradicts the numbers; None if it does not, or was not requested."""
    if state.deleted is None or (len(state.deleted) == state.num_deleted and _are_within(state)):
        return None
    return (
        f"the server's stream info contradicts itself: it lists {len(state.deleted)} deleted sequences, counts"
        f" {state.num_deleted}, and they must be between {state.first_seq} and {state.last_seq}"
    )


def _are_within(state: State) -> bool:
    """Whether the listed sequences differ, and are between the first and the last one of the stream."""
    listed = state.deleted or ()
    return len(set(listed)) == len(listed) and all(state.first_seq < seq <= state.last_seq for seq in listed)
