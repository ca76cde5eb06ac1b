"""Exports the status of the daemon as metrics. `docs/metrics.md` lists them; users rely on their names and labels."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.aiohttp import make_aiohttp_handler
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from auditor.core.model.findings import MESSAGE_KINDS, SPECS
from auditor.core.model.passes import Mode, Outcome, Verdict
from auditor.safe_text import escape_unsafe
from auditor.service.status import DURATION_BUCKETS, FAILED, Durations, all_kind_severities
from auditor.speedups import TWINS
from auditor.units import NANOSECONDS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator

    from auditor.core.replicas.result import CopyState
    from auditor.service.status import AuditStatus, ServiceStatus

PREFIX = "aether_auditor_"
WHERE = ("audit", "stream")
"""Labels of every metric about an audit."""
_VERSION = re.compile(r"\d{1,3}(\.\d{1,3}){0,2}", re.ASCII)
Sample = tuple[tuple[str, ...], float | None]
"""The label values after audit and stream, and the value. None stands for no sample."""


class StatusCollector(Collector):
    """Makes the metrics from the status at every scrape."""

    def __init__(self, status: ServiceStatus) -> None:
        self._status = status

    def collect(self) -> Iterator[Metric]:
        """Yields every metric of the auditor."""
        yield InfoMetricFamily(f"{PREFIX}build", "The auditor's version.", {"version": self._status.version})
        yield InfoMetricFamily(f"{PREFIX}speedups", "Which twins are in use: compiled or python.", {"twins": TWINS})
        yield GaugeMetricFamily(
            f"{PREFIX}nats_connected", "1 while there is a connection to NATS.", float(self._status.nats_connected)
        )
        expire_s = self._status.credentials_expire_s
        yield GaugeMetricFamily(
            f"{PREFIX}credentials_expiry_timestamp_seconds",
            "When the JWT in nats.credentials_file expires; absent if it does not.",
            None if expire_s is None else float(expire_s),
        )
        ok = self._status.selftest_ok
        yield GaugeMetricFamily(
            f"{PREFIX}selftest_ok",
            "1 if the last self-test found exactly the damage in the canary, otherwise 0; absent without a canary.",
            None if ok is None else float(ok),
        )
        yield from self._findings()
        yield from self._passes()
        yield from self._streams()
        yield from self._copies()

    def _findings(self) -> Iterator[Metric]:
        gauge = self._gauge
        yield gauge(
            "malformed_events",
            "Malformed events in the stream, as of the last completed pass.",
            ("actor_type", "reason"),
            lambda a: _counts(a.findings_report and a.findings_report.malformed_events),
        )
        yield gauge(
            "version_gaps",
            "Runs of missing versions between two stored events of an actor, as of the last completed pass.",
            ("actor_type", "cause"),
            lambda a: _counts(a.findings_report and a.findings_report.version_gaps),
        )
        yield gauge(
            "missing_versions",
            "Versions that are missing in those gaps.",
            ("actor_type", "cause"),
            lambda a: _counts(a.findings_report and a.findings_report.missing_versions_by_type),
        )
        yield gauge(
            "broken_actors",
            "Actors that replay cannot rebuild, neither from their first event nor from their last snapshot.",
            ("actor_type",),
            lambda a: _counts(
                a.findings_report and {(label,): count for label, count in a.findings_report.broken_by_type.items()}
            ),
        )
        yield gauge(
            "findings",
            f"Open findings; messages for {', '.join(MESSAGE_KINDS)}.",
            ("kind", "severity"),
            lambda a: (
                [((k, s), a.findings_report.totals.get((k, s), 0)) for k, s in all_kind_severities()]
                if a.findings_report
                else []
            ),
        )
        yield gauge(
            "accepted_findings",
            "Findings that an operator accepted.",
            ("kind",),
            lambda a: (
                [((each.kind,), a.findings_report.accepted_total.get(each.kind, 0)) for each in SPECS]
                if a.findings_report
                else []
            ),
        )
        yield gauge(
            "newest_finding_timestamp_seconds",
            "When the newest finding was first reported that is not part of the baseline; 0 if there is none.",
            ("kind", "severity"),
            lambda a: (
                [
                    ((k, s), a.findings_report.newest_finding_ns.get((k, s), 0) / NANOSECONDS)
                    for k, s in all_kind_severities()
                ]
                if a.findings_report
                else []
            ),
        )

    def _passes(self) -> Iterator[Metric]:
        gauge, counter = self._gauge, self._counter
        yield counter(
            "messages_examined",
            "Messages examined, by outcome.",
            ("outcome",),
            lambda a: [((outcome,), a.examined[outcome]) for outcome in Outcome],
        )
        yield counter("bytes_examined", "Payload bytes examined.", (), lambda a: [((), a.bytes_examined)])
        yield counter(
            "passes",
            "Passes by mode and verdict.",
            ("mode", "verdict"),
            lambda a: [((m, v), a.passes[m, v]) for m in Mode for v in (*Verdict, FAILED)],
        )
        yield self._durations()
        yield gauge("pass_in_progress", "1 while a pass runs.", (), lambda a: [((), float(a.running is not None))])
        yield gauge(
            "pass_progress_ratio",
            "The share of its range that the running pass has read; 0 while none runs.",
            (),
            lambda a: [((), a.running.ratio if a.running else 0.0)],
        )
        yield gauge(
            "last_pass_timestamp_seconds",
            "When the last completed pass ended.",
            ("mode",),
            lambda a: [((mode,), ns / NANOSECONDS) for mode, ns in a.completed_ns.items()],
        )
        yield gauge(
            "last_pass_duration_seconds",
            "How long the last completed pass took.",
            ("mode",),
            lambda a: [((mode,), ns / NANOSECONDS) for mode, ns in a.took_ns.items()],
        )
        yield gauge(
            "pass_due_timestamp_seconds",
            "When the next pass should have completed.",
            ("mode",),
            lambda a: [((mode,), ns / NANOSECONDS) for mode, ns in a.due_ns.items()],
        )
        yield gauge(
            "coverage_ratio",
            "Judged messages divided by stored messages, in the last completed pass.",
            (),
            lambda a: [((), a.report.coverage)] if a.report else [],
        )
        yield gauge(
            "checkpoint_timestamp_seconds",
            "When the state of the audit was last saved.",
            (),
            lambda a: [((), a.saved_ns / NANOSECONDS if a.saved_ns else None)],
        )

    def _streams(self) -> Iterator[Metric]:
        gauge = self._gauge
        yield gauge(
            "unaudited_messages",
            "Messages stored after the last audited sequence.",
            (),
            lambda a: [((), a.unaudited_messages)],
        )
        yield gauge(
            "stream_last_sequence",
            "The last sequence of the stream, from stream info.",
            (),
            lambda a: [((), a.stream_info.last_seq)] if a.stream_info else [],
        )
        yield gauge(
            "stream_first_sequence",
            "The first sequence of the stream, from stream info.",
            (),
            lambda a: [((), a.stream_info.first_seq)] if a.stream_info else [],
        )
        yield gauge(
            "stream_created_timestamp_seconds",
            "When the stream was created; another time means another stream.",
            (),
            lambda a: [((), a.stream_info.created_ns / NANOSECONDS)] if a.stream_info else [],
        )
        yield gauge(
            "quarantine_pending",
            "Records that the quarantine stream has not stored yet.",
            (),
            lambda a: [((), a.report.quarantine_pending if a.report else None)],
        )
        yield self._counter(
            "quarantine_records",
            "Records sent to the quarantine stream, by result.",
            ("result",),
            lambda a: [((result,), a.records[result]) for result in ("stored", "already_stored", "failed")],
        )

    def _copies(self) -> Iterator[Metric]:
        gauge = self._gauge
        yield gauge(
            "replicas_expected",
            "Copies of the stream that its settings demand.",
            (),
            lambda a: [((), a.report.replicas.expected)] if a.report else [],
        )
        yield gauge(
            "replicas_read",
            "Copies of the stream that were read whole within full_pass_every, as of the last completed pass.",
            (),
            lambda a: [((), a.report.replicas.read)] if a.report else [],
        )
        yield gauge(
            "replica_last_sequence",
            "The last sequence of the copy on a server, as of the last pass that reached it.",
            ("replica",),
            lambda a: [((each.name,), each.last_seq) for each in _copies_of(a)],
        )
        yield gauge(
            "replica_messages",
            "Messages that the copy on a server counts, as of the last pass that reached it.",
            ("replica",),
            lambda a: [((each.name,), each.count) for each in _copies_of(a)],
        )
        yield gauge(
            "replica_read_timestamp_seconds",
            "When the copy on a server was last read whole; absent if it never was.",
            ("replica",),
            lambda a: [((each.name,), each.read_ns / NANOSECONDS if each.read_ns else None) for each in _copies_of(a)],
        )
        yield gauge(
            "replica_verdict",
            "1 for the verdict about the copy on a server, 0 for the other verdicts.",
            ("replica", "verdict"),
            lambda a: [((each.name, v), float(each.verdict is v)) for each in _copies_of(a) for v in Verdict],
        )

    def _gauge(
        self, name: str, text: str, labels: tuple[str, ...], samples: Callable[[AuditStatus], Iterable[Sample]]
    ) -> Metric:
        return self._fill(GaugeMetricFamily(f"{PREFIX}{name}", text, labels=(*WHERE, *labels)), samples)

    def _counter(
        self, name: str, text: str, labels: tuple[str, ...], samples: Callable[[AuditStatus], Iterable[Sample]]
    ) -> Metric:
        return self._fill(CounterMetricFamily(f"{PREFIX}{name}", text, labels=(*WHERE, *labels)), samples)

    def _fill(
        self, family: GaugeMetricFamily | CounterMetricFamily, samples: Callable[[AuditStatus], Iterable[Sample]]
    ) -> Metric:
        for audit in self._status.audits.values():
            for labels, value in samples(audit):
                if value is not None:
                    family.add_metric([audit.name, audit.stream, *map(str, labels)], float(value))
        return family

    def _durations(self) -> Metric:
        family = HistogramMetricFamily(
            f"{PREFIX}pass_duration_seconds", "How long completed passes took.", labels=(*WHERE, "mode")
        )
        for audit in self._status.audits.values():
            for mode in Mode:
                durations = audit.durations.get(mode, Durations())
                buckets, total = [], 0
                for bound, count in zip(
                    (*(str(float(bound)) for bound in DURATION_BUCKETS), "+Inf"), durations.counts, strict=True
                ):
                    total += count
                    buckets.append((bound, float(total)))
                family.add_metric([audit.name, audit.stream, mode], buckets, durations.total)
        return family


def _copies_of(audit: AuditStatus) -> tuple[CopyState, ...]:
    return audit.report.replicas.copies if audit.report else ()


def _counts(counts: object) -> Iterable[Sample]:
    """Returns samples of counts by actor type and other labels.

    Actor types come from stored subjects. Types that are equal after escaping become one time series.
    """
    if not isinstance(counts, dict):
        return []
    shown: Counter[tuple[str, ...]] = Counter()
    for (actor_type, *rest), count in counts.items():
        shown[escape_unsafe(actor_type), *rest] += count
    return list(shown.items())


def registry(status: ServiceStatus) -> CollectorRegistry:
    """Returns a registry with the metrics of the status and of the process."""
    metrics = CollectorRegistry(auto_describe=True)  # the query ?name[]= needs the names of the metrics
    metrics.register(StatusCollector(status))
    ProcessCollector(registry=metrics)
    return metrics


def metrics_handler(status: ServiceStatus) -> Callable[[Any], Awaitable[Any]]:
    """Returns the aiohttp handler of /metrics. It sends Prometheus text or OpenMetrics, as the request asks."""
    handler = make_aiohttp_handler(registry(status))

    async def respond(request: Any) -> Any:
        # `clone` cannot encode a header with bytes that are not UTF-8, and the handler reads only these two.
        headers = {name: ",".join(request.headers.getall(name, ())) for name in ("Accept", "Accept-Encoding")}
        headers["Accept"] = ",".join(filter(_is_accepted, headers["Accept"].split(",")))
        return await handler(request.clone(headers={name: ascii(value)[1:-1] for name, value in headers.items()}))

    return respond


def _is_accepted(media_type: str) -> bool:
    """Whether an entry of the Accept header has no version or one of up to three numbers; others fail in prometheus_client."""
    versions = [value for name, _, value in map(_parameter, media_type.split(";")) if name == "version"]
    return all(_VERSION.fullmatch(version) for version in versions)


def _parameter(text: str) -> tuple[str, str, str]:
    return text.strip().partition("=")
