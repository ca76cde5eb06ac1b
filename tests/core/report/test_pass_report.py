"""The JSON of a report has the fields of the contract."""

from __future__ import annotations

import json
from dataclasses import fields, replace

from auditor.core.model.findings import SPECS, Finding, Kind
from auditor.core.model.passes import Verdict
from auditor.core.report.pass_report import PassReport, finding_json
from auditor.core.state.examiner import AuditState
from tests.core import reports
from tests.core.findings import VALUES, finding_of
from tests.core.stories import event

ORDER = "S.events.order.order-1"


def report(verdict: Verdict) -> PassReport:
    return replace(reports.report_on(AuditState(), 0, read=None), verdict=verdict)


CLEAN = report(Verdict.CLEAN)


def test_the_json_has_the_fields_of_the_contract() -> None:
    names = set(json.loads(json.dumps(CLEAN.to_json())))
    assert names >= {
        "name", "stream", "mode", "verdict", "range", "read", "duration_seconds", "coverage", "messages", "events",
        "snapshots", "actors", "findings_total", "accepted_total", "missing_versions", "findings",
    }  # fmt: skip


def test_a_finding_shows_the_fields_that_it_has_and_no_others() -> None:
    finding = finding_of(Kind.LATE_VERSION, version=3, seq=0, subject="S.events.order.order-1", actor="order-1")
    assert finding_json(finding) == {
        "kind": "late_version",
        "severity": "corruption",
        "version": 3,
        "seq": 0,
        "subject": "S.events.order.order-1",
        "actor": "order-1",
    }


def test_the_keys_of_the_json_are_those_of_the_contract() -> None:
    entry = reports.report((ORDER, event("order-1", 1)), (ORDER, b"{"), (ORDER, event("order-1", 3))).to_json()
    assert set(entry["messages"]) == {"in_range", "examined", "deleted", "unreadable", "skipped", "unjudged"}
    assert set(entry["events"]) == {"ok", "malformed", "hidden", "unreachable"}
    assert set(entry["snapshots"]) == {"ok", "malformed"}
    assert set(entry["actors"]) == {"seen", "replayable", "replayable_from_snapshot", "broken"}
    assert set(entry["range"]) == set(entry["read"]) == {"first_seq", "last_seq"}
    assert entry["broken_actors"] == [
        {"actor": "order-1", "last_version": 3, "snapshot_version": 2, "snapshot_after_seq": 0}
    ]
    assert [set(finding) for finding in entry["findings"]] == [
        {"id", "kind", "severity", "reason", "seq", "subject", "actor", "detail", "quarantine"},
        {"id", "kind", "severity", "cause", "subject", "actor", "detail"}
        | {"after_version", "before_version", "missing", "after_seq", "before_seq"},
    ]


def test_a_finding_has_a_json_key_for_each_of_its_fields() -> None:
    keys: set[str] = set()
    for each in SPECS:
        finding = finding_of(each.kind, **{name: VALUES.get(name, 1) for name in each.optional})
        assert set(finding_json(finding)) == {"kind", "severity", *each.fields, *each.optional}
        keys |= set(finding_json(finding))
    assert keys | {"detail"} == {field.name for field in fields(Finding)}
    assert finding_json(replace(finding, detail="x"))["detail"] == "x"
