"""Each kind of finding has one row, which gives its severities, fields, place and rule of acceptance."""

from __future__ import annotations

import re
from dataclasses import fields

import msgspec
import pytest

from auditor.aether.subjects import unreachable_reason
from auditor.core.model.findings import (
    KINDS,
    MESSAGE_KINDS,
    MISSING_VERSION_KINDS,
    REPLICA_KINDS,
    SNAPSHOT_KINDS,
    SPECS,
    Cause,
    Finding,
    Incident,
    Kind,
    Severity,
    Unreachable,
    place_of,
    spec,
    subject_text,
)
from auditor.core.model.kind_rules import AcceptedBy, OpenUntil, SeverityRule, Unit
from tests.core.findings import VALUES, finding_of


def kinds_at(*place: str) -> set[Kind]:
    return {each.kind for each in SPECS if each.place == place}


def place(kind: Kind, **seqs: int | None) -> str:
    return place_of(finding_of(kind, **seqs))


def test_every_kind_has_exactly_one_row() -> None:
    assert sorted(each.kind for each in SPECS) == sorted(Kind)
    assert all(spec(kind) is KINDS[kind] and spec(kind).kind is kind for kind in Kind)


def test_the_bytes_of_messages_with_these_kinds_of_finding_are_quarantined() -> None:
    assert {each.kind for each in SPECS if each.quarantined} == {
        Kind.MALFORMED_EVENT, Kind.HIDDEN_EVENT, Kind.FOREIGN_ACTOR, Kind.MALFORMED_SNAPSHOT, Kind.FOREIGN_SNAPSHOT,
    }  # fmt: skip


def test_these_kinds_count_messages_and_all_others_count_findings() -> None:
    assert MESSAGE_KINDS == (Kind.DELETED_MESSAGES, Kind.UNREADABLE_MESSAGE, Kind.LOST_MESSAGES)
    assert {each.kind for each in SPECS if each.unit is Unit.FINDINGS} == set(Kind) - set(MESSAGE_KINDS)


def test_these_kinds_are_accepted_by_time_and_all_others_by_sequence() -> None:
    by_time = {each.kind for each in SPECS if each.accepted_by is AcceptedBy.TIME}
    assert by_time == {
        Kind.STREAM_ROLLBACK, Kind.STREAM_RECREATED, Kind.HISTORY_CHANGED, Kind.CONFIG_CHANGED,
    }  # fmt: skip
    assert {each.kind for each in SPECS if each.accepted_by is AcceptedBy.SEQUENCE} == set(Kind) - by_time


def test_these_kinds_explain_a_gap() -> None:
    assert {each.kind: each.gap_cause for each in SPECS if each.gap_cause} == {
        Kind.MALFORMED_EVENT: Cause.MALFORMED,
        Kind.HIDDEN_EVENT: Cause.HIDDEN,
        Kind.FOREIGN_ACTOR: Cause.FOREIGN,
        Kind.UNREADABLE_MESSAGE: Cause.UNREADABLE,
        Kind.DELETED_MESSAGES: Cause.DELETED,
    }


def test_every_kind_names_the_fields_of_its_place() -> None:
    ranges = {*MESSAGE_KINDS, Kind.STREAM_ROLLBACK, Kind.HISTORY_CHANGED, *REPLICA_KINDS} - {Kind.REPLICA_ABSENT}
    nowhere = {Kind.STREAM_RECREATED, Kind.CONFIG_CHANGED, Kind.REPLICA_ABSENT}
    assert kinds_at("first_seq", "last_seq") == ranges
    assert kinds_at("after_seq", "before_seq") == {Kind.VERSION_GAP}
    assert kinds_at("before_seq") == {Kind.MISSING_HEAD}
    assert kinds_at() == nowhere
    assert kinds_at("seq") == set(Kind) - ranges - nowhere - {Kind.VERSION_GAP, Kind.MISSING_HEAD}


