"""Accepted findings are counted apart, exactly, and later findings are open."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import auditor.core.state.examiner
import auditor.core.state.segments
from auditor.core.model.finding_identity import Identity, IdentityIndex, IdentitySet, identity_set
from auditor.core.model.findings import Finding, Kind, Severity, spec
from auditor.core.model.kind_rules import Unit
from auditor.core.model.passes import Verdict
from auditor.core.model.range_account import SubjectCount
from auditor.core.model.ranges import merged
from auditor.core.report.build import ReportSettings
from auditor.core.state.acceptance import (
    ACCEPTANCES_FORMAT,
    Acceptance,
    AcceptedFindings,
    decode_acceptances,
    decode_format_1,
    encode_acceptances,
    listed_acceptances,
)
from tests.core.by_the_book import Made, growing, made
from tests.core.findings import acceptance_by_rule
from tests.core.reports import report_on
from tests.core.state.test_examiner import examiner, judged
from tests.core.stories import event, message, snapshot

if TYPE_CHECKING:
    from auditor.core.report.pass_report import PassReport

SAVED = Path(__file__).parent / "saved"
ORDER = "S.events.order.order-1"
BAD = [(ORDER, b"{")] * 10


def report_of(
    stream: list[tuple[str | bytes, bytes]],
    accepted: dict[Kind, Acceptance] | None = None,
    *,
    limit: int = 1000,
    deleted: frozenset[int] = frozenset(),
) -> PassReport:
    one = examiner(limit=limit)
    for seq, (subject, data) in enumerate(stream, 1):
        if seq not in deleted:
            one.examine(message(seq, subject, data))
    gone = merged((seq, seq) for seq in deleted)
    return report_on(
        one.state,
        len(stream),
        settings=ReportSettings(max_findings=limit),
        accepted=accepted,
        removed=gone,
        deleted=gone,
    )


def of(
    kind: Kind,
    up_to_seq: int,
    stream: list[tuple[str | bytes, bytes]],
    limit: int = 1000,
    deleted: frozenset[int] = frozenset(),
) -> Acceptance:
    """The acceptance of the findings of one report."""
    asked = acceptance_by_rule(kind, up_to_seq)
    return asked.listed(report_of(stream, {kind: asked}, limit=limit, deleted=deleted).accepted_identities)


def accepted_from(finding: Finding) -> int:
    return finding.seq_for_acceptance


@settings(deadline=None)
@given(growing() | st.lists(made(), max_size=20), st.data())
def test_findings_up_to_the_sequence_are_accepted_and_later_ones_are_open(
    made_messages: list[Made], data: st.DataObject
) -> None:
    stream = [(one.subject, one.data) for one in made_messages]
    deleted = frozenset(data.draw(st.sets(st.integers(1, len(stream)), max_size=4))) if stream else frozenset()
    before = report_of(stream, deleted=deleted)
    for kind in before.findings_total:
        up_to = data.draw(st.integers(0, len(stream)))
        listed = of(kind, up_to, stream, deleted=deleted)
        assert listed.rule is None
        after = report_of(stream, {kind: listed}, deleted=deleted)
        if spec(kind).unit is Unit.MESSAGES:
            known = sum(max(0, min(f.last_seq, up_to) - f.first_seq + 1) for f in before.findings if f.kind is kind)
        else:
            known = sum(f.kind is kind and accepted_from(f) <= up_to for f in before.findings)
            rest = [f for f in before.findings if f.kind is not kind or accepted_from(f) > up_to]
            assert list(after.findings) == rest
        assert after.accepted_total.get(kind, 0) == known
        assert after.findings_total.get(kind, 0) == before.findings_total[kind] - known


def test_a_stream_is_clean_once_all_corruption_is_accepted_and_corrupt_after_new_corruption() -> None:
    known = {Kind.MALFORMED_EVENT: of(Kind.MALFORMED_EVENT, 10, BAD)}
    accepted = report_of(BAD, known)
    assert (accepted.verdict, accepted.findings, accepted.findings_total) == (Verdict.CLEAN, (), {})
    assert accepted.accepted_total == {Kind.MALFORMED_EVENT: 10}
    later = report_of([*BAD, (ORDER, b"")], known)
    assert (later.verdict, later.findings_total) == (Verdict.CORRUPT, {Kind.MALFORMED_EVENT: 1})
    assert [finding.seq for finding in later.findings] == [11]


@pytest.fixture
def short_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditor.core.state.segments, "SEGMENT_SIZE", 4)


@pytest.mark.usefixtures("short_segments")
@pytest.mark.parametrize("up_to", [3, 7, 10])
def test_counts_are_exact_beyond_the_findings_that_are_listed(up_to: int) -> None:
    known = {Kind.MALFORMED_EVENT: of(Kind.MALFORMED_EVENT, up_to, BAD, limit=2)}
    report = report_of([*BAD, *BAD], known, limit=2)
    assert report.accepted_total == {Kind.MALFORMED_EVENT: up_to}
    assert report.findings_total == {Kind.MALFORMED_EVENT: 20 - up_to}


EVENTS = [(ORDER, event("order-1", version)) for version in (1, 2, 3, 6, 7)]
GAP = (Kind.VERSION_GAP, Severity.CORRUPTION)


def accepted_gaps() -> dict[Kind, Acceptance]:
    known = {Kind.VERSION_GAP: of(Kind.VERSION_GAP, 5, EVENTS)}
    assert report_of(EVENTS, known).accepted_total == {Kind.VERSION_GAP: 1}
    return known


@pytest.mark.parametrize("deleted", [2, 3, 4])
def test_a_gap_is_open_again_once_it_has_grown_or_another_one_is_below_it(deleted: int) -> None:
    report = report_of(EVENTS, accepted_gaps(), deleted=frozenset({deleted}))
    assert report.findings_total[Kind.VERSION_GAP] == 1
    assert report.verdict is Verdict.CORRUPT


def test_what_is_left_of_an_accepted_gap_stays_accepted_after_a_version_arrived_late() -> None:
    report = report_of([*EVENTS, (ORDER, event("order-1", 4))], accepted_gaps())
    assert report.accepted_total == {Kind.VERSION_GAP: 1}
    assert report.findings_total == {Kind.LATE_VERSION: 1}


def test_another_message_at_an_accepted_sequence_is_open() -> None:
    known = {Kind.MALFORMED_EVENT: of(Kind.MALFORMED_EVENT, 1, [(ORDER, b"{")])}
    assert report_of([(ORDER, b"{")], known).verdict is Verdict.CLEAN
    assert report_of([(ORDER, b"[")], known).verdict is Verdict.CORRUPT


def test_an_accepted_bad_snapshot_stays_accepted_when_a_later_one_supersedes_it() -> None:
    subject = "S.snapshots.order.order-1"
    kind = Kind.MALFORMED_SNAPSHOT
    known = {kind: of(kind, 1, [(subject, b"{")])}
    report = report_of([(subject, b"{"), (subject, snapshot("order-1", 0))], known)
    assert (report.findings_total, report.accepted_total) == ({}, {kind: 1})
    report = report_of([(subject, b"{"), (subject, b"{")], known)
    assert report.totals == {(kind, Severity.CORRUPTION): 1}


def test_a_notice_that_has_become_corruption_is_open() -> None:
    identities = {Severity.NOTICE: identity_set([Identity(b"12345678")])}
    known = Acceptance(kind=Kind.MALFORMED_SNAPSHOT, up_to_seq=1, reason="", accepted_ns=1, identities=identities)
    accepted = AcceptedFindings([known])
    notice, corruption = ((Kind.MALFORMED_SNAPSHOT, each) for each in (Severity.NOTICE, Severity.CORRUPTION))
    assert not accepted.open_parts(notice, Identity(b"12345678"))
    assert accepted.open_parts(corruption, Identity(b"12345678"))


def test_a_further_actor_id_on_an_accepted_subject_is_open() -> None:
    subject = "S.events.unknown.a_b"
    two = [(subject, event(each, 1)) for each in ("a.b", "a_b")]
    kind = Kind.SUBJECT_COLLISION
    known = {kind: of(kind, 2, two)}
    assert report_of(two, known).verdict is Verdict.CLEAN
    assert report_of([*two, (subject, event("a b", 1))], known).findings_total == {kind: 1}
    three = {kind: of(kind, 3, [*two, (subject, event("a b", 1))])}
    assert report_of(two, three).verdict is Verdict.CLEAN


def test_only_the_accepted_part_of_a_range_is_counted_as_accepted() -> None:
    kind = Kind.DELETED_MESSAGES
    known = {kind: of(kind, 9, EVENTS, deleted=frozenset({2, 3}))}
    report = report_of(EVENTS, known, deleted=frozenset({2, 3, 4}))
    assert (report.accepted_total[kind], report.findings_total[kind]) == (2, 1)
    assert [(each.first_seq, each.last_seq) for each in report.findings if each.kind is kind] == [(4, 4)]


def test_accepted_unreadable_messages_of_an_actor_stay_accepted_when_they_are_counted_again() -> None:
    kind = Kind.UNREADABLE_MESSAGE
    asked = acceptance_by_rule(kind, 9)
    first, again, more = (
        {ORDER.encode(): SubjectCount(stored=3, unreadable=unreadable, detected_seq=detected_seq)}
        for unreadable, detected_seq in ((2, 5), (2, 99), (3, 99))
    )
    found = report_on(judged(EVENTS), 9, subject_counts=first, accepted={kind: asked}).accepted_identities
    known = {kind: asked.listed(found)}
    assert report_on(judged(EVENTS), 99, subject_counts=again, accepted=known).accepted_total == {kind: 2}
    assert report_on(judged(EVENTS), 99, subject_counts=more, accepted=known).findings_total[kind] == 3


def test_a_rule_covers_only_findings_that_were_reported() -> None:
    rule = acceptance_by_rule(Kind.MALFORMED_EVENT, 10)
    key = (Kind.MALFORMED_EVENT, Severity.CORRUPTION)
    known = IdentityIndex({key: identity_set([Identity(b"reported")])})
    accepted = AcceptedFindings([rule], 0, known)
    assert not accepted.open_parts(key, Identity(b"reported"), seq=1)
    assert accepted.open_parts(key, Identity(b"reported"), seq=11)
    assert accepted.open_parts(key, Identity(b"appeared"), seq=1)
    assert not AcceptedFindings([rule]).open_parts(key, Identity(b"appeared"), seq=1)
    assert AcceptedFindings([rule], created_ns=7).open_parts(key, Identity(b"reported"), seq=1)


def test_a_rule_covers_incidents_that_were_noticed_in_time() -> None:
    rule = acceptance_by_rule(Kind.STREAM_ROLLBACK, 10, accepted_ns=5, created_ns=1)
    key = (Kind.STREAM_ROLLBACK, Severity.CORRUPTION)
    assert not AcceptedFindings([rule]).open_parts(key, Identity(b"rollback"), noticed_ns=5)
    assert AcceptedFindings([rule]).open_parts(key, Identity(b"rollback"), noticed_ns=6)


def test_rules_are_replaced_by_the_findings_that_they_cover() -> None:
    key = (Kind.MALFORMED_EVENT, Severity.CORRUPTION)
    found = identity_set([Identity(b"12345678")])
    rule = acceptance_by_rule(Kind.MALFORMED_EVENT, 10)
    listed = listed_acceptances({rule.kind: rule}, {key: found})
    assert listed == {rule.kind: msgspec.structs.replace(rule, rule=None, identities={Severity.CORRUPTION: found})}
    assert listed_acceptances(listed, {key: found}) is None


def test_ten_thousand_accepted_findings_take_eight_bytes_each() -> None:
    stream: list[tuple[str | bytes, bytes]] = [(ORDER, b"{%d" % number) for number in range(10_000)]
    known = {Kind.MALFORMED_EVENT: of(Kind.MALFORMED_EVENT, 10_000, stream)}
    saved = encode_acceptances(known)
    assert len(saved) < 81_000
    report = report_of([*stream, (ORDER, b"")], decode_acceptances(saved))
    assert (report.accepted_total, report.findings_total) == (
        {Kind.MALFORMED_EVENT: 10_000},
        {Kind.MALFORMED_EVENT: 1},
    )


FORMAT_1 = (
    b'{"schema":"aether-auditor/accepted/1","accepted":[{"kind":"malformed_event","up_to_seq":7,"reason":"known",'
    b'"accepted_ns":9,"created_ns":8,"in_stretch":3}]}'
)
"""Acceptances as versions up to 0.1 saved them."""


def test_acceptances_of_format_1_are_decoded_as_rules() -> None:
    assert decode_format_1(FORMAT_1) == {
        Kind.MALFORMED_EVENT: acceptance_by_rule(Kind.MALFORMED_EVENT, 7, accepted_ns=9, created_ns=8)
    }


@pytest.mark.parametrize("data", [b"", b"{", b'{"schema":"aether-auditor/accepted/9","accepted":[]}', FORMAT_1 * 2])
def test_other_bytes_are_no_acceptances_of_format_1(data: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        decode_format_1(data)


def test_acceptances_are_saved_in_a_fixed_format() -> None:
    assert ACCEPTANCES_FORMAT == 2
    identities = {Severity.CORRUPTION: IdentitySet(b"12345678", {b"abcdefgh": [(3, 4), (6, 9)]})}
    one = Acceptance(kind=Kind.VERSION_GAP, up_to_seq=7, reason="known", accepted_ns=9, identities=identities)
    saved = (SAVED / "acceptances-2.bin").read_bytes()
    assert (decode_acceptances(saved), encode_acceptances({one.kind: one})) == ({one.kind: one}, saved)
