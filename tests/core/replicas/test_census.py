"""A census says which copies lack messages by their counts. Deletions that race with it are never called a loss."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.core.replicas.census import Census, CopyBehind, CopyCount, lacking


def test_a_copy_with_more_gaps_than_another_lacks_messages() -> None:
    copies = {"n1": CopyCount(1, 20, 18), "n2": CopyCount(8, 20, 11), "n3": CopyCount(1, 20, 18)}
    assert lacking(copies, copies, 20) == {"n2": 7}


def test_copies_that_were_counted_at_different_ends_are_compared_by_their_gaps() -> None:
    copies = {"n1": CopyCount(1, 20, 18), "n2": CopyCount(1, 30, 28)}
    assert lacking(copies, copies, 20) == {}


def test_a_copy_that_ends_before_the_pinned_end_is_not_compared() -> None:
    copies = {"n1": CopyCount(1, 20, 18), "n2": CopyCount(1, 5, 5), "n3": CopyCount(1, 20, 17)}
    assert lacking(copies, copies, 20) == {"n3": 1}


@settings(deadline=None)
@given(st.lists(st.integers(0, 5), min_size=3, max_size=3), st.integers(0, 5))
def test_deletions_between_two_counts_are_never_a_loss(applied: list[int], more: int) -> None:
    """At the first count each copy has applied some of five deletions, and all of them and `more` at the second one."""
    earlier = {f"n{number}": CopyCount(1, 20, 20 - deleted) for number, deleted in enumerate(applied)}
    later = dict.fromkeys(earlier, CopyCount(1, 20, 20 - 5 - more))
    assert lacking(earlier, later, 20) == {}


def test_a_census_knows_where_each_copy_begins_and_ends() -> None:
    census = Census({"n1": CopyCount(3, 20, 18), "n2": CopyCount(1, 5, 5)})
    assert (census.first_seq, Census().first_seq) == (1, 1)
    assert (census.end_of("n1", 10), census.end_of("n2", 10)) == (10, 5)


def test_only_a_copy_that_is_called_up_to_date_and_does_not_grow_has_lost_its_end() -> None:
    assert CopyBehind(5, has_moved=False, is_current=True, lag=0).has_lost_its_end
    assert not CopyBehind(5, has_moved=True, is_current=True, lag=0).has_lost_its_end
    assert not CopyBehind(5, has_moved=False, is_current=False, lag=7).has_lost_its_end
