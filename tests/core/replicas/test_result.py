"""A report has a block about the copies of its stream."""

from __future__ import annotations

from auditor.core.model.findings import Kind
from auditor.core.model.passes import Verdict
from auditor.core.replicas.result import NO_REPLICAS, CopyState, ReplicaResult, Replicas
from auditor.core.report.pass_report import finding_json
from tests.core.findings import finding_of
from tests.core.reports import NOW, report

THREE = Replicas(
    3,
    2,
    "n1",
    (
        CopyState("n1", 1, 20, 20, NOW, Verdict.CLEAN),
        CopyState("n2", 1, 20, 19, NOW, Verdict.CORRUPT),
        CopyState("n3", None, None, None, 0, Verdict.INCONCLUSIVE),
    ),
)
MISSING = finding_of(Kind.REPLICA_MISSING, replica="n2", first_seq=7, last_seq=9, count=2, ranges=((7, 7), (9, 9)))
ABSENT = finding_of(Kind.REPLICA_ABSENT, replica="n3")


def test_a_stream_with_one_copy_is_read_whole_by_reading_that() -> None:
    assert NO_REPLICAS.replicas == Replicas(expected=1, read=1)
    assert report().to_json()["replicas"] == {"expected": 1, "read": 1, "leader": None, "peers": []}


def test_the_report_has_the_state_of_each_copy() -> None:
    block = report(copies=ReplicaResult(THREE)).to_json()["replicas"]
    assert (block["expected"], block["read"], block["leader"]) == (3, 2, "n1")
    read_at = "2027-01-15T08:00:00.000000000Z"
    assert block["peers"] == [
        {"name": "n1", "first_seq": 1, "last_seq": 20, "count": 20, "read_at": read_at, "verdict": "clean"},
        {"name": "n2", "first_seq": 1, "last_seq": 20, "count": 19, "read_at": read_at, "verdict": "corrupt"},
        {"name": "n3", "first_seq": None, "last_seq": None, "count": None, "read_at": None, "verdict": "inconclusive"},
    ]


def test_a_damaged_copy_makes_a_pass_corrupt_also_if_another_one_is_absent() -> None:
    both = report(copies=ReplicaResult(THREE, (ABSENT, MISSING), "the copy on n3 was not read: offline"))
    assert both.verdict is Verdict.CORRUPT
    assert [finding_json(each) for each in both.findings] == [finding_json(MISSING), finding_json(ABSENT)]
    assert both.findings_total == {Kind.REPLICA_MISSING: 1, Kind.REPLICA_ABSENT: 1}


def test_an_absent_copy_makes_a_pass_inconclusive() -> None:
    one = report(copies=ReplicaResult(THREE, (ABSENT,), "the copy on n3 was not read: offline", ("a note",)))
    assert (one.verdict, one.incomplete) == (Verdict.INCONCLUSIVE, "the copy on n3 was not read: offline")
    assert one.notes == ("a note",)
