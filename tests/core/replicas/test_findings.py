"""Accusations become one finding for each copy, kind and certainty."""

from __future__ import annotations

from auditor.core.model.findings import Kind, Severity
from auditor.core.replicas.blame import Accusation
from auditor.core.replicas.findings import MAX_RANGES, absent_finding, behind_finding, damage_findings


def accusation(
    name: str, kind: Kind, first: int, last: int, *, undecided: bool = False, count: int | None = None
) -> Accusation:
    return Accusation(name, kind, undecided, first, last, "lacks messages", count)


def test_the_ranges_of_one_copy_and_kind_are_one_finding() -> None:
    missing, differs = Kind.REPLICA_MISSING, Kind.REPLICA_DIFFERS
    found = damage_findings(
        [
            accusation("n2", missing, 5, 9),
            accusation("n2", missing, 20, 20),
            accusation("n2", missing, 10, 11),
            accusation("n2", differs, 3, 3, undecided=True),
            accusation("n1", differs, 4, 4),
        ],
        "n2",
    )
    assert list(found) == ["n1", "n2"]
    both = {each.kind: each for each in found["n2"]}
    one = both[missing]
    assert (one.first_seq, one.last_seq, one.count, one.ranges) == (5, 20, 8, ((5, 11), (20, 20)))
    assert (one.replica, one.leader, one.undecided) == ("n2", True, False)
    assert one.detail == "the copy on n2 lacks messages"
    assert (both[differs].undecided, found["n1"][0].leader) == (True, False)


def test_messages_that_are_somewhere_in_a_range_are_counted_and_not_listed() -> None:
    unreadable = Kind.REPLICA_UNREADABLE
    (one,) = damage_findings([accusation("n2", unreadable, 1, 100, count=3)], "n1")["n2"]
    assert (one.first_seq, one.last_seq, one.count, one.ranges) == (1, 100, 3, ((1, 100),))
    more = [accusation("n2", unreadable, 1, 100, count=3), accusation("n2", unreadable, 7, 8)]
    (both,) = damage_findings(more, "n1")["n2"]
    assert (both.count, both.ranges) == (5, ((7, 8),))


def test_only_the_first_ranges_are_named_and_all_are_counted() -> None:
    many = [accusation("n2", Kind.REPLICA_MISSING, seq, seq) for seq in range(1, 2 * MAX_RANGES + 3, 2)]
    (one,) = damage_findings(many, "n1")["n2"]
    assert one.ranges is not None
    assert (len(one.ranges), one.count) == (MAX_RANGES, MAX_RANGES + 1)


def test_a_copy_that_is_not_read_is_a_finding_that_names_its_server() -> None:
    absent = absent_finding("n3", "it was not read: its server is offline", leads=False)
    assert (absent.kind, absent.severity, absent.replica) == (Kind.REPLICA_ABSENT, Severity.INCONCLUSIVE, "n3")
    assert absent.detail == "the copy on n3: it was not read: its server is offline"
    behind = behind_finding("n3", 7, 20, "it does not grow", leads=True)
    assert (behind.kind, behind.first_seq, behind.last_seq, behind.count) == (Kind.REPLICA_BEHIND, 8, 20, 13)
    assert behind.detail == "the copy on n3 ends at sequence 7, before 20: it does not grow"
