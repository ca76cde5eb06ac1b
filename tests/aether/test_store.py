from __future__ import annotations

from auditor.aether import (
    DuplicateEventError,
    Malformed,
    MalformedSnapshotError,
    Reason,
    ReplayError,
    SnapshotNotFoundError,
    VersionConflictError,
)


def test_a_version_conflict_names_actor_and_both_versions() -> None:
    error = VersionConflictError("order-42", attempted_version=3, current_version=5)
    assert str(error) == "actor 'order-42': version 3 is not above the current 5"


def test_a_duplicate_names_the_event_and_the_sequence_that_holds_its_id() -> None:
    error = DuplicateEventError("evt-1", sequence_number=17)
    assert str(error) == "event 'evt-1': not stored, the message with this id is at sequence 17"


def test_a_missing_snapshot_names_the_actor_on_one_line_whatever_its_id_holds() -> None:
    assert str(SnapshotNotFoundError("a\nb\x1b")) == "actor 'a\\nb\\x1b': no snapshot is stored"


def test_a_malformed_snapshot_says_where_it_is_and_why_it_does_not_decode() -> None:
    malformed = Malformed(Reason.TYPE, "version at byte 11: expected an integer in the int64 range, found a string", 11)
    error = MalformedSnapshotError("order-42", ReplayError(17, b'{"version":"5"}', malformed))
    assert str(error) == (
        "actor 'order-42': the last snapshot, at sequence 17, does not decode (type): "
        "version at byte 11: expected an integer in the int64 range, found a string"
    )
