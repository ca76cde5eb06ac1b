"""Which copy is accused where copies differ; the table of the module has a test for each row."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.core.model.findings import Kind
from auditor.core.replicas.blame import Accusation, ComparedCopies, accuse
from auditor.core.replicas.comparison import Difference, Pattern

UNREADABLE, MISSING, DIFFERS = Kind.REPLICA_UNREADABLE, Kind.REPLICA_MISSING, Kind.REPLICA_DIFFERS
NAMES = ("n1", "n2", "n3")


def copies(ends: tuple[int, ...] = (20, 20, 20), leader: str = "n1", names: tuple[str, ...] = NAMES) -> ComparedCopies:
    return ComparedCopies(names, ends, leader, 3, 20)


def accused(
    pattern: Pattern, *, counted: str = "", compared: ComparedCopies | None = None
) -> set[tuple[str, Kind, bool]]:
    found = accuse(Difference(7, 9, pattern), compared or copies(), lambda name, _: name in counted.split())
    return {(each.replica, each.kind, each.is_undecided) for each in found}


@pytest.mark.parametrize("leader", NAMES)
def test_the_copy_with_other_bytes_than_two_others_is_accused_also_if_it_leads(leader: str) -> None:
    assert accused((0, 1, 0), compared=copies(leader=leader)) == {("n2", DIFFERS, False)}
    assert accused((0, 1, 1), compared=copies(leader=leader)) == {("n1", DIFFERS, False)}


def test_without_a_majority_for_the_bytes_each_copy_is_accused_undecided() -> None:
    assert accused((0, 1, 2)) == {("n1", DIFFERS, True), ("n2", DIFFERS, True), ("n3", DIFFERS, True)}
    two = copies((20, 20), names=("n1", "n2"))
    assert accused((0, 1), compared=two) == {("n1", DIFFERS, True), ("n2", DIFFERS, True)}


def test_a_copy_that_lacks_a_message_is_accused_also_if_it_leads() -> None:
    assert accused((0, None, 0)) == {("n2", MISSING, False)}
    assert accused((None, 0, 0)) == {("n1", MISSING, False)}


def test_a_copy_that_counts_what_it_does_not_deliver_is_unreadable_also_in_a_majority() -> None:
    assert accused((0, None, 0), counted="n2") == {("n2", UNREADABLE, False)}
    assert accused((None, None, 0), counted="n1 n2") == {("n1", UNREADABLE, False), ("n2", UNREADABLE, False)}
    assert accused((None, None, 0), counted="n1") == {("n1", UNREADABLE, False), ("n2", MISSING, False)}


def test_if_the_majority_with_the_leader_lacks_a_message_the_holder_is_named_undecided() -> None:
    assert accused((None, None, 0)) == {("n3", DIFFERS, True)}
    assert accused((None, None, 0), compared=copies(leader="n3")) == {("n1", MISSING, False), ("n2", MISSING, False)}


def test_a_copy_that_ends_before_is_not_accused_and_what_only_it_holds_says_nothing() -> None:
    assert accused((0, 0, None), compared=copies((20, 20, 5))) == set()
    assert accused((None, None, 0), compared=copies((20, 20, 15))) == set()
    assert accused((0, None, 0), compared=copies((20, 20, 15))) == {("n2", MISSING, False)}


def test_an_accusation_names_the_range_and_the_good_copies() -> None:
    (one,) = accuse(Difference(7, 9, (0, None, 0)), copies(), lambda *_: False)
    text = "lacks messages that are on n1 and n3"
    assert one == Accusation("n2", MISSING, is_undecided=False, first=7, last=9, text=text)


@settings(deadline=None)
@given(
    st.tuples(*[st.sampled_from([None, 0, 1, 2])] * 3).filter(lambda each: any(group is not None for group in each)),
    st.sampled_from(NAMES),
    st.sets(st.sampled_from(NAMES)),
)
def test_something_is_always_said_of_a_difference_and_never_all_copies_are_decided(
    pattern: Pattern, leader: str, counted: set[str]
) -> None:
    if len(set(pattern)) == 1:
        return
    found = list(accuse(Difference(7, 7, pattern), copies(leader=leader), lambda name, _: name in counted))
    assert found
    decided = {each.replica for each in found if not each.is_undecided}
    assert decided < set(NAMES)
