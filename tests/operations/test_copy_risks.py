"""What endangers the copies of a stream is said before a pass meets it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from auditor.app import App
from auditor.config import Config, NatsConfig
from auditor.jetstream.api import State, StreamInfoReply
from auditor.jetstream.cluster_info import ClusterInfo, PeerInfo
from auditor.operations import doctor
from auditor.operations.copy_risks import MIN_FREE_CONSUMERS, risks_of_audited, risks_of_own
from tests.live.replicas.laboratory import replica_laboratory

if TYPE_CHECKING:
    from pathlib import Path

THREE = ClusterInfo(name="c", leader="n1", replicas=[PeerInfo("n2"), PeerInfo("n3")])
ALONE = ClusterInfo(name="c", leader="n1")


def info(cluster: ClusterInfo | None = THREE, consumers: int = 0, replicas: int = 3) -> StreamInfoReply:
    state = State(messages=1, first_seq=1, last_seq=1, consumer_count=consumers)
    return StreamInfoReply(config={"name": "S", "num_replicas": replicas}, state=state, cluster=cluster)


def test_a_stream_with_fewer_servers_than_replicas_is_named() -> None:
    two = ClusterInfo(name="c", leader="n1", replicas=[PeerInfo("n2")])
    assert [risk.text for risk in risks_of_audited(info(two), 0)] == ["has 3 replicas, and only 2 servers hold a copy"]
    assert list(risks_of_audited(info(), 0)) == []


@pytest.mark.parametrize(("limit", "used", "free"), [(20, 11, 9), (5, 0, 5), (5, 7, 0)])
def test_a_replicated_stream_with_few_places_for_consumers_is_named(limit: int, used: int, free: int) -> None:
    (risk,) = risks_of_audited(info(consumers=used), limit)
    assert risk.text.startswith(f"has places for {free} more consumers")


def test_a_stream_with_enough_places_or_with_one_replica_has_no_risk() -> None:
    assert list(risks_of_audited(info(consumers=5), MIN_FREE_CONSUMERS + 5)) == []
    assert list(risks_of_audited(info(consumers=500), 0)) == []
    assert list(risks_of_audited(info(ALONE, consumers=5, replicas=1), 5)) == []
    assert list(risks_of_audited(info(None, replicas=3), 5)) == []


def test_an_own_stream_with_one_replica_is_named_only_in_a_cluster() -> None:
    (risk,) = risks_of_own(info(ALONE, replicas=1), "state")
    assert risk.text.startswith("has one replica in a cluster")
    assert "state.replicas" in risk.fix
    assert list(risks_of_own(info(), "state")) == []
    assert list(risks_of_own(info(ClusterInfo(leader="NAME"), replicas=1), "state")) == []
    assert list(risks_of_own(info(None, replicas=1), "state")) == []


async def test_the_doctor_warns_of_own_streams_with_one_replica_and_of_few_consumers(tmp_path: Path) -> None:
    async with replica_laboratory(tmp_path) as lab:
        await lab.create("ORDERS", max_consumers=9)
        await lab.store("ORDERS", 1, 20)
        for stream in ("AETHER_AUDIT", "AETHER_QUARANTINE"):
            await lab.update(stream, num_replicas=1)
        config = Config(audits=(lab.audit("ORDERS"),), nats=NatsConfig(servers=lab.cluster.urls))
        checks = [check async for check in doctor.run_checks(App(config, lab.client))]
    warnings = [check.text for check in checks if check.status is doctor.Status.WARNING]
    assert [text for text in warnings if "has one replica in a cluster" in text] == [
        f"{section}: stream {stream} has one replica in a cluster: the audit stops, or loses it, when that server is down"
        for section, stream in (("quarantine", "AETHER_QUARANTINE"), ("state", "AETHER_AUDIT"))
    ]
    assert [text for text in warnings if text.startswith("orders: stream ORDERS has places for")] != []
