"""Each completed pass gives a new audit history, which is saved in a fixed format."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from auditor.core.history.audit_history import (
    AUDIT_HISTORY_FORMAT,
    READABLE_FORMATS,
    AuditHistory,
    decode_history,
    encode_history,
)
from auditor.core.history.baseline import Baseline, KnownFindings
from auditor.core.history.stream_identity import LastStreamInfo, SampledDigest, SampledDigests, StreamIdentity
from auditor.core.model.finding_identity import IdentitySet
from auditor.core.model.findings import Finding, Incident, Kind, Severity
from auditor.core.model.message import NO_LOSS, Loss
from auditor.core.model.passes import Mode, PassTimes
from auditor.core.replicas.findings import absent_finding
from auditor.core.replicas.record import CopyRecord, ReplicaHistory
from tests.core.findings import finding_of
from tests.core.reports import NOW, report

SAVED = Path(__file__).parents[1] / "state" / "saved"
"""Bytes as each format saved them. A file is added with its format, and never generated again."""


THREE_COPIES = ReplicaHistory(
    created_ns=2,
    expected=3,
    leader="n1",
    copies={
        "n1": CopyRecord((1, 9, 8), read_ns=5),
        "n2": CopyRecord((1, 9, 7), 5, 1, (finding_of(Kind.REPLICA_MISSING, replica="n2"),)),
        "n3": CopyRecord(unread=absent_finding("n3", "it was not read", leads=False), note="a note"),
    },
    unconfirmed="messages keep changing",
)


def a_history(generation: int = 0, lost: Loss = NO_LOSS, account: str = "") -> AuditHistory:
    key = (Kind.STREAM_ROLLBACK, Severity.CORRUPTION)
    rollback = Finding(kind=key[0], severity=key[1], first_seq=5, last_seq=6, count=2, detail="lost")
    known = KnownFindings({key: 1}, {key: IdentitySet(b"12345678", {b"abcdefgh": [(5, 6)]})}, frozenset({key}))
    last_info = LastStreamInfo(
        checked_ns=1, created_ns=2, first_seq=3, last_seq=4, messages=2, settings={"max_age": 5}, account=account
    )
    identity = StreamIdentity(
        last_info,
        SampledDigests((SampledDigest(3, b"d" * 16),), 2),
        (Incident(9, rollback),),
        last_deletion_pass_ns=7,
        generation=generation,
        lost=lost,
    )
    baseline = Baseline(known, established=True, newest_finding_ns={key: 9})
    return AuditHistory(baseline, identity, {Mode.FULL: PassTimes(1, 2)}, ("order",))


def test_a_history_saved_in_the_present_format_is_decoded() -> None:
    assert AUDIT_HISTORY_FORMAT == 4
    history = a_history(generation=3, lost=Loss(((1, 2),), 9), account="A").in_place_of_newer("damaged")
    history = history.with_replicas(THREE_COPIES)
    assert decode_history((SAVED / "audit_history-4.bin").read_bytes(), 4) == history
    assert decode_history(encode_history(history), 4) == history


def test_a_history_saved_in_format_3_has_no_record_of_copies() -> None:
    history = a_history(generation=3, lost=Loss(((1, 2),), 9), account="A").in_place_of_newer("damaged")
    assert decode_history((SAVED / "audit_history-3.bin").read_bytes(), 3) == history
    assert history.replicas == ReplicaHistory()


def test_a_history_saved_in_format_2_is_decoded_without_an_account() -> None:
    history = a_history(generation=3, lost=Loss(((1, 2),), 9))
    assert decode_history((SAVED / "audit_history-2.bin").read_bytes(), 2) == history


def test_a_history_saved_in_format_1_is_decoded_with_counts_and_without_the_time_of_changes() -> None:
    history, saved = a_history(), (SAVED / "audit_history-1.bin").read_bytes()
    known = KnownFindings(history.baseline.known.counts, are_identified=False)
    baseline = msgspec.structs.replace(history.baseline, known=known)
    assert decode_history(saved, 1) == msgspec.structs.replace(history, baseline=baseline)


@pytest.mark.parametrize("data", [b"", b"nonsense", msgspec.msgpack.encode({"other": {}}), msgspec.msgpack.encode([1])])
@pytest.mark.parametrize("number", READABLE_FORMATS)
def test_a_damaged_history_is_refused(data: bytes, number: int) -> None:
    with pytest.raises(msgspec.MsgspecError):
        decode_history(data, number)


def test_a_completed_pass_gives_a_new_history_and_does_not_change_the_old_one() -> None:
    before = AuditHistory()
    after = before.after(report(("S.events.order.order-1", b"{")))
    assert before == AuditHistory()
    assert after.last_passes == {Mode.FULL: PassTimes(NOW - 2 * 10**9, NOW)}
    assert after.baseline.established
    assert after.with_actor_types({"order", "cart"}).actor_types == ("cart", "order")
    assert after.with_identity(a_history().identity).identity == a_history().identity


def test_an_older_version_of_a_history_is_in_a_generation_of_its_own_until_a_full_pass_has_ended() -> None:
    older = a_history(generation=3).in_place_of_newer("damaged")
    assert older.recovered == "damaged"
    assert older.identity.generation > 3 + 100  # more than passes can have begun since it was saved
    full = report(("S.events.order.order-1", b"{"))
    assert older.after(replace(full, mode=Mode.INCREMENTAL)).recovered == "damaged"
    assert older.after(replace(full, read=None)).recovered == "damaged"
    assert older.after(full).recovered == ""
