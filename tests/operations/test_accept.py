"""Acceptances, as the operations return them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from auditor.core.model.findings import Kind
from auditor.errors import AuditorError, NotFoundError
from auditor.operations.accept import accept_findings, totals_text, withdraw_acceptance
from auditor.scan.request import PassRequest
from tests.operations.conftest import AUDIT

if TYPE_CHECKING:
    from auditor.app import App


async def test_the_result_counts_what_is_accepted_and_what_is_still_open(app: App) -> None:
    await app.run_to_end(PassRequest(AUDIT))
    result = await accept_findings(app, AUDIT, Kind.MALFORMED_EVENT, 4, "known")
    assert (result.count, result.still_open) == (1, {Kind.MALFORMED_EVENT: 1})
    assert (result.acceptance.kind, result.acceptance.up_to_seq, result.acceptance.reason) == (
        Kind.MALFORMED_EVENT,
        4,
        "known",
    )
    assert await app.acceptances(AUDIT).load() == {Kind.MALFORMED_EVENT: result.acceptance}
    result = await accept_findings(app, AUDIT, Kind.MALFORMED_EVENT, None, "all")
    assert (result.count, result.still_open, result.acceptance.up_to_seq) == (1, {}, 5)


async def test_what_cannot_be_accepted_is_refused_and_nothing_is_stored(app: App) -> None:
    with pytest.raises(NotFoundError, match="run auditor scan first"):
        await accept_findings(app, AUDIT, Kind.MALFORMED_EVENT, None, "known")
    await app.run_to_end(PassRequest(AUDIT))
    with pytest.raises(NotFoundError, match="no finding of kind version_gap is open in audit orders: it has 2 malf"):
        await accept_findings(app, AUDIT, Kind.VERSION_GAP, None, "known")
    with pytest.raises(AuditorError, match="the last pass ended at sequence 5"):
        await accept_findings(app, AUDIT, Kind.MALFORMED_EVENT, 6, "known")
    with pytest.raises(AuditorError, match="a stream_rollback is about the whole stream"):
        await accept_findings(app, AUDIT, Kind.STREAM_ROLLBACK, 5, "known")
    assert await app.acceptances(AUDIT).load() == {}


async def test_an_acceptance_is_withdrawn_once(app: App) -> None:
    await app.run_to_end(PassRequest(AUDIT))
    await accept_findings(app, AUDIT, Kind.MALFORMED_EVENT, None, "known")
    await withdraw_acceptance(app, AUDIT, Kind.MALFORMED_EVENT)
    assert await app.acceptances(AUDIT).load() == {}
    with pytest.raises(NotFoundError, match="no finding of kind malformed_event is accepted in audit orders"):
        await withdraw_acceptance(app, AUDIT, Kind.MALFORMED_EVENT)


def test_totals_are_one_line_sorted_by_kind() -> None:
    assert totals_text({}) == "nothing"
    assert totals_text({Kind.VERSION_GAP: 1, Kind.HIDDEN_EVENT: 2}) == "2 hidden_event, 1 version_gap"
