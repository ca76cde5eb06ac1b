"""Findings of saved reports are selected, and one is found by its id."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from auditor.core.model.findings import Kind
from auditor.core.report.finding_query import FindingFilter, FindingState
from auditor.errors import NotFoundError
from auditor.operations.accept import accept_findings
from auditor.operations.findings import find_finding, select_findings
from auditor.scan.request import PassRequest
from tests.operations.conftest import AUDIT

if TYPE_CHECKING:
    from auditor.app import App

ALL = FindingFilter()
BAD = FindingFilter(kinds=frozenset({Kind.MALFORMED_EVENT}))
NEVER_RUN = AUDIT.model_copy(update={"name": "never-run"})


async def test_findings_of_the_last_report_are_selected_with_their_state(app: App) -> None:
    await app.run_to_end(PassRequest(AUDIT))
    found = await select_findings(app, [AUDIT], BAD)
    assert [(each.audit, each.state, each.finding.seq) for each in found.findings] == [
        ("orders", FindingState.OPEN, 4),
        ("orders", FindingState.OPEN, 5),
    ]
    assert (found.is_complete, found.without_report) == (True, ())
    await accept_findings(app, AUDIT, Kind.MALFORMED_EVENT, 4, "known")
    again = await select_findings(app, [AUDIT], BAD)
    assert [(each.state, each.finding) for each in again.findings] == [
        (FindingState.OPEN, found.findings[1].finding),
        (FindingState.ACCEPTED, found.findings[0].finding),
    ]


async def test_findings_that_are_only_counted_make_the_list_incomplete(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auditor.scan.request.MIN_FINDINGS_LISTED", 1)
    await app.run_to_end(PassRequest(AUDIT, max_findings=1))
    assert not (await select_findings(app, [AUDIT], BAD)).is_complete
    assert (await select_findings(app, [AUDIT], FindingFilter(kinds=frozenset({Kind.LATE_VERSION})))).is_complete


async def test_an_audit_without_a_report_is_named_and_only_such_audits_are_an_error(app: App) -> None:
    with pytest.raises(
        NotFoundError, match=r"no audit has completed a pass that is saved \(orders\): run auditor scan"
    ):
        await select_findings(app, [AUDIT], ALL)
    await app.run_to_end(PassRequest(AUDIT))
    assert (await select_findings(app, [AUDIT, NEVER_RUN], ALL)).without_report == ("never-run",)


async def test_a_finding_is_found_by_its_id_together_with_its_group(app: App) -> None:
    await app.run_to_end(PassRequest(AUDIT))
    first, second = (await select_findings(app, [AUDIT], BAD)).findings
    ((found, group),) = await find_finding(app, [AUDIT], second.finding.id)
    assert found == second
    assert group.findings == (first, second)
    with pytest.raises(NotFoundError, match='no finding "f-none" is in the last report of orders'):
        await find_finding(app, [AUDIT], "f-none")
