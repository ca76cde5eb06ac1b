"""/metrics has the names, types and labels that dashboards and alerts rely on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from prometheus_client import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse

from auditor.core.model.actor_types import ActorTypes
from auditor.core.model.message import StreamInfo
from auditor.core.model.passes import Mode, Outcome, Progress
from auditor.core.replicas.result import ReplicaResult
from auditor.service.metrics import registry
from tests.core.replicas.test_result import ABSENT, MISSING, THREE
from tests.core.reports import NOW, report
from tests.core.stories import event
from tests.service.statuses import Connected, status

if TYPE_CHECKING:
    from auditor.service.status import ServiceStatus

WHERE = {"audit", "stream"}
CONTRACT = {
    "malformed_events": ("gauge", WHERE | {"actor_type", "reason"}),
    "version_gaps": ("gauge", WHERE | {"actor_type", "cause"}),
    "missing_versions": ("gauge", WHERE | {"actor_type", "cause"}),
    "findings": ("gauge", WHERE | {"kind", "severity"}),
    "accepted_findings": ("gauge", WHERE | {"kind"}),
    "newest_finding_timestamp_seconds": ("gauge", WHERE | {"kind", "severity"}),
    "broken_actors": ("gauge", WHERE | {"actor_type"}),
    "messages_examined": ("counter", WHERE | {"outcome"}),
    "bytes_examined": ("counter", WHERE),
    "passes": ("counter", WHERE | {"mode", "verdict"}),
    "pass_duration_seconds": ("histogram", WHERE | {"mode"}),
    "pass_in_progress": ("gauge", WHERE),
    "pass_progress_ratio": ("gauge", WHERE),
    "last_pass_timestamp_seconds": ("gauge", WHERE | {"mode"}),
    "last_pass_duration_seconds": ("gauge", WHERE | {"mode"}),
    "pass_due_timestamp_seconds": ("gauge", WHERE | {"mode"}),
    "coverage_ratio": ("gauge", WHERE),
    "unaudited_messages": ("gauge", WHERE),
    "stream_last_sequence": ("gauge", WHERE),
    "stream_first_sequence": ("gauge", WHERE),
    "stream_created_timestamp_seconds": ("gauge", WHERE),
    "replicas_expected": ("gauge", WHERE),
    "replicas_read": ("gauge", WHERE),
    "replica_last_sequence": ("gauge", WHERE | {"replica"}),
    "replica_messages": ("gauge", WHERE | {"replica"}),
    "replica_read_timestamp_seconds": ("gauge", WHERE | {"replica"}),
    "replica_verdict": ("gauge", WHERE | {"replica", "verdict"}),
    "quarantine_pending": ("gauge", WHERE),
    "quarantine_records": ("counter", WHERE | {"result"}),
    "nats_connected": ("gauge", set()),
    "credentials_expiry_timestamp_seconds": ("gauge", set()),
    "checkpoint_timestamp_seconds": ("gauge", WHERE),
    "selftest_ok": ("gauge", set()),
    "build_info": ("gauge", {"version"}),
    "speedups_info": ("gauge", {"twins"}),
}
NOT_YET = {"credentials_expiry_timestamp_seconds", "checkpoint_timestamp_seconds", "selftest_ok"}
"""Metrics without a sample until the auditor has something to say."""

ORDER = "S.events.order.order-1"
STORED = [(ORDER, event("order-1", 1)), (ORDER, b"{"), (ORDER, event("order-1", 3))]


def samples(service: ServiceStatus) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    families = parse(generate_latest(registry(service)).decode())
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def one(service: ServiceStatus, name: str, **labels: str) -> float | None:
    where = {"audit": "orders", "stream": "S"} if name not in {"nats_connected", "build_info"} else {}
    return samples(service).get((f"aether_auditor_{name}", frozenset({**where, **labels}.items())))


@pytest.fixture
def busy() -> ServiceStatus:
    service = status()
    service.connection = Connected()
    audit = service.audits["orders"]
    audit.pass_completed(
        report(*STORED, types=ActorTypes(configured=["order"]), copies=ReplicaResult(THREE, (MISSING, ABSENT), "n3"))
    )
    audit.set_stream_info(StreamInfo("S", 1_700_000_000_500_000_000, 1, 10, 10, 0))
    audit.due_ns[Mode.FULL] = NOW
    audit.pass_started(Progress(first_seq=1, last_seq=10, seq=5))
    return service


def test_every_documented_metric_is_exported_with_its_type_and_labels(busy: ServiceStatus) -> None:
    families = {f.name: f for f in parse(generate_latest(registry(busy)).decode()) if not f.name.startswith("process_")}
    assert {name.removeprefix("aether_auditor_") for name in families} == set(CONTRACT)
    for name, (kind, labels) in CONTRACT.items():
        family = families[f"aether_auditor_{name}"]
        assert family.type == kind, name
        assert family.documentation.endswith("."), name
        assert bool(family.samples) is (name not in NOT_YET), name
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == labels, name


def test_openmetrics_is_valid_too(busy: ServiceStatus) -> None:
    text = generate_openmetrics(registry(busy)).decode()
    assert "aether_auditor_passes" in {family.name for family in parse_openmetrics(text)}


def test_before_the_first_completed_pass_there_are_no_gauges_of_findings() -> None:
    service = status()
    service.audits["orders"].pass_started(Progress())
    names = {name.removeprefix("aether_auditor_") for name, _ in samples(service)}
    assert names.isdisjoint({"findings", "malformed_events", "version_gaps", "broken_actors", "coverage_ratio"})
    assert names >= {"passes_total", "messages_examined_total", "pass_in_progress", "nats_connected"}


def test_the_gauges_are_those_of_the_last_completed_pass(busy: ServiceStatus) -> None:
    corruption = {"severity": "corruption"}
    assert one(busy, "malformed_events", actor_type="order", reason="syntax") == 1
    assert one(busy, "version_gaps", actor_type="order", cause="malformed") == 1
    assert one(busy, "missing_versions", actor_type="order", cause="malformed") == 1
    assert one(busy, "findings", kind="malformed_event", **corruption) == 1
    assert one(busy, "findings", kind="stream_rollback", **corruption) == 0
    assert one(busy, "newest_finding_timestamp_seconds", kind="malformed_event", **corruption) == 0
    assert one(busy, "broken_actors", actor_type="order") == 1
    assert one(busy, "coverage_ratio") == 1
    assert one(busy, "unaudited_messages") == 7
    assert one(busy, "stream_created_timestamp_seconds") == 1_700_000_000.5
    assert one(busy, "passes_total", mode="full", verdict="corrupt") == 1
    assert one(busy, "pass_duration_seconds_count", mode="full") == 1
    assert one(busy, "pass_duration_seconds_bucket", mode="full", le="1.0") == 0
    assert one(busy, "pass_duration_seconds_bucket", mode="full", le="5.0") == 1
    assert one(busy, "pass_progress_ratio") == 0.5
    assert one(busy, "last_pass_timestamp_seconds", mode="full") == NOW / 10**9
    assert 1 < one(busy, "last_pass_duration_seconds", mode="full") < 5
    assert one(busy, "nats_connected") == 1
    assert one(busy, "build_info", version="1.2.3") == 1


def test_each_copy_has_its_range_its_last_reading_and_its_verdict(busy: ServiceStatus) -> None:
    assert one(busy, "replicas_expected") == 3
    assert one(busy, "replicas_read") == 2
    assert one(busy, "replica_last_sequence", replica="n2") == 20
    assert one(busy, "replica_messages", replica="n2") == 19
    assert one(busy, "replica_read_timestamp_seconds", replica="n2") == NOW / 10**9
    assert [one(busy, "replica_verdict", replica="n2", verdict=v) for v in ("clean", "corrupt", "inconclusive")] == [
        0,
        1,
        0,
    ]
    assert one(busy, "findings", kind="replica_missing", severity="corruption") == 1
    assert one(busy, "findings", kind="replica_absent", severity="inconclusive") == 1


def test_a_copy_that_was_never_reached_has_no_numbers(busy: ServiceStatus) -> None:
    for name in ("replica_last_sequence", "replica_messages", "replica_read_timestamp_seconds"):
        assert one(busy, name, replica="n3") is None
    assert one(busy, "replica_verdict", replica="n3", verdict="inconclusive") == 1


def test_a_stream_with_one_copy_has_no_series_of_copies() -> None:
    service = status()
    service.audits["orders"].pass_completed(report(*STORED))
    assert (one(service, "replicas_expected"), one(service, "replicas_read")) == (1, 1)
    assert not [name for name, _ in samples(service) if name.startswith("aether_auditor_replica_")]


def test_every_outcome_has_a_series_from_the_start() -> None:
    assert [one(status(), "messages_examined_total", outcome=outcome) for outcome in Outcome] == [0] * len(Outcome)


@pytest.mark.parametrize("mode", Mode)
def test_the_durations_of_passes_have_series_before_the_first_pass(mode: Mode) -> None:
    service = status()
    assert one(service, "pass_duration_seconds_count", mode=mode) == 0
    assert one(service, "pass_duration_seconds_sum", mode=mode) == 0
    assert one(service, "pass_duration_seconds_bucket", mode=mode, le="0.1") == 0
    assert one(service, "pass_duration_seconds_bucket", mode=mode, le="+Inf") == 0


def test_metrics_can_be_requested_by_name(busy: ServiceStatus) -> None:
    wanted = registry(busy).restricted_registry(["aether_auditor_coverage_ratio"])
    text = generate_latest(wanted).decode()
    assert [line for line in text.splitlines() if not line.startswith("#")] == [
        'aether_auditor_coverage_ratio{audit="orders",stream="S"} 1.0'
    ]


def test_an_actor_type_with_control_characters_is_escaped_in_its_label() -> None:
    service = status()
    hostile = 'x"} 1\nevil_metric 1\\ \x1b[31m\u202e'
    service.audits["orders"].pass_completed(replace(report(*STORED), broken_by_type={hostile: 3, "\ud800": 1}))
    names = {name for name, _ in samples(service)}
    assert all(name.startswith(("aether_auditor_", "process_")) for name in names)
    assert one(service, "broken_actors", actor_type='x"} 1\\x0aevil_metric 1\\ \\x1b[31m\\u202e') == 3
    assert one(service, "broken_actors", actor_type="\\ud800") == 1
    assert "\x1b" not in generate_latest(registry(service)).decode()


def test_actor_types_that_are_equal_after_escaping_are_one_series() -> None:
    service = status()
    service.audits["orders"].pass_completed(replace(report(*STORED), broken_by_type={"\x1b": 3, "\\x1b": 4}))
    assert one(service, "broken_actors", actor_type="\\x1b") == 7
    exported = generate_latest(registry(service)).decode()
    assert exported.count("aether_auditor_broken_actors{") == 1


def test_an_actor_id_never_becomes_a_label() -> None:
    service = status()
    stored = [(f"S.events.550e8400.550e8400-{n}", b"{") for n in range(2)]
    service.audits["orders"].pass_completed(report(*stored))
    assert "550e8400" not in generate_latest(registry(service)).decode()
    assert one(service, "malformed_events", actor_type="other", reason="syntax") == 2


@pytest.mark.parametrize(("ok", "samples"), [(None, []), (True, [1.0]), (False, [0.0])])
def test_the_self_test_is_exported_only_if_there_is_a_canary(ok: bool | None, samples: list[float]) -> None:
    service = status()
    service.selftest_ok = ok
    families = parse(generate_latest(registry(service)).decode())
    (family,) = (family for family in families if family.name == "aether_auditor_selftest_ok")
    assert [sample.value for sample in family.samples] == samples


def test_if_nothing_could_be_read_and_nothing_is_known_there_are_no_counts_of_findings() -> None:
    service = status()
    service.audits["orders"].pass_completed(replace(report(), read_error="NATS does not allow it"))
    names = {name for name, _ in samples(service)}
    assert not names & {"aether_auditor_findings", "aether_auditor_accepted_findings"}
    assert "aether_auditor_coverage_ratio" in names
