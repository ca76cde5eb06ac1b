"""A census counts every copy, and waits for those that have not reached the pinned end."""

from __future__ import annotations

from dataclasses import replace

import pytest

import auditor.scan.census
from auditor.core.replicas.census import Census, CopyBehind, CopyCount
from auditor.core.replicas.record import CopyRecord, ReplicaHistory
from auditor.scan.census import NO_SERVER, info_of_copy, judged_copy, take_census
from tests.core.findings import finding_of
from tests.ports.in_memory import ReplicatedSource
from tests.scan.passes import GOOD


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditor.scan.census, "BEHIND_SECONDS", 0.05)
    monkeypatch.setattr(auditor.scan.census, "MIN_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(auditor.scan.census, "COUNT_AGAIN_SECONDS", (0.0, 0.0))


async def test_every_copy_is_counted() -> None:
    stream = ReplicatedSource(GOOD)
    stream.delete(1, 3)
    assert await take_census(stream, await stream.info()) == Census(
        dict.fromkeys(("n1", "n2", "n3"), CopyCount(2, 7, 5))
    )


async def test_a_copy_that_lacks_messages_is_counted_again() -> None:
    stream = ReplicatedSource(GOOD)
    stream.copies["n2"].delete(3, 4)
    assert (await take_census(stream, await stream.info())).lacking == {"n2": 2}


async def test_absent_and_offline_copies_and_missing_servers_have_a_reason() -> None:
    stream = ReplicatedSource(GOOD)
    stream.copies["n2"].absent = "no answer for 20 s"
    stream.replicas = 5
    info = await stream.info()
    info = replace(info, peers=(*info.peers[:2], replace(info.peers[2], is_offline=True)))
    census = await take_census(stream, info)
    assert list(census.copies) == ["n1"]
    assert census.absent == {
        "n2": "no answer for 20 s",
        "n3": "its server is offline",
        NO_SERVER: "the stream has only 3 servers",
        NO_SERVER + " 2": "the stream has only 3 servers",
    }


async def test_a_copy_that_reaches_the_pinned_end_in_time_is_not_behind() -> None:
    stream = ReplicatedSource(GOOD)
    info = await stream.info()
    late = stream.copies["n3"]
    late.roll_back(5)
    original, counts = late.counted, []

    def counted(subject: str) -> CopyCount | str:
        counts.append(subject)
        if len(counts) == 2:
            late.append(*GOOD[5:])
        return original(subject)

    late.counted = counted  # type: ignore[method-assign]
    census = await take_census(stream, info)
    assert (census.behind, census.copies["n3"].last_seq) == ({}, 7)


async def test_a_copy_that_does_not_reach_the_pinned_end_is_behind() -> None:
    stream = ReplicatedSource(GOOD)
    stream.copies["n2"].roll_back(5)
    stream.copies["n3"].roll_back(4)
    stream.not_current = {"n3"}
    census = await take_census(stream, await stream.info())
    assert census.behind == {"n2": CopyBehind(5, False, True, 0), "n3": CopyBehind(4, False, False, 0)}
    assert census.lacking == {}


async def test_the_leader_is_judged_unless_another_copy_is_known_to_be_better() -> None:
    info = await ReplicatedSource(GOOD).info()
    count = CopyCount(1, 7, 7)
    census = Census(dict.fromkeys(("n1", "n2", "n3"), count))
    bad = CopyRecord(damage=(finding_of("replica_missing", replica="n1"),))
    assert judged_copy(info, census, ReplicaHistory()) == "n1"
    assert judged_copy(info, census, ReplicaHistory(copies={"n1": bad})) == "n2"
    assert judged_copy(info, census, ReplicaHistory(copies=dict.fromkeys(("n1", "n2", "n3"), bad))) == "n1"
    assert judged_copy(info, replace(census, lacking={"n1": 1, "n2": 1}), ReplicaHistory()) == "n3"
    assert judged_copy(info, replace(census, behind={"n1": CopyBehind(5, False, True, 0)}), ReplicaHistory()) == "n2"
    assert judged_copy(info, Census(), ReplicaHistory()) == "n1"


async def test_the_stream_info_of_another_copy_has_its_first_sequence_and_count() -> None:
    stream = ReplicatedSource(GOOD)
    info = await stream.info()
    census = Census({"n1": CopyCount(1, 7, 7), "n2": CopyCount(3, 7, 4)})
    assert info_of_copy(info, census, "n1") is info
    assert info_of_copy(info, census, "n3") is info
    assert info_of_copy(info, None, "n2") is info
    other = info_of_copy(info, census, "n2")
    assert (other.first_seq, other.messages, other.last_seq) == (3, 4, 7)
