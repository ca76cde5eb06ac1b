"""The identity of a finding changes if another damage is in its place, and not if more is known of the same damage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from auditor.core.model.findings import Cause, Finding, Incident, Kind, Severity
from auditor.core.report.actor_assessment import MissingVersions
from auditor.core.report.identifier import Identifier
from tests.core.findings import finding_of

if TYPE_CHECKING:
    from auditor.core.model.finding_identity import Identity

SUBJECT = "S.events.order.order-1"
GAP = MissingVersions(3, 5, 10, 20, Cause.UNKNOWN)


def rollback(first_seq: int, last_seq: int, noticed_ns: int = 7) -> Incident:
    return Incident(noticed_ns, finding_of(Kind.STREAM_ROLLBACK, first_seq=first_seq, last_seq=last_seq))


def gap(identifier: Identifier, missing: MissingVersions = GAP, kind: Kind = Kind.VERSION_GAP) -> Identity:
    return identifier.missing_versions(kind, SUBJECT, missing)


STREAM = Identifier("S", 1)
ROLLED_BACK = Identifier("S", 1, [rollback(15, 30)])


@pytest.mark.parametrize("other", [Identifier("T", 1), Identifier("S", 2), ROLLED_BACK])
def test_a_finding_of_another_stream_or_after_a_rollback_is_another_one(other: Identifier) -> None:
    assert gap(STREAM) != gap(other)
    assert STREAM.version(Kind.LATE_VERSION, SUBJECT, 3, 16) != other.version(Kind.LATE_VERSION, SUBJECT, 3, 16)
    assert STREAM.collision(SUBJECT, ["a", "b"], 16) != other.collision(SUBJECT, ["a", "b"], 16)
    assert STREAM.sequences(Kind.UNREADABLE_MESSAGE, 16, 17) != other.sequences(Kind.UNREADABLE_MESSAGE, 16, 17)


def test_a_rollback_of_other_sequences_changes_no_identity() -> None:
    for other in (Identifier("S", 1, [rollback(21, 30)]), Identifier("S", 1, [rollback(1, 19)])):
        assert gap(STREAM) == gap(other)


def test_each_rollback_gives_a_new_identity_whatever_the_clock_says() -> None:
    for noticed_ns in (2, 9, 12):
        twice = [rollback(15, 30, noticed_ns=9), rollback(18, 25, noticed_ns=noticed_ns)]
        identities = {gap(Identifier("S", 1, twice[:number])) for number in range(3)}
        assert len(identities) == 3


def test_after_replaced_messages_every_finding_has_a_new_identity() -> None:
    changed = Incident(3, finding_of(Kind.HISTORY_CHANGED, first_seq=90, last_seq=91))
    assert gap(STREAM) != gap(Identifier("S", 1, [changed]))


def test_a_gap_has_the_interval_of_its_versions() -> None:
    assert (gap(STREAM).first, gap(STREAM).last) == (3, 5)
    smaller = gap(STREAM, MissingVersions(3, 4, 10, 20, Cause.DELETED))
    assert (smaller.digest, smaller.first, smaller.last) == (gap(STREAM).digest, 3, 4)
    assert gap(STREAM, MissingVersions(3, 5, 10, 21, Cause.UNKNOWN)).digest != gap(STREAM).digest


def test_an_expired_head_is_one_finding_for_each_actor() -> None:
    heads = [MissingVersions(1, last, None, last + 10, Cause.EXPIRED) for last in (4, 9)]
    first, second = (gap(STREAM, each, Kind.MISSING_HEAD) for each in heads)
    assert first == second
    deleted = gap(STREAM, MissingVersions(1, 4, None, 14, Cause.DELETED), Kind.MISSING_HEAD)
    assert deleted.digest != first.digest


def test_a_collision_has_an_identity_for_each_actor_id() -> None:
    two, three = STREAM.collision(SUBJECT, ["a", "b"], 4), STREAM.collision(SUBJECT, ["b", "c", "a"], 9)
    assert set(two) < set(three)
    assert len(three) == 3


def test_a_range_is_divided_where_a_rollback_begins_and_ends() -> None:
    parts = Identifier("S", 1, [rollback(15, 30)]).sequences(Kind.DELETED_MESSAGES, 10, 40)
    assert [(each.first, each.last) for each in parts] == [(10, 14), (15, 30), (31, 40)]
    (whole,) = STREAM.sequences(Kind.DELETED_MESSAGES, 10, 40)
    assert parts[0].digest == parts[2].digest == whole.digest != parts[1].digest
    (inside,) = Identifier("S", 1, [rollback(15, 30)]).sequences(Kind.DELETED_MESSAGES, 15, 30)
    assert inside == parts[1]


def test_messages_whose_sequences_are_not_known_are_identified_by_their_number() -> None:
    three, two = (STREAM.unreadable_on_subject(SUBJECT.encode(), count) for count in (3, 2))
    assert (three.digest, three.first, three.last) == (two.digest, 1, 3)
    assert (two.first, two.last) == (1, 2)
    assert (STREAM.unlocated_loss(9).first, STREAM.unlocated_loss(9).last) == (1, 9)


def test_two_incidents_with_equal_fields_are_different_findings() -> None:
    recreated = Finding(kind=Kind.STREAM_RECREATED, severity=Severity.CORRUPTION, count=3, detail="x")
    first, second = (STREAM.incident(Incident(noticed_ns, recreated)) for noticed_ns in (1, 2))
    assert first != second
    assert Identifier("S", 2).incident(Incident(1, recreated)) == first
