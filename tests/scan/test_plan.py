from __future__ import annotations

from auditor.core.state.checkpoint import CheckpointKind
from auditor.scan.plan import CANDIDATES
from auditor.scan.request import StartFrom


def test_only_a_pass_from_the_beginning_reads_no_saved_state() -> None:
    assert set(CANDIDATES) == set(StartFrom)
    assert [reading for reading, parts in CANDIDATES.items() if not parts] == [StartFrom.BEGINNING]


def test_a_pass_that_is_due_continues_a_full_pass_before_it_reads_only_what_is_new() -> None:
    assert CANDIDATES[StartFrom.AUTO] == (CheckpointKind.IN_PROGRESS, CheckpointKind.COMPLETED)
    assert CANDIDATES[StartFrom.INCREMENTAL] == (CheckpointKind.COMPLETED, CheckpointKind.IN_PROGRESS)