def test_the_place_of_a_finding_is_a_sequence_a_range_or_between_two_sequences() -> None:
    assert place(Kind.LATE_VERSION, seq=17) == "17"
    assert place(Kind.DELETED_MESSAGES, first_seq=17, last_seq=20) == "17–20"
    assert place(Kind.DELETED_MESSAGES, first_seq=17, last_seq=17) == "17"
    assert place(Kind.VERSION_GAP, after_seq=17, before_seq=20) == "after 17, before 20"
    assert place(Kind.MISSING_HEAD, before_seq=20) == "before 20"


def test_every_kind_with_a_place_is_rendered_with_it() -> None:
    seqs = {"seq": 1, "first_seq": 2, "last_seq": 3, "after_seq": 4, "before_seq": 5}
    for each in SPECS:
        text = place(each.kind, **{name: seqs[name] for name in each.place})
        assert [int(number) for number in re.findall(r"\d+", text)] == [seqs[name] for name in each.place]


def test_a_finding_without_a_place_has_an_empty_one() -> None:
    assert place(Kind.LOST_MESSAGES, count=1) == ""
    assert place(Kind.STREAM_RECREATED, count=5) == ""
    assert place(Kind.CONFIG_CHANGED) == ""


def test_an_acceptance_up_to_the_end_of_a_finding_covers_all_of_it() -> None:
    assert finding_of(Kind.LATE_VERSION, seq=17).seq_for_acceptance == 17
    assert finding_of(Kind.DELETED_MESSAGES, first_seq=17, last_seq=20).seq_for_acceptance == 20
    assert finding_of(Kind.VERSION_GAP, after_seq=17, before_seq=20).seq_for_acceptance == 20
    assert finding_of(Kind.MISSING_HEAD, before_seq=20).seq_for_acceptance == 20
    assert finding_of(Kind.STREAM_RECREATED).seq_for_acceptance == 0


def test_findings_are_sorted_by_their_first_sequence() -> None:
    assert finding_of(Kind.LATE_VERSION, seq=17).position == 17
    assert finding_of(Kind.DELETED_MESSAGES, first_seq=17, last_seq=20).position == 17
    assert finding_of(Kind.VERSION_GAP, after_seq=17, before_seq=20).position == 20
    assert finding_of(Kind.STREAM_RECREATED).position == 0


def test_every_kind_has_a_severity_and_only_some_have_two() -> None:
    assert all(spec(kind).severities for kind in Kind)
    assert {kind for kind in Kind if len(spec(kind).severities) == 2} == {
        Kind.VERSION_GAP, Kind.MISSING_HEAD, Kind.MALFORMED_SNAPSHOT, Kind.FOREIGN_SNAPSHOT,
    }  # fmt: skip
    assert {kind for kind in Kind if spec(kind).severities == (Severity.NOTICE,)} == {
        Kind.UNREACHABLE_EVENT, Kind.DELETED_MESSAGES, Kind.CONFIG_CHANGED,
    }  # fmt: skip


def test_the_severity_of_a_kind_follows_its_rule() -> None:
    corruption, notice = Severity.CORRUPTION, Severity.NOTICE
    assert {rule: (one.severity(), one.severity(excused=True)) for one in SPECS for rule in [one.severity_rule]} == {
        SeverityRule.CORRUPTION: (corruption, corruption),
        SeverityRule.INCONCLUSIVE: (Severity.INCONCLUSIVE, Severity.INCONCLUSIVE),
        SeverityRule.NOTICE: (notice, notice),
        SeverityRule.LAST_SNAPSHOT: (corruption, notice),
        SeverityRule.UNEXPECTED_GAP: (corruption, notice),
    }
    assert set(SNAPSHOT_KINDS) == {Kind.MALFORMED_SNAPSHOT, Kind.FOREIGN_SNAPSHOT}
    assert set(MISSING_VERSION_KINDS) == {Kind.VERSION_GAP, Kind.MISSING_HEAD}


