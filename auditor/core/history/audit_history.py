"""Holds the audit history: what is kept longer than a checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from auditor.core.history.baseline import Baseline, from_format_1, read_to_its_end
from auditor.core.history.stream_identity import StreamIdentity
from auditor.core.model.passes import Mode, PassTimes
from auditor.core.replicas.record import ReplicaHistory

if TYPE_CHECKING:
    from collections.abc import Iterable

    from auditor.core.model.finding_identity import IdentityIndex
    from auditor.core.report.pass_report import PassReport


class AuditHistory(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"baseline": "news", "identity": "history"}
):
    """The history of one audit, which is kept when its checkpoints are replaced. It is immutable.

    It is saved under the keys of its first format, here and in the structs that it holds (`rename`).
    """

    baseline: Baseline = Baseline()
    identity: StreamIdentity = StreamIdentity()
    last_passes: dict[Mode, PassTimes] = {}
    """The last completed pass of each mode."""
    actor_types: tuple[str, ...] = ()
    """Label values that exist already."""
    recovered: str = ""
    """Why this is an older version of the history, in one line; empty if it is not, or if a full pass has since compared the
    stream with it."""
    replicas: ReplicaHistory = ReplicaHistory()
    """What is known about the copies of the stream."""

    @property
    def reported(self) -> IdentityIndex | None:
        """Looks up the findings that were reported; None if no pass has completed, or if its findings are not identified."""
        return self.baseline.known_index if self.last_passes else None

    def with_identity(self, identity: StreamIdentity) -> AuditHistory:
        """The history with another identity of the stream."""
        return msgspec.structs.replace(self, identity=identity)

    def with_replicas(self, replicas: ReplicaHistory) -> AuditHistory:
        """The history with another record of the copies."""
        return msgspec.structs.replace(self, replicas=replicas)

    def with_actor_types(self, actor_types: Iterable[str]) -> AuditHistory:
        """The history with these label values, sorted."""
        return msgspec.structs.replace(self, actor_types=tuple(sorted(actor_types)))

    def after(self, report: PassReport) -> AuditHistory:
        """The history after the completed pass that `report` describes."""
        return msgspec.structs.replace(
            self,
            baseline=self.baseline.updated_with(report, report.finished_ns),
            last_passes=self.last_passes | {report.mode: PassTimes(report.started_ns, report.finished_ns)},
            recovered="" if report.mode is Mode.FULL and read_to_its_end(report) else self.recovered,
        )

    def in_place_of_newer(self, reason: str) -> AuditHistory:
        """The history, used because a newer version cannot be. No checkpoint belongs to it: the next pass is a full one."""
        return msgspec.structs.replace(self, recovered=reason, identity=self.identity.without_checkpoints())


@dataclass(frozen=True, slots=True)
class LoadedHistory:
    """The history of an audit as a pass begins."""

    history: AuditHistory
    problem: str | None = None
    """Why the saved history cannot be used, in one line that says what to do; None if it can, or if none is saved."""


AUDIT_HISTORY_FORMAT = 4
"""Format of a saved `AuditHistory`: it changes whenever a saved field is added, removed, renamed or gets another meaning."""

READABLE_FORMATS = (1, 2, 3, AUDIT_HISTORY_FORMAT)
"""Formats that `decode_history` reads. A history cannot be read anew from the stream, so each format stays readable."""


def encode_history(history: AuditHistory) -> bytes:
    """The history as bytes of the present format."""
    return msgspec.msgpack.encode(history)


def decode_history(data: bytes, number: int) -> AuditHistory:
    """The history that was saved with this format. Raises msgspec.MsgspecError if `data` is damaged.

    Formats 2 and 3 have no record of the copies of the stream.
    """
    if number == 1:
        return _from_format_1(data)
    return msgspec.msgpack.decode(data, type=AuditHistory)


def _from_format_1(data: bytes) -> AuditHistory:
    """Format 1 identifies no findings, and has the time before which checkpoints are invalid, all of an older format."""
    saved = msgspec.msgpack.decode(data)
    if isinstance(saved, dict):
        if isinstance(saved.get("news"), dict):
            saved["news"] = from_format_1(saved["news"])
        if isinstance(saved.get("history"), dict):
            saved["history"].pop("changed_ns", None)
    return msgspec.convert(saved, type=AuditHistory)
