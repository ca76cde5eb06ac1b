"""The record of the copies gives the report its block, its findings and its verdict."""

from __future__ import annotations

import msgspec

from auditor.core.model.findings import Kind
from auditor.core.model.passes import Verdict
from auditor.core.replicas.census import Census, CopyBehind, CopyCount
from auditor.core.replicas.findings import absent_finding
from auditor.core.replicas.record import CopyRecord, ReplicaHistory
from auditor.core.replicas.result import Replicas
from tests.core.findings import finding_of

NOW, DAY = 1_800_000_000_000_000_000, 86_400_000_000_000
MISSING = finding_of(Kind.REPLICA_MISSING, replica="n2")
GOOD = CopyRecord((1, 20, 20), NOW - 1)


def history(**copies: CopyRecord) -> ReplicaHistory:
    return ReplicaHistory(7, 3, "n1", {"n1": GOOD, "n2": GOOD, "n3": GOOD, **copies})


def test_a_stream_with_one_copy_has_a_block_without_copies() -> None:
    assert ReplicaHistory().result(NOW, DAY).replicas == Replicas()
    assert ReplicaHistory(7, 3, "n1").result(NOW, DAY).replicas == Replicas(3, 1, "n1")


def test_copies_that_were_all_read_whole_are_clean() -> None:
    result = history().result(NOW, DAY)
    assert (result.replicas.expected, result.replicas.read, result.replicas.leader) == (3, 3, "n1")
    assert {each.verdict for each in result.replicas.copies} == {Verdict.CLEAN}
    assert (result.findings, result.incomplete) == ((), None)


def test_a_damaged_copy_is_corrupt_and_an_unread_one_inconclusive() -> None:
    absent = absent_finding("n3", "it was not read: its server is offline", leads=False)
    result = history(n2=msgspec.structs.replace(GOOD, damage=(MISSING,)), n3=CopyRecord(unread=absent)).result(NOW, DAY)
    verdicts = {each.name: each.verdict for each in result.replicas.copies}
    assert verdicts == {"n1": Verdict.CLEAN, "n2": Verdict.CORRUPT, "n3": Verdict.INCONCLUSIVE}
    assert result.findings == (MISSING, absent)
    assert result.incomplete == "the copy on n3: it was not read: its server is offline"
    assert result.replicas.read == 2


def test_a_reading_that_is_too_old_does_not_count() -> None:
    old = history(n3=msgspec.structs.replace(GOOD, read_ns=NOW - DAY))
    result = old.result(NOW, DAY)
    assert (result.replicas.read, [each.kind for each in result.findings]) == (2, [Kind.REPLICA_ABSENT])
    assert result.incomplete == "the copy on n3: it was not read whole within full_pass_every"
    assert old.result(NOW, DAY + 1).incomplete is None


def test_what_could_not_be_confirmed_makes_a_pass_incomplete() -> None:
    result = msgspec.structs.replace(history(), unconfirmed="messages differ and keep changing").result(NOW, DAY)
    assert (result.findings, result.incomplete) == ((), "messages differ and keep changing")


EQUAL = Census(dict.fromkeys(("n1", "n2", "n3"), CopyCount(1, 20, 20)))


def test_the_counts_have_changed_if_a_copy_lacks_other_messages_than_when_it_was_read() -> None:
    lacks = Census(EQUAL.copies, lacking={"n2": 7})
    assert history().changed_counts(EQUAL) is None
    assert history().changed_counts(lacks) == "the copy on n2 lacks 7 messages by its count, and lacked 0 before"
    known = history(n2=msgspec.structs.replace(GOOD, lacking=7))
    assert known.changed_counts(lacks) is None
    assert known.changed_counts(EQUAL) == "the copy on n2 lacks 0 messages by its count, and lacked 7 before"
    behind = Census(EQUAL.copies, behind={"n2": CopyBehind(5, False, False, 7)})
    assert known.changed_counts(behind) is None


def test_a_copy_that_is_back_was_not_read_by_the_last_full_pass() -> None:
    assert history().unread_copy(EQUAL, NOW - 2) is None
    assert history(n3=CopyRecord()).unread_copy(EQUAL, NOW - 2) == "the last full pass did not read the copy on n3"
    assert history(n3=CopyRecord()).unread_copy(Census({"n1": CopyCount(1, 20, 20)}), NOW - 2) is None


def test_a_copy_is_damaged_while_a_finding_is_open_for_it() -> None:
    assert history(n2=msgspec.structs.replace(GOOD, damage=(MISSING,))).is_damaged("n2")
    assert not history().is_damaged("n2")
    assert not history().is_damaged("n9")
