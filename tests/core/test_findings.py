"""The closed set of findings."""

from __future__ import annotations

from auditor.aether.subjects import unreachable_reason
from auditor.core.findings import CONTENT_KINDS, RANGE_KINDS, Kind, Severity, Unreachable, severities, subject_text


def test_every_kind_has_a_severity_and_only_some_have_two() -> None:
    assert all(severities(kind) for kind in Kind)
    assert {kind for kind in Kind if len(severities(kind)) == 2} == {
        Kind.VERSION_GAP, Kind.MISSING_HEAD, Kind.MALFORMED_SNAPSHOT, Kind.FOREIGN_SNAPSHOT,
    }  # fmt: skip
    assert {kind for kind in Kind if severities(kind) == (Severity.NOTICE,)} == {
        Kind.UNREACHABLE_EVENT, Kind.DELETED_MESSAGES, Kind.CONFIG_CHANGED,
    }  # fmt: skip


def test_no_kind_is_about_one_message_and_about_a_range() -> None:
    assert not CONTENT_KINDS & RANGE_KINDS


def test_a_subject_that_is_not_utf8_is_shown_with_its_bytes_escaped() -> None:
    assert subject_text(b"a.\xff\xc3\xa9") == "a.\\xff\u00e9"


def test_the_reasons_why_a_subject_is_unreachable_are_those_of_aether() -> None:
    assert [unreachable_reason(tail) for tail in (b"\xff *", b"a *", b"a")] == list(Unreachable)
