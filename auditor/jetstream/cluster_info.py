"""Decodes where a stream or a consumer is in a cluster, which replies of JetStream's API say."""

from __future__ import annotations

import msgspec

from auditor.core.model.message import Peer


class PeerInfo(msgspec.Struct):
    name: str = ""
    current: bool = False
    offline: bool = False
    active: int = 0
    """Nanoseconds since the leader last heard from it."""
    lag: int = 0


class ClusterInfo(msgspec.Struct):
    """Where a stream or a consumer is in a cluster."""

    name: str = ""
    """The name of the cluster; empty if the server is in none, which then calls itself the leader."""
    leader: str = ""
    """The name of a server; empty while there is no leader."""
    replicas: list[PeerInfo] | None = None
    """The other servers that hold it."""

    @property
    def peers(self) -> tuple[Peer, ...]:
        """The servers that hold the stream, sorted by name."""
        leader = [Peer(self.leader)] if self.leader else []
        others = [
            Peer(each.name, each.current, each.offline, each.lag, each.active)
            for each in self.replicas or ()
            if each.name != self.leader
        ]
        return tuple(sorted([*leader, *others], key=lambda peer: peer.name))