def test_these_kinds_report_one_copy_of_a_replicated_stream() -> None:
    assert REPLICA_KINDS == (
        Kind.REPLICA_UNREADABLE, Kind.REPLICA_MISSING, Kind.REPLICA_DIFFERS, Kind.REPLICA_BEHIND, Kind.REPLICA_ABSENT,
    )  # fmt: skip
    assert [kind for kind in Kind if spec(kind).severities == (Severity.INCONCLUSIVE,)] == [
        Kind.REPLICA_BEHIND, Kind.REPLICA_ABSENT,
    ]  # fmt: skip
    assert [kind for kind in Kind if spec(kind).open_until is OpenUntil.COPY_READ] == [*REPLICA_KINDS[:3]]


def test_severities_are_ranked_from_corruption_to_notice() -> None:
    assert [severity.rank for severity in (Severity.CORRUPTION, Severity.INCONCLUSIVE, Severity.NOTICE)] == [0, 1, 2]


@pytest.mark.parametrize("kind", Kind)
def test_a_finding_has_every_field_that_its_kind_requires(kind: Kind) -> None:
    for name in spec(kind).fields:
        with pytest.raises(ValueError, match=f"^a finding of kind {kind} has no {name}$"):
            finding_of(kind, **{name: None})


@pytest.mark.parametrize("kind", Kind)
def test_a_finding_has_no_field_that_its_kind_does_not_have(kind: Kind) -> None:
    row = spec(kind)
    allowed = {"kind", "severity", "detail", *row.fields, *row.optional}
    for name in {field.name for field in fields(Finding)} - allowed:
        with pytest.raises(ValueError, match=f"^a finding of kind {kind} has a {name}, which it cannot have$"):
            finding_of(kind, **{name: VALUES.get(name, 1)})
    assert finding_of(kind, detail="x", **{name: VALUES.get(name, 1) for name in row.optional})


@pytest.mark.parametrize("kind", Kind)
def test_a_finding_has_a_severity_that_its_kind_can_have(kind: Kind) -> None:
    for severity in Severity:
        if severity in spec(kind).severities:
            assert finding_of(kind, severity=severity).severity is severity
        else:
            with pytest.raises(ValueError, match=f"kind {kind} has the severity {severity}, which it cannot have"):
                finding_of(kind, severity=severity)


def test_a_saved_finding_with_a_field_that_its_kind_does_not_have_is_refused() -> None:
    saved = {**msgspec.to_builtins(finding_of(Kind.LATE_VERSION)), "count": 1}
    with pytest.raises(msgspec.ValidationError, match="late_version has a count"):
        msgspec.convert(saved, Finding)


@pytest.mark.parametrize("kind", Kind)
def test_only_a_finding_that_is_open_until_it_is_accepted_can_be_an_incident(kind: Kind) -> None:
    if spec(kind).open_until is OpenUntil.ACCEPTED:
        assert Incident(1, finding_of(kind)).finding.kind is kind
    else:
        with pytest.raises(ValueError, match=f"a finding of kind {kind} cannot be an incident"):
            Incident(1, finding_of(kind))


def test_only_a_kind_that_is_open_until_it_is_accepted_may_have_a_time() -> None:
    timed = {each.kind for each in SPECS if "noticed_at" in each.optional}
    assert timed == {each.kind for each in SPECS if each.open_until is OpenUntil.ACCEPTED}
    assert timed == {each.kind for each in SPECS if each.accepted_by is AcceptedBy.TIME}


def test_the_fields_of_the_place_are_fields_of_the_kind() -> None:
    assert all(set(each.place) <= {*each.fields, *each.optional} for each in SPECS)
    assert all(("quarantine" in each.optional) is each.quarantined for each in SPECS)


def test_no_kind_is_about_one_message_and_about_a_range() -> None:
    assert not any(each.quarantined and each.unit is Unit.MESSAGES for each in SPECS)


def test_a_subject_that_is_not_utf8_is_shown_with_its_bytes_escaped() -> None:
    assert subject_text(b"a.\xff\xc3\xa9") == "a.\\xff\u00e9"


def test_the_reasons_why_a_subject_is_unreachable_are_those_of_aether() -> None:
    assert [unreachable_reason(key) for key in (b"\xff *", b"a *", b"a")] == list(Unreachable)
