"""What an earlier version saved is read as it was."""

from __future__ import annotations

from pathlib import Path

import msgspec

from auditor.core.history.audit_history import AUDIT_HISTORY_FORMAT, AuditHistory
from auditor.core.history.baseline import Baseline, FindingIdentity, KnownFindings
from auditor.core.history.stream_identity import LastStreamInfo, SampledDigest, SampledDigests, StreamIdentity
from auditor.core.model.findings import Finding, Incident, Kind, Severity
from auditor.core.model.passes import Mode, PassTimes

SAVED = Path(__file__).parents[1] / "state" / "saved"
"""Bytes as each format saved them. A file is added with its format, and never made anew."""


def a_chronicle() -> AuditHistory:
    key = (Kind.STREAM_ROLLBACK, Severity.CORRUPTION)
    rollback = Finding(kind=key[0], severity=key[1], first_seq=5, last_seq=6, count=2, detail="lost")
    told = KnownFindings({key: 1}, {FindingIdentity(key, None, None, None, None, 6)}, truncated=True)
    witness = LastStreamInfo(checked_ns=1, created_ns=2, first_seq=3, last_seq=4, messages=2, settings={"max_age": 5})
    history = StreamIdentity(witness, SampledDigests([SampledDigest(3, b"d" * 16)], 2), [Incident(9, rollback)], 7, 8)
    news = Baseline(told, established=True, newest_finding_ns={key: 9})
    return AuditHistory(news, history, {Mode.FULL: PassTimes(1, 2)}, ("order",))


def test_a_chronicle_that_the_present_format_saved_is_read_as_it_was() -> None:
    assert AUDIT_HISTORY_FORMAT == 1
    saved = (SAVED / "chronicle-1.bin").read_bytes()
    assert msgspec.msgpack.decode(saved, type=AuditHistory) == a_chronicle()
