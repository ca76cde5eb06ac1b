"""Decides which pass runs next. Pure: the caller passes the time and reports how each pass ended."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from auditor.core.model.passes import Mode
from auditor.retry_delay import RetryDelay
from auditor.scan.request import StartFrom
from auditor.units import NANOSECONDS

MIN_RETRY_NS = 5 * NANOSECONDS
MAX_RETRY_NS = 300 * NANOSECONDS
"""Bounds of the delay after a failed pass. The delay doubles with every failure in a row."""


@dataclass(frozen=True, slots=True)
class Job:
    """The next pass to run."""

    name: str
    """The name of the audit."""
    start_from: StartFrom


@dataclass(frozen=True, slots=True)
class _Turn:
    """One place in the current round."""

    name: str
    continues: bool
    """Whether the turn continues a full pass that has yielded, instead of running a pass that is due."""


class PassQueue:
    """Orders the passes of all audits, one at a time.

    A round runs every audit that was due when the round began, those that only read new messages first. Then it
    continues one full pass that had yielded before the round. An audit that comes due during a round runs in the next
    one, once, however often it came due.
    """

    def __init__(self) -> None:
        self._due: dict[str, None] = {}
        """Audits that wait for a pass, in the order in which they came due."""
        self._yielded: dict[str, None] = {}
        """Audits with a full pass to continue, in the order in which they yielded."""
        self._round: deque[_Turn] = deque()
        self._full_due_ns: dict[str, int] = {}
        """When the next full pass of an audit is due; absent until the audit has a report."""
        self._retry_delays: dict[str, RetryDelay[int]] = {}
        """In nanoseconds; absent unless the last pass of the audit failed."""

    def come_due(self, name: str) -> None:
        """Add a pass of the audit, unless the queue already has one."""
        self._due[name] = None

    def restored(self, name: str, full_due_ns: int) -> None:
        """Record that the audit has a report of an earlier process, and when its next full pass is due."""
        self._full_due_ns[name] = full_due_ns

    def next_job(self, now_ns: int) -> Job | None:
        """Take the next pass from the queue. Return None if there is nothing to run."""
        while True:
            if not self._round:
                self._plan_round(now_ns)
            if not self._round:
                return None
            turn = self._round.popleft()
            if not turn.continues:
                del self._due[turn.name]
                return Job(turn.name, StartFrom.INCREMENTAL if turn.name in self._yielded else StartFrom.AUTO)
            if turn.name in self._yielded:
                return Job(turn.name, StartFrom.AUTO)

    def should_yield(self, name: str) -> bool:
        """Return whether the running full pass of the audit should stop at its next checkpoint for another pass.

        A later pass of the same audit counts only if the audit has a report: without one it would read everything, too.
        """
        return any(due != name or name in self._full_due_ns for due in self._due)

    def yielded(self, name: str) -> None:
        """Record that a full pass of the audit stopped and is to be continued."""
        self._retry_delays.pop(name, None)
        self._yielded[name] = None

    def completed(self, name: str, mode: Mode, full_due_ns: int) -> None:
        """Record that a pass of the audit completed, and when its next full pass is due."""
        self._retry_delays.pop(name, None)
        self._full_due_ns[name] = full_due_ns
        if mode is Mode.FULL:
            self._yielded.pop(name, None)

    def failed(self, name: str, now_ns: int) -> int:
        """Record that a pass of the audit failed, and return when the caller should call `come_due` for it.

        A full pass that had yielded is not continued before the audit is due again.
        """
        self._yielded.pop(name, None)
        delay = self._retry_delays.setdefault(name, RetryDelay(MIN_RETRY_NS, MAX_RETRY_NS))
        return now_ns + delay.next()

    def _plan_round(self, now_ns: int) -> None:
        due = sorted(self._due, key=lambda name: self._reads_everything(name, now_ns))
        self._round.extend(_Turn(name, continues=False) for name in due)
        self._round.extend(_Turn(name, continues=True) for name in list(self._yielded)[:1])

    def _reads_everything(self, name: str, now_ns: int) -> bool:
        """Return whether the next pass of the audit is expected to be a full one."""
        full_due_ns = self._full_due_ns.get(name)
        return name not in self._yielded and (full_due_ns is None or full_due_ns <= now_ns)
