"""The ledger's version rules, against a model that knows nothing but sets."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.core.model.findings import Cause, Kind
from auditor.core.state.ledger import Ledger, Snapshot

TAIL = b"order.order-1"

versions = st.lists(st.integers(1, 25), max_size=40)


@st.composite
def thinned(draw: st.DrawFn) -> list[int]:
    """1 to n with some left out, some moved and some stored again: how streams really go wrong."""
    story = [version for version in range(1, draw(st.integers(1, 30))) if draw(st.integers(0, 4))]
    for _ in range(draw(st.integers(0, 4))):
        if story:
            moved = story[draw(st.integers(0, len(story) - 1))]
            if draw(st.booleans()):
                story.remove(moved)
            story.insert(draw(st.integers(0, len(story))), moved)
    return story


def take(story: list[int], ledger: Ledger | None = None, first_seq: int = 1) -> Ledger:
    ledger = ledger or Ledger()
    for seq, version in enumerate(story, first_seq):
        ledger.add_event(TAIL, "order-1", version, seq)
    return ledger


def holes(missing: set[int]) -> list[tuple[int, int]]:
    """Maximal runs."""
    starts = sorted(version for version in missing if version - 1 not in missing)
    ends = sorted(version for version in missing if version + 1 not in missing)
    return list(zip(starts, ends, strict=True))


@settings(deadline=None)
@given(versions | thinned())
def test_every_story_of_versions_is_described_exactly(story: list[int]) -> None:
    expected = []
    seen: set[int] = set()
    for seq, version in enumerate(story, 1):
        if seen and version <= max(seen):
            if version < story[0]:
                expected.append((Kind.VERSION_REGRESSION, version, seq))
            elif version in seen:
                expected.append((Kind.DUPLICATE_VERSION, version, seq))
            else:
                expected.append((Kind.LATE_VERSION, version, seq))
        seen.add(version)

    ledger = take(story)
    trouble = ledger.anomalies.get(TAIL)
    assert [(event.kind, event.version, event.seq) for event in (trouble.out_of_order if trouble else [])] == expected
    missing = set(range(story[0], max(story))) - seen if story else set()
    gaps = trouble.gaps if trouble else []
    assert [(gap.first, gap.last) for gap in gaps] == holes(missing)


@settings(deadline=None)
@given(versions | thinned())
def test_a_gap_lies_between_the_sequences_of_two_events_that_were_stored_around_it(story: list[int]) -> None:
    trouble = take(story).anomalies.get(TAIL)
    for gap in trouble.gaps if trouble else []:
        before, after = story[: gap.before_seq - 1], story[gap.before_seq - 1]
        assert after > gap.last
        assert story[gap.after_seq - 1] == max(before) < gap.first or gap.first - 1 in story


@settings(deadline=None)
@given(thinned(), st.integers(0, 40))
def test_a_ledger_that_was_saved_and_loaded_goes_on_as_if_nothing_had_happened(story: list[int], at: int) -> None:
    at = min(at, len(story))
    half = take(story[:at])
    carried = msgspec.msgpack.decode(msgspec.msgpack.encode(half), type=Ledger)
    assert take(story[at:], carried, at + 1) == take(story)


def test_an_ordinary_actor_is_no_trouble() -> None:
    ledger = take(list(range(1, 1000)))
    assert ledger.anomalies == {}
    assert ledger.actors[TAIL].last_version == 999


def test_a_late_event_splits_the_gap_that_it_falls_into() -> None:
    (first, second) = take([1, 9, 5]).anomalies[TAIL].gaps
    assert (first.first, first.last, second.first, second.last) == (2, 4, 6, 8)
    assert (first.after_seq, first.before_seq) == (second.after_seq, second.before_seq) == (1, 2)


def test_the_cause_of_a_gap_is_the_strongest_damage_between_its_two_events() -> None:
    ledger = take([1])
    ledger.add_bad_message(TAIL, Cause.FOREIGN, 2)
    ledger.add_bad_message(TAIL, Cause.MALFORMED, 3)
    ledger.add_bad_message(TAIL, Cause.HIDDEN, 4)
    ledger.add_event(TAIL, "order-1", 1, 5)
    ledger.add_event(TAIL, "order-1", 5, 6)
    ledger.add_event(TAIL, "order-1", 7, 7)
    assert [gap.content_cause for gap in ledger.anomalies[TAIL].gaps] == [Cause.MALFORMED, None]


def test_ids_that_share_a_subject_are_named_at_most_ten() -> None:
    ledger = Ledger()
    for number in range(20):
        ledger.add_event(TAIL, f"order{'.' * number}1", number + 1, number + 1)
    assert len(ledger.anomalies[TAIL].colliding_ids) == 10


def test_of_a_subject_that_two_ids_share_no_versions_are_remembered() -> None:
    ledger = take([1, 5, 5, 3])
    for seq in range(5, 1005):
        ledger.add_event(TAIL, f"order.{seq % 2}", 7 * seq, seq)
    trouble = ledger.anomalies[TAIL]
    assert (trouble.gaps, trouble.out_of_order, trouble.colliding_ids) == ([], [], ["order-1", "order.1", "order.0"])
    assert list(ledger.duplicates()) == []


def test_every_subject_with_an_event_is_seen_once() -> None:
    ledger = take([1, 5])
    ledger.add_bad_message(TAIL, Cause.HIDDEN, 3)
    ledger.add_bad_message(b"cart.cart-1", Cause.HIDDEN, 4)
    ledger.add_snapshot(b"cart.cart-2", 1, 5)
    assert list(ledger.actor_keys()) == [TAIL, b"cart.cart-1"]
    assert ledger.actor_count() == 2


def test_a_snapshot_gives_back_the_one_that_it_supersedes() -> None:
    ledger = Ledger()
    assert ledger.add_snapshot(TAIL, 1, 1) is None
    assert ledger.add_snapshot(TAIL, 2, 2) == Snapshot(1, 1)
    assert ledger.snapshots == {TAIL: Snapshot(2, 2)}


def test_only_duplicates_that_were_not_compared_are_asked_for() -> None:
    ledger = take([1, 3, 3, 1, 2, 2])
    ((tail, duplicates),) = ledger.duplicates()
    assert (tail, [(duplicate.version, duplicate.seq) for duplicate in duplicates]) == (TAIL, [(3, 3), (1, 4), (2, 6)])
    for duplicate in duplicates:
        duplicate.cause = Cause.SAME_PAYLOAD
    assert list(ledger.duplicates()) == []
