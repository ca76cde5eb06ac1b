"""Accepted findings are counted apart, exactly, and later findings are open."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import auditor.core.state.examiner
import auditor.core.state.segments
from auditor.core.model.findings import Finding, Kind, Unit, spec
from auditor.core.model.passes import Verdict
from auditor.core.model.ranges import merged
from auditor.core.report.build import ReportSettings
from auditor.core.state.acceptance import Acceptance, count_in_last_segment
from tests.core.by_the_book import Made, growing, made
from tests.core.reports import report_on
from tests.core.state.test_examiner import examiner
from tests.core.stories import message

if TYPE_CHECKING:
    from auditor.core.report.pass_report import PassReport

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


def of(kind: Kind, up_to_seq: int, stream: list[tuple[str | bytes, bytes]], limit: int = 1000) -> Acceptance:
    one = examiner(limit=limit)
    for seq, (subject, data) in enumerate(stream, 1):
        one.examine(message(seq, subject, data))
    counted = count_in_last_segment(kind, up_to_seq, one.state.segments, len(stream))
    return Acceptance(
        kind=kind, up_to_seq=up_to_seq, reason="known", accepted_ns=0, created_ns=0, count_in_last_segment=counted
    )


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
        after = report_of(stream, {kind: of(kind, up_to, stream)}, deleted=deleted)
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
    for module in (auditor.core.state.segments, auditor.core.state.examiner):
        monkeypatch.setattr(module, "SEGMENT_SIZE", 4)


@pytest.mark.usefixtures("short_segments")
@pytest.mark.parametrize("up_to", [3, 7, 10])
def test_counts_are_exact_beyond_the_findings_that_are_listed(up_to: int) -> None:
    known = {Kind.MALFORMED_EVENT: of(Kind.MALFORMED_EVENT, up_to, BAD, limit=2)}
    report = report_of([*BAD, *BAD], known, limit=2)
    assert report.accepted_total == {Kind.MALFORMED_EVENT: up_to}
    assert report.findings_total == {Kind.MALFORMED_EVENT: 20 - up_to}


@pytest.mark.usefixtures("short_segments")
def test_the_error_names_the_sequences_up_to_which_unlisted_findings_can_be_accepted() -> None:
    with pytest.raises(ValueError, match="accept up to 3 or 7"):
        of(Kind.MALFORMED_EVENT, 5, BAD, limit=2)
    with pytest.raises(ValueError, match="accept up to 7 or 10"):
        of(Kind.MALFORMED_EVENT, 9, BAD, limit=2)


def test_an_acceptance_is_saved_with_the_same_keys_as_in_earlier_versions() -> None:
    saved = b'{"kind":"malformed_event","up_to_seq":7,"reason":"known","accepted_ns":9,"created_ns":8,"in_stretch":3}'
    accepted = msgspec.json.decode(saved, type=Acceptance)
    assert accepted.count_in_last_segment == 3
    assert msgspec.json.encode(accepted) == saved
