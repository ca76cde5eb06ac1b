"""Acceptances, as the operations return them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from auditor.core.history.saved_state import encode_state
from auditor.core.model.findings import Kind, Severity
from auditor.core.model.passes import Verdict
from auditor.errors import AuditorError, NotFoundError
from auditor.operations.accept import accept_findings, totals_text, withdraw_acceptance
from auditor.scan.request import PassRequest
from tests.core.findings import finding_of
from tests.live.raw import Publication, publish
from tests.operations.conftest import AUDIT, BAD

if TYPE_CHECKING:
    from auditor.app import App
    from auditor.embedded_server import EmbeddedServer


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


async def test_a_finding_that_no_report_had_is_not_accepted(app: App, server: EmbeddedServer) -> None:
    await app.run_to_end(PassRequest(AUDIT))
    await publish(server.port, [Publication(b"S.events.order.order-2", BAD)])
    result = await accept_findings(app, AUDIT, Kind.MALFORMED_EVENT, None, "known")
    assert result.count == 2
    report = await app.run_to_end(PassRequest(AUDIT))
    assert (report.findings_total, report.accepted_total) == ({Kind.MALFORMED_EVENT: 1}, {Kind.MALFORMED_EVENT: 2})


async def test_an_incident_that_a_running_pass_has_saved_and_not_reported_is_not_accepted(app: App) -> None:
    await app.run_to_end(PassRequest(AUDIT))
    state = app.state_store(AUDIT)
    history = (await state.load_history()).history
    rollback = finding_of(Kind.STREAM_ROLLBACK)
    running = history.with_identity(history.identity.with_incident(rollback, 1))
    await state.save(encode_state(running, {}))
    report = await app.last_report(AUDIT)
    assert report is not None
    assert report.findings_total[Kind.STREAM_ROLLBACK] == 1
    with pytest.raises(NotFoundError, match="no finding of kind stream_rollback is open"):
        await accept_findings(app, AUDIT, Kind.STREAM_ROLLBACK, None, "known")
    await app.run_to_end(PassRequest(AUDIT))
    assert (await accept_findings(app, AUDIT, Kind.STREAM_ROLLBACK, None, "known")).count == 1


async def test_accepting_again_adds_to_what_is_accepted(app: App) -> None:
    await app.run_to_end(PassRequest(AUDIT))
    first = await accept_findings(app, AUDIT, Kind.MALFORMED_EVENT, 4, "first")
    second = await accept_findings(app, AUDIT, Kind.MALFORMED_EVENT, None, "second")
    assert [len(each.acceptance.identities[Severity.CORRUPTION]) for each in (first, second)] == [1, 2]
    report = await app.run_to_end(PassRequest(AUDIT))
    assert (report.verdict, report.accepted_total) == (Verdict.CLEAN, {Kind.MALFORMED_EVENT: 2})


async def test_findings_that_are_only_counted_are_refused(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditor.core.state.segments.MAX_IDENTITIES", 1)
    await app.run_to_end(PassRequest(AUDIT))
    for up_to_seq in (None, 5):
        with pytest.raises(AuditorError, match="are only counted: accept with --up-to-seq 4"):
            await accept_findings(app, AUDIT, Kind.MALFORMED_EVENT, up_to_seq, "known")
    result = await accept_findings(app, AUDIT, Kind.MALFORMED_EVENT, 4, "known")
    assert (result.count, result.still_open) == (1, {Kind.MALFORMED_EVENT: 1})


async def test_acceptances_of_format_1_become_the_findings_that_were_reported(app: App, server: EmbeddedServer) -> None:
    await app.run_to_end(PassRequest(AUDIT))
    info = await app.source(AUDIT).info()
    old = {
        "kind": "malformed_event",
        "up_to_seq": 9,
        "reason": "known",
        "accepted_ns": 9,
        "created_ns": info.created_ns,
    }
    saved = {"schema": "aether-auditor/accepted/1", "accepted": [old]}
    await app.client.request("aether.audit.orders.accepted", msgspec.json.encode(saved))  # answered once it is stored
    await publish(server.port, [Publication(b"S.events.order.order-2", BAD)])
    for _ in range(2):
        report = await app.run_to_end(PassRequest(AUDIT))
        assert (report.findings_total, report.accepted_total) == ({Kind.MALFORMED_EVENT: 1}, {Kind.MALFORMED_EVENT: 2})
    (listed,) = (await app.acceptances(AUDIT).load()).values()
    assert (listed.rule, listed.reason, len(listed.identities[Severity.CORRUPTION])) == (None, "known", 2)


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
