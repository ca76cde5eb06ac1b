"""Duplicates are compared with the first copy of their version, byte by byte."""

from __future__ import annotations

from auditor.core.model.findings import Cause, Kind
from auditor.core.model.message import StoredMessage
from auditor.core.state.duplicates import DuplicateComparison
from auditor.core.state.ledger import OutOfOrderEvent


def body(version: int, note: str) -> bytes:
    return b'{"actorId":"order-1","version":%d,"data":{"note":"%s"}}' % (version, note.encode())


def test_each_duplicate_is_compared_with_the_first_copy_of_its_version() -> None:
    stored = [body(1, "a"), body(2, "b"), b"{", body(1, "a"), body(2, "c"), body(2, "b")]
    duplicates = [OutOfOrderEvent(Kind.DUPLICATE_VERSION, version, seq) for version, seq in ((1, 4), (2, 5), (2, 6))]
    comparison = DuplicateComparison("order-1", duplicates)
    for seq, data in enumerate(stored, 1):
        comparison.add(StoredMessage(seq, 0, b"S.events.order.order-1", None, data))
    assert comparison.last_seq == 6
    same, different = Cause.SAME_PAYLOAD, Cause.DIFFERENT_PAYLOAD
    assert comparison.causes(is_final=False) == {4: same, 5: different, 6: same}


def test_a_duplicate_that_is_not_read_again_keeps_the_cause_unknown() -> None:
    duplicate = OutOfOrderEvent(Kind.DUPLICATE_VERSION, 1, 9)
    comparison = DuplicateComparison("order-1", [duplicate])
    comparison.add(StoredMessage(1, 0, b"s", None, body(1, "a")))
    assert comparison.causes(is_final=False) == {}
    assert comparison.causes(is_final=True) == {9: Cause.UNKNOWN}


def test_a_message_of_another_actor_is_not_compared() -> None:
    duplicate = OutOfOrderEvent(Kind.DUPLICATE_VERSION, 1, 3)
    comparison = DuplicateComparison("order-1", [duplicate])
    foreign = body(1, "a").replace(b"order-1", b"order-2")
    for seq, data in enumerate([foreign, body(1, "b"), body(1, "b")], 1):
        comparison.add(StoredMessage(seq, 0, b"S.events.order.order-1", None, data))
    assert comparison.causes(is_final=True) == {3: Cause.SAME_PAYLOAD}


def test_a_duplicate_without_its_first_copy_is_not_compared() -> None:
    duplicates = [OutOfOrderEvent(Kind.DUPLICATE_VERSION, 1, seq) for seq in (3, 4)]
    comparison = DuplicateComparison("order-1", duplicates)
    for seq in (3, 4):
        comparison.add(StoredMessage(seq, 0, b"S.events.order.order-1", None, body(1, str(seq))))
    assert comparison.causes(is_final=False) == {4: Cause.DIFFERENT_PAYLOAD}
