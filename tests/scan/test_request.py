"""What a pass is asked to do."""

from __future__ import annotations

import pytest

from auditor.config import AuditConfig
from auditor.scan.request import MIN_FINDINGS_LISTED, PassRequest, StartFrom

AUDIT = AuditConfig(name="a", stream="S")


@pytest.mark.parametrize(("asked", "kept"), [(0, 1000), (1000, 1000), (5000, 5000)])
def test_a_checkpoint_keeps_a_thousand_findings_of_a_kind_even_if_fewer_are_listed(asked: int, kept: int) -> None:
    assert MIN_FINDINGS_LISTED == 1000
    assert PassRequest(AUDIT, max_findings=asked).detail_limit == kept


def test_a_request_that_says_nothing_else_runs_what_is_due_to_its_end() -> None:
    request = PassRequest(AUDIT)
    assert request.start_from is StartFrom.AUTO
    assert not request.should_yield()
    assert not request.interrupt.is_set()
    assert request.progress is not PassRequest(AUDIT).progress
