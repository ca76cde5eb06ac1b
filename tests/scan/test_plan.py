from __future__ import annotations

from auditor.core.state.checkpoint import Part
from auditor.scan.plan import PREFERRED, Reading


def test_only_a_pass_from_the_beginning_reads_no_saved_state() -> None:
    assert set(PREFERRED) == set(Reading)
    assert [reading for reading, parts in PREFERRED.items() if not parts] == [Reading.ANEW]


def test_a_pass_that_is_due_continues_a_full_pass_before_it_reads_only_what_is_new() -> None:
    assert PREFERRED[Reading.AS_DUE] == (Part.UNDERWAY, Part.COMPLETED)
    assert PREFERRED[Reading.TAIL] == (Part.COMPLETED, Part.UNDERWAY)
