"""A finding about a copy is closed only by a later reading of the same copy."""

from __future__ import annotations

from auditor.core.model.findings import Kind
from auditor.core.model.message import Peer, StreamInfo
from auditor.core.replicas.census import Census, CopyBehind, CopyCount
from auditor.core.replicas.record import ReplicaHistory
from auditor.core.replicas.update import CopiesRead, PassAge, updated
from tests.core.findings import finding_of

NOW, DAY = 1_800_000_000_000_000_000, 86_400_000_000_000
NAMES = ("n1", "n2", "n3")
COUNT = CopyCount(1, 20, 20)
ALL = Census(dict.fromkeys(NAMES, COUNT))
WITHOUT_N2 = Census({"n1": COUNT, "n3": COUNT}, {"n2": "its server is offline"})
WHOLE = CopiesRead(frozenset(NAMES))
MISSING = finding_of(Kind.REPLICA_MISSING, replica="n2")
DIFFERS = finding_of(Kind.REPLICA_DIFFERS, replica="n2")
DAMAGED = CopiesRead(frozenset(NAMES), damage={"n2": (MISSING,)})


def info(created_ns: int = 7, names: tuple[str, ...] = NAMES) -> StreamInfo:
    return StreamInfo("S", created_ns, 1, 20, 20, 0, replicas=3, leader="n1", peers=tuple(map(Peer, names)))


def after(
    before: ReplicaHistory, census: Census = ALL, read: CopiesRead | None = None, *, now_ns: int = NOW, **of: object
) -> ReplicaHistory:
    return updated(before, info(**of), census, read, PassAge(now_ns, DAY))


def test_a_full_pass_opens_and_closes_the_findings_of_the_copies_that_it_read_whole() -> None:
    damaged = after(ReplicaHistory(), read=DAMAGED)
    assert damaged.copies["n2"].damage == (MISSING,)
    assert {each.read_ns for each in damaged.copies.values()} == {NOW}
    assert after(damaged, read=WHOLE).copies["n2"].damage == ()


def test_no_other_pass_closes_the_finding_of_a_copy() -> None:
    damaged = after(ReplicaHistory(), read=DAMAGED)
    assert after(damaged).copies["n2"].damage == (MISSING,)
    assert after(damaged, WITHOUT_N2, CopiesRead(frozenset({"n1", "n3"}))).copies["n2"].damage == (MISSING,)
    failed = CopiesRead(frozenset({"n1", "n3"}), {"n2": "it takes too long"}, {"n2": (DIFFERS,)})
    assert after(damaged, read=failed).copies["n2"].damage == (DIFFERS, MISSING)


def test_an_absent_copy_is_a_finding_of_a_full_pass() -> None:
    record = after(after(ReplicaHistory(), read=WHOLE), WITHOUT_N2, CopiesRead(frozenset({"n1", "n3"}))).copies["n2"]
    assert record.unread is not None
    assert record.unread.detail == "the copy on n2: it was not read: its server is offline"
    assert (record.note, record.counted) == ("", (1, 20, 20))


def test_an_absent_copy_is_a_note_of_an_incremental_pass_while_its_last_reading_is_recent() -> None:
    known = after(ReplicaHistory(), read=WHOLE)
    record = after(known, WITHOUT_N2, now_ns=NOW + 5).copies["n2"]
    assert (record.unread, record.note) == (
        None,
        "the copy on n2: it was not read: its server is offline; it was last read whole at 2027-01-15 08:00:00 UTC",
    )
    late = after(known, WITHOUT_N2, now_ns=NOW + DAY).copies["n2"]
    assert late.unread is not None
    assert late.note == ""
    assert after(ReplicaHistory(), WITHOUT_N2).copies["n2"].unread is not None


def test_a_copy_that_is_behind_is_a_finding_of_every_pass() -> None:
    census = Census(ALL.copies | {"n3": CopyCount(1, 5, 5)}, behind={"n3": CopyBehind(5, False, False, 7)})
    known = after(ReplicaHistory(), read=WHOLE)
    for read in (None, CopiesRead(frozenset({"n1", "n2", "n3"}))):
        unread = after(known, census, read).copies["n3"].unread
        assert unread is not None
        assert (unread.kind, unread.first_seq, unread.last_seq) == (Kind.REPLICA_BEHIND, 6, 20)
        assert unread.detail is not None
        assert unread.detail.endswith(
            "it does not grow, and the leader knows it as not up to date, with a lag of 7 operations"
        )


def test_a_copy_that_has_lost_its_end_is_damaged_and_not_behind() -> None:
    census = Census(ALL.copies | {"n2": CopyCount(1, 5, 5)}, behind={"n2": CopyBehind(5, False, True, 0)})
    assert after(ReplicaHistory(), census, DAMAGED).copies["n2"].unread is None
    assert after(after(ReplicaHistory(), read=WHOLE), census).copies["n2"].unread is not None


def test_the_copies_of_another_stream_and_of_servers_without_one_are_dropped() -> None:
    damaged = after(ReplicaHistory(), read=DAMAGED)
    assert after(damaged, created_ns=8).copies["n2"].damage == ()
    assert list(after(damaged, names=("n1", "n3", "n4")).copies) == ["n1", "n3", "n4"]


def test_why_copies_could_not_be_compared_is_kept_until_the_next_full_pass() -> None:
    unconfirmed = after(ReplicaHistory(), read=CopiesRead(unconfirmed="messages keep changing"))
    assert after(unconfirmed).unconfirmed == "messages keep changing"
    assert after(unconfirmed, read=WHOLE).unconfirmed == ""
