"""Replies of a cluster name the servers that hold a stream."""

from __future__ import annotations

import msgspec

from auditor.core.model.message import Peer
from auditor.jetstream.cluster_info import ClusterInfo


def decoded(text: str) -> ClusterInfo:
    return msgspec.json.decode(text, type=ClusterInfo)


def test_the_peers_are_the_leader_and_the_others_sorted_by_name() -> None:
    info = decoded(
        '{"name":"c","leader":"n2","replicas":[{"name":"n3","current":false,"offline":true,"active":7,"lag":5},'
        '{"name":"n1","current":true,"active":3}]}'
    )
    assert info.peers == (
        Peer("n1", active_ns=3),
        Peer("n2"),
        Peer("n3", is_current=False, is_offline=True, lag=5, active_ns=7),
    )


def test_a_stream_without_a_leader_has_the_other_peers() -> None:
    assert decoded('{"replicas":[{"name":"n1","current":true}]}').peers == (Peer("n1"),)
    assert decoded("{}").peers == ()
