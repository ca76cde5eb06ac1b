"""Computes when passes should have completed. Times are nanoseconds since 1970, durations nanoseconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.core.model.passes import Mode
from auditor.units import NANOSECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auditor.config import AuditConfig
    from auditor.core.report.pass_report import PassReport

MIN_GRACE_NS = 60 * NANOSECONDS
"""The shortest grace period of a pass, because it may have to wait for the pass of another audit."""

MIN_EXPECTED_RATE = 20_000
"""Messages a second that the first full pass is expected to read at least, unless `max_rate` is set."""


def grace_ns(audit: AuditConfig, took_ns: int) -> int:
    """Return how long after its scheduled start a pass should have completed, if the last one took `took_ns`."""
    return audit.schedule.jitter.nanoseconds + max(MIN_GRACE_NS, 3 * took_ns)


def full_pass_due_ns(audit: AuditConfig, report: PassReport, now_ns: int) -> int:
    """When the next full pass is due, by the last report. That is now if the clock was ahead when the last one began."""
    if report.full_pass_started_ns > now_ns:
        return now_ns
    return report.full_pass_started_ns + audit.full_pass_every.nanoseconds


def before_first(audit: AuditConfig, start_ns: int, messages: int) -> int:
    """Return when the first full pass over `messages` should have completed, if the daemon started at `start_ns`."""
    return start_ns + grace_ns(audit, messages * NANOSECONDS // (audit.max_rate or MIN_EXPECTED_RATE))


def after_pass(
    audit: AuditConfig, report: PassReport, took_ns: Mapping[Mode, int], begins_ns: int, now_ns: int
) -> dict[Mode, int]:
    """Return when the next pass of each mode should have completed, if the next pass begins at `begins_ns`.

    `took_ns`: how long the last pass of each mode took; a mode without a pass counts as 0.
    """
    # The first pass that begins after a full pass is due is a full one, which can be one interval later.
    until_next_ns = max(0, begins_ns - now_ns)
    full_ns = max(begins_ns, full_pass_due_ns(audit, report, now_ns) + until_next_ns)
    return {
        Mode.INCREMENTAL: begins_ns + grace_ns(audit, took_ns.get(Mode.INCREMENTAL, 0)),
        Mode.FULL: full_ns + grace_ns(audit, took_ns.get(Mode.FULL, 0)),
    }
