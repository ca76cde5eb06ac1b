"""A request says where a pass starts, when it ends and how many findings it lists."""

from __future__ import annotations

import pytest

from auditor.config import AuditConfig
from auditor.scan.request import MIN_FINDINGS_LISTED, PassRequest, StartFrom

AUDIT = AuditConfig(name="a", stream="S")


@pytest.mark.parametrize(("max_findings", "kept"), [(0, 1000), (1000, 1000), (5000, 5000)])
def test_a_checkpoint_keeps_a_thousand_findings_of_a_kind_even_if_fewer_are_listed(
    max_findings: int, kept: int
) -> None:
    assert MIN_FINDINGS_LISTED == 1000
    assert PassRequest(AUDIT, max_findings=max_findings).detail_limit == kept


def test_by_default_a_pass_starts_automatically_and_does_not_yield() -> None:
    request = PassRequest(AUDIT)
    assert request.start_from is StartFrom.AUTO
    assert not request.should_yield()
    assert not request.interrupt.is_set()
    assert request.progress is not PassRequest(AUDIT).progress
