"""The examiner gives each message one outcome, for any bytes and any batches."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import auditor.core.state.examiner
import auditor.core.state.segments
from auditor.core.model.findings import Kind, Severity
from auditor.core.model.message import StoredMessage
from auditor.core.model.quarantine_entry import QuarantineEntry
from auditor.core.model.subject_filter import SubjectFilter
from auditor.core.state.examiner import AuditedStream, AuditState, Examiner
from auditor.core.state.segments import OutcomeCounts
from tests.core.by_the_book import growing
from tests.core.states import saved_and_loaded
from tests.core.stories import event, message, snapshot, streams

STREAM = AuditedStream("S", 7_000_000_000, "aether.quarantine")
ORDER_1 = "S.events.order.order-1"
EVERYTHING = SubjectFilter(["S.events.>", "S.snapshots.>"])


def examiner(state: AuditState | None = None, subjects: SubjectFilter = EVERYTHING, limit: int = 1000) -> Examiner:
    return Examiner(STREAM, subjects, detail_limit=limit, state=state)


def judged(stream: list[tuple[str | bytes, bytes]], state: AuditState | None = None, first_seq: int = 1) -> AuditState:
    one = examiner(state)
    for seq, (subject, data) in enumerate(stream, first_seq):
        one.examine(message(seq, subject, data))
    return one.state


@settings(deadline=None)
@given(streams, st.integers(0, 40))
def test_a_state_that_was_saved_and_loaded_continues_as_the_same_state(
    stream: list[tuple[str | bytes, bytes]], at: int
) -> None:
    at = min(at, len(stream))
    half = judged(stream[:at])
    plain = saved_and_loaded(half)
    assert plain == half
    assert judged(stream[at:], plain, at + 1) == judged(stream)


def judged_fast(stream: list[tuple[str | bytes, bytes]], first_seq: int = 1) -> AuditState:
    """As `judged`, with `examine_expected` where it applies."""
    one = examiner()
    messages = [message(seq, subject, data) for seq, (subject, data) in enumerate(stream, first_seq)]
    at = one.examine_expected(messages)
    while at < len(messages):
        one.examine(messages[at])
        at = one.examine_expected(messages, at + 1)
    return one.state


@settings(deadline=None)
@given(streams | growing().map(lambda story: [(one.subject, one.data) for one in story]))
def test_examine_expected_has_the_result_of_examine(
    stream: list[tuple[str | bytes, bytes]],
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(auditor.core.state.segments, "SEGMENT_SIZE", 8)
        assert judged_fast(stream) == judged(stream)


def test_ordinary_messages_are_expected_and_others_are_not() -> None:
    first, second, third = (message(seq, ORDER_1, event("order-1", seq)) for seq in (1, 2, 3))
    one = examiner()
    assert one.examine_expected([first, second, third]) == 3
    for other in (
        message(4, ORDER_1, b"{"),
        message(4, ORDER_1, event("order-1", 5)),
        message(4, ORDER_1, event("order-2", 4)),
        message(4, "S.events.order.order-2", event("order-1", 1)),
        message(4, "S.events.order.order-*", event("order-*", 1)),
        message(4, "S.snapshots.order.order-1", event("order-1", 4)),
        message(4, "S.snapshots.order.order-1", b"{"),
        message(4, "T.events.order.order-1", event("order-1", 4)),
    ):
        assert one.examine_expected([other]) == 0
    assert one.examine_expected([message(1 << 40, ORDER_1, event("order-1", 4))]) == 1
    assert one.state.segments.events == OutcomeCounts(ok=4)


def test_first_events_and_snapshots_are_expected_only_if_the_audit_reads_those_of_all_actors() -> None:
    messages = [
        message(1, ORDER_1, event("order-1", 1)),
        message(2, ORDER_1, event("order-1", 2)),
        message(3, "S.snapshots.order.order-1", snapshot("order-1", 2)),
    ]
    one = Examiner(STREAM, SubjectFilter(["S.events.order.*"]), detail_limit=5)
    assert one.examine_expected(messages) == 0
    one.examine(messages[0])
    assert one.examine_expected(messages, 1) == 2
    assert Examiner(STREAM, SubjectFilter(["S.>"]), detail_limit=5).examine_expected(messages) == 3


@settings(deadline=None)
@given(streams)
def test_the_state_of_an_actor_does_not_depend_on_other_actors(stream: list[tuple[str | bytes, bytes]]) -> None:
    together = judged(stream)
    for subject in {subject for subject, _ in stream}:
        one = examiner()
        for seq, (other, data) in enumerate(stream, 1):
            if other == subject:
                one.examine(message(seq, other, data))
        alone = one.state
        for key, actor in alone.ledger.actors.items():
            assert together.ledger.actors[key] == actor
        for key, anomalies in alone.ledger.anomalies.items():
            assert together.ledger.anomalies[key] == anomalies
        for kind, found in alone.segments.listed_findings.items():
            assert [each for each in together.segments.listed_findings[kind] if each in found] == found


@settings(deadline=None)
@given(st.binary(max_size=60), st.binary(max_size=200), st.none() | st.binary(max_size=40))
def test_no_bytes_raise_an_exception(subject: bytes, data: bytes, headers: bytes | None) -> None:
    one = examiner()
    for prefix in (b"", b"S.events.", b"S.snapshots.", b"S.events.order."):
        one.examine(StoredMessage(1, 1, prefix + subject, headers, data))
    assert one.state.segments.examined + one.state.segments.skipped == 4


@pytest.mark.parametrize(
    ("subject", "data", "kind", "reason"),
    [
        ("S.events.order.order-1", event("order-1", 1), None, None),
        ("S.events.order.order-1", b"null", Kind.HIDDEN_EVENT, "version_missing"),
        ("S.events.order.order-1", event("order-1", 0), Kind.HIDDEN_EVENT, "version_not_positive"),
        ("S.events.order.order-1", event("order-1", -1), Kind.HIDDEN_EVENT, "version_not_positive"),
        ("S.events.order.order-1", event("order-2", 0), Kind.HIDDEN_EVENT, "version_not_positive"),
        ("S.events.order.order-1", event("order-2", 1), Kind.FOREIGN_ACTOR, None),
        ("S.events.order.order-1", event("", 1), Kind.FOREIGN_ACTOR, None),
        ("S.events.order.order-1", b"  ", Kind.MALFORMED_EVENT, "empty"),
        ("S.events.order.order-1", b"{", Kind.MALFORMED_EVENT, "syntax"),
        ("S.events.order.order-1", b'{"version":"1"}', Kind.MALFORMED_EVENT, "type"),
        ("S.events.order.order-1", b'{"version":1.5}', Kind.MALFORMED_EVENT, "number"),
        ("S.events.order.order-1", b'{"timestamp":"now"}', Kind.MALFORMED_EVENT, "timestamp"),
        (b"S.events.order.order-\xff", b"{", Kind.UNREACHABLE_EVENT, "encoding"),
        ("S.events.order.order-*", b"{", Kind.UNREACHABLE_EVENT, "wildcard"),
        ("S.events.order.>", b"{", Kind.UNREACHABLE_EVENT, "wildcard"),
        ("S.events.order", b"{", Kind.UNREACHABLE_EVENT, "tokens"),
        ("S.events.cart.order-1", b"{", Kind.UNREACHABLE_EVENT, "tokens"),
        ("S.events.order.order-1.x", b"{", Kind.UNREACHABLE_EVENT, "tokens"),
        ("S.events.unknown.a_b", event("a.b", 1), None, None),
        ("S.events.-a.-a-b", event("-a-b", 1), None, None),
        ("S.snapshots.order.order-1", snapshot("order-1", 1), None, None),
        ("S.snapshots.order.order-1", b"[]", Kind.MALFORMED_SNAPSHOT, "type"),
        ("S.snapshots.order.order-1", snapshot("order-2", 1), Kind.FOREIGN_SNAPSHOT, None),
        ("S.snapshots.cart.order-1", snapshot("order-1", 1), Kind.FOREIGN_SNAPSHOT, None),
        ("S.snapshots.cart.order-1", b"[]", Kind.MALFORMED_SNAPSHOT, "type"),
        ("S.snapshots.unknown.", snapshot("", 1), Kind.FOREIGN_SNAPSHOT, None),
        ("S.snapshots.unknown.unknown", snapshot("", 1), Kind.FOREIGN_SNAPSHOT, None),
    ],
)
def test_a_message_has_the_first_content_finding_that_applies(
    subject: str | bytes, data: bytes, kind: Kind | None, reason: str | None
) -> None:
    one = examiner()
    entry = one.examine(message(9, subject, data))
    found = [finding for findings in one.state.segments.listed_findings.values() for finding in findings]
    found += [last.finding for last in one.state.ledger.snapshots.values() if last.finding]
    assert [(finding.kind, finding.reason, finding.seq) for finding in found] == ([(kind, reason, 9)] if kind else [])
    kept = kind not in {None, Kind.UNREACHABLE_EVENT}
    assert isinstance(entry, QuarantineEntry) is kept
    if entry:
        assert found[0].quarantine == f"aether.quarantine.{entry.key}"


def test_each_message_has_exactly_one_outcome() -> None:
    state = judged(
        [
            ("S.events.order.order-1", event("order-1", 1)),
            ("S.events.order.order-1", b"{"),
            ("S.events.order.order-1", event("order-1", 0)),
            ("S.events.order.order-1", event("order-2", 3)),
            ("S.events.x.y.z", b"{"),
            ("S.snapshots.order.order-1", b"{"),
            ("S.snapshots.order.order-1", snapshot("cart-1", 1)),
            ("S.other", b"{"),
        ]
    )
    assert state.segments.events == OutcomeCounts(ok=2, malformed=1, hidden=1, unreachable=1)
    assert state.segments.snapshots == OutcomeCounts(ok=1, malformed=1)
    assert (state.segments.examined, state.segments.skipped) == (7, 1)


def test_messages_that_the_filter_does_not_match_are_skipped_and_have_no_findings() -> None:
    one = examiner(subjects=SubjectFilter(["S.events.order.*"]))
    one.examine(message(1, "S.events.cart.cart-1", b"{"))
    one.examine(message(2, "S.snapshots.order.order-1", b"{"))
    one.examine(message(3, "S.events.order.order-1", b"{"))
    one.examine(message(4, "S.events.order.order-1", event("order-1", 2)))
    assert (one.state.segments.skipped, one.state.segments.examined, one.state.segments.content_findings) == (
        2,
        2,
        {Kind.MALFORMED_EVENT: 1},
    )


def test_counts_are_exact_beyond_the_findings_that_are_listed() -> None:
    one = examiner(limit=3)
    for seq in range(1, 11):
        one.examine(message(seq, "S.events.order.order-1", b"{"))
    assert one.state.segments.content_findings == {Kind.MALFORMED_EVENT: 10}
    assert [finding.seq for finding in one.state.segments.listed_findings[Kind.MALFORMED_EVENT]] == [1, 2, 3]


def test_no_detail_has_a_value_of_the_payload() -> None:
    bodies = [b'{"id":"hunter2"', b'{"version":"hunter2"}', b'{"timestamp":"hunter2"}', event("hunter2", 1), b"hunter2"]
    state = judged([("S.events.order.order-1", body) for body in bodies])
    assert state.segments.content_findings == {Kind.MALFORMED_EVENT: 4, Kind.FOREIGN_ACTOR: 1}
    assert not any(
        "hunter" in str(finding) for findings in state.segments.listed_findings.values() for finding in findings
    )


def test_a_message_on_which_the_auditor_failed_is_counted_with_its_sequence() -> None:
    one = examiner()
    one.record_failure(message(5, "S.events.order.order-1", b""))
    assert (one.state.segments.unjudged, one.state.segments.unjudged_seqs, one.state.segments.examined) == (1, [5], 1)


def test_an_event_on_which_the_auditor_failed_marks_only_its_actor() -> None:
    one = examiner()
    one.record_failure(message(1, "S.events.order.order-1", b""))
    one.record_failure(message(2, "S.other", b""))
    assert one.state.ledger.unjudged == {b"order.order-1"}


def test_a_snapshot_on_which_the_auditor_failed_supersedes_the_last_one() -> None:
    one = examiner()
    one.examine(message(1, "S.snapshots.order.order-1", b"{"))
    one.record_failure(message(2, "S.snapshots.order.order-1", b""))
    assert one.state.ledger.snapshots == {}
    (finding,) = one.state.segments.listed_findings[Kind.MALFORMED_SNAPSHOT]
    assert (finding.seq, finding.severity) == (1, Severity.NOTICE)


def test_sequences_of_unjudged_messages_are_kept_up_to_a_limit_and_counted_beyond_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(auditor.core.state.examiner, "MAX_UNJUDGED_SEQS", 2)
    one = examiner()
    for seq in range(1, 6):
        one.record_failure(message(seq, "S.events.order.order-1", b""))
    assert (one.state.segments.unjudged, one.state.segments.unjudged_seqs) == (5, [1, 2])


def test_an_actor_whose_first_message_is_bad_is_known_if_the_filter_matches_it() -> None:
    one = examiner(subjects=SubjectFilter(["S.events.order.*"]))
    one.examine(message(1, "S.events.order.order-1", b"{"))
    one.examine(message(2, "S.events.cart.cart-1", b"{"))
    one.examine(message(3, "S.events.cart.cart-1", event("cart-1", 1)))
    one.examine(message(4, "S.events.order.order-1", event("order-1", 1)))
    assert (list(one.state.ledger.actor_keys()), one.state.segments.skipped) == ([b"order.order-1"], 2)


def test_a_subject_in_two_normal_forms_is_two_subjects() -> None:
    """Neither writers nor replay normalize text."""
    state = judged([("S.events.unknown.\u00e9", event("\u00e9", 1)), ("S.events.unknown.e\u0301", event("e\u0301", 1))])
    assert (state.segments.events.ok, state.segments.content_findings, len(state.ledger.actors)) == (2, {}, 2)


@pytest.mark.parametrize("size", [7, 10, 16])
def test_every_message_is_counted_in_its_own_segment_for_every_segment_size(
    monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(auditor.core.state.segments, "SEGMENT_SIZE", size)
    state = judged([("S.events.order.order-1", event("order-1", version)) for version in range(1, 51)])
    counted = {number: segment.events.ok for number, segment in state.segments.segments.items()}
    assert counted == Counter(seq // size for seq in range(1, 51))
