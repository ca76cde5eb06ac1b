"""The ledger applies the rules about versions as a model of sets does."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.core.model.findings import Cause, Kind
from auditor.core.state.examiner import AuditState
from auditor.core.state.ledger import Ledger, Snapshot
from tests.core.states import saved_and_loaded

KEY = b"order.order-1"

versions = st.lists(st.integers(1, 25), max_size=40)


@st.composite
def damaged(draw: st.DrawFn) -> list[int]:
    """Versions 1 to n, with some left out, some moved and some stored twice."""
    versions_stored = [version for version in range(1, draw(st.integers(1, 30))) if draw(st.integers(0, 4))]
    for _ in range(draw(st.integers(0, 4))):
        if versions_stored:
            moved = versions_stored[draw(st.integers(0, len(versions_stored) - 1))]
            if draw(st.booleans()):
                versions_stored.remove(moved)
            versions_stored.insert(draw(st.integers(0, len(versions_stored))), moved)
    return versions_stored


def ledger_of(versions_stored: list[int], ledger: Ledger | None = None, first_seq: int = 1) -> Ledger:
    ledger = ledger or Ledger()
    for seq, version in enumerate(versions_stored, first_seq):
        ledger.add_event(KEY, "order-1", version, seq)
    return ledger


def runs(missing: set[int]) -> list[tuple[int, int]]:
    """The runs of consecutive versions."""
    starts = sorted(version for version in missing if version - 1 not in missing)
    ends = sorted(version for version in missing if version + 1 not in missing)
    return list(zip(starts, ends, strict=True))


@settings(deadline=None)
@given(versions | damaged())
def test_every_sequence_of_versions_has_the_anomalies_of_the_model(versions_stored: list[int]) -> None:
    expected = []
    seen: set[int] = set()
    for seq, version in enumerate(versions_stored, 1):
        if seen and version <= max(seen):
            if version < versions_stored[0]:
                expected.append((Kind.VERSION_REGRESSION, version, seq))
            elif version in seen:
                expected.append((Kind.DUPLICATE_VERSION, version, seq))
            else:
                expected.append((Kind.LATE_VERSION, version, seq))
        seen.add(version)

    ledger = ledger_of(versions_stored)
    anomalies = ledger.anomalies.get(KEY)
    assert [
        (event.kind, event.version, event.seq) for event in (anomalies.out_of_order if anomalies else [])
    ] == expected
    missing = set(range(versions_stored[0], max(versions_stored))) - seen if versions_stored else set()
    gaps = anomalies.gaps if anomalies else []
    assert [(gap.first, gap.last) for gap in gaps] == runs(missing)


@settings(deadline=None)
@given(versions | damaged())
def test_a_gap_is_between_the_sequences_of_the_two_events_around_it(versions_stored: list[int]) -> None:
    anomalies = ledger_of(versions_stored).anomalies.get(KEY)
    for gap in anomalies.gaps if anomalies else []:
        before, after = versions_stored[: gap.before_seq - 1], versions_stored[gap.before_seq - 1]
        assert after > gap.last
        assert versions_stored[gap.after_seq - 1] == max(before) < gap.first or gap.first - 1 in versions_stored


@settings(deadline=None)
@given(damaged(), st.integers(0, 40))
def test_a_ledger_that_was_saved_and_loaded_continues_as_the_same_ledger(versions_stored: list[int], at: int) -> None:
    at = min(at, len(versions_stored))
    half = ledger_of(versions_stored[:at])
    carried = saved_and_loaded(AuditState(half)).ledger
    assert ledger_of(versions_stored[at:], carried, at + 1) == ledger_of(versions_stored)


def test_an_actor_whose_versions_are_contiguous_has_no_anomalies() -> None:
    ledger = ledger_of(list(range(1, 1000)))
    assert ledger.anomalies == {}
    assert ledger.actors[KEY].last_version == 999


def test_a_late_event_splits_the_gap_that_it_falls_into() -> None:
    (first, second) = ledger_of([1, 9, 5]).anomalies[KEY].gaps
    assert (first.first, first.last, second.first, second.last) == (2, 4, 6, 8)
    assert (first.after_seq, first.before_seq) == (second.after_seq, second.before_seq) == (1, 2)


def test_the_cause_of_a_gap_is_the_strongest_cause_between_its_two_events() -> None:
    ledger = ledger_of([1])
    ledger.add_bad_message(KEY, Cause.FOREIGN, 2)
    ledger.add_bad_message(KEY, Cause.MALFORMED, 3)
    ledger.add_bad_message(KEY, Cause.HIDDEN, 4)
    ledger.add_event(KEY, "order-1", 1, 5)
    ledger.add_event(KEY, "order-1", 5, 6)
    ledger.add_event(KEY, "order-1", 7, 7)
    assert [gap.content_cause for gap in ledger.anomalies[KEY].gaps] == [Cause.MALFORMED, None]


def test_ten_of_the_ids_that_share_a_subject_are_kept() -> None:
    ledger = Ledger()
    for number in range(20):
        ledger.add_event(KEY, f"order{'.' * number}1", number + 1, number + 1)
    assert len(ledger.anomalies[KEY].colliding_ids) == 10


def test_no_versions_are_kept_of_a_subject_that_two_ids_share() -> None:
    ledger = ledger_of([1, 5, 5, 3])
    for seq in range(5, 1005):
        ledger.add_event(KEY, f"order.{seq % 2}", 7 * seq, seq)
    anomalies = ledger.anomalies[KEY]
    assert (anomalies.gaps, anomalies.out_of_order, anomalies.colliding_ids) == (
        [],
        [],
        ["order-1", "order.1", "order.0"],
    )
    assert list(ledger.duplicates()) == []


def test_every_subject_with_an_event_is_counted_once() -> None:
    ledger = ledger_of([1, 5])
    ledger.add_bad_message(KEY, Cause.HIDDEN, 3)
    ledger.add_bad_message(b"cart.cart-1", Cause.HIDDEN, 4)
    ledger.add_snapshot(b"cart.cart-2", 1, 5)
    assert list(ledger.actor_keys()) == [KEY, b"cart.cart-1"]
    assert ledger.actor_count() == 2


def test_adding_a_snapshot_returns_the_one_that_it_supersedes() -> None:
    ledger = Ledger()
    assert ledger.add_snapshot(KEY, 1, 1) is None
    assert ledger.add_snapshot(KEY, 2, 2) == Snapshot(1, 1)
    assert ledger.snapshots == {KEY: Snapshot(2, 2)}


def test_only_duplicates_that_were_not_compared_are_returned() -> None:
    ledger = ledger_of([1, 3, 3, 1, 2, 2])
    ((key, duplicates),) = ledger.duplicates()
    assert (key, [(duplicate.version, duplicate.seq) for duplicate in duplicates]) == (KEY, [(3, 3), (1, 4), (2, 6)])
    for duplicate in duplicates:
        duplicate.cause = Cause.SAME_PAYLOAD
    assert list(ledger.duplicates()) == []
