"""The canary holds each damage once, and is recognised by its description."""

from __future__ import annotations

from auditor.canary.actor_messages import SeedMessage
from auditor.canary.stream import CANARY, EARLIER_FINGERPRINTS, MAX_BYTES, Contents, contents, settings
from auditor.core.model.findings import REPLICA_KINDS, SPECS, Cause, Hidden, Kind, Unreachable
from auditor.core.model.kind_rules import OpenUntil

SEEN_ONLY_IN_BROKEN_STORAGE = {
    Kind.UNREADABLE_MESSAGE,
    Kind.LOST_MESSAGES,
    *REPLICA_KINDS,
    *(each.kind for each in SPECS if each.open_until is OpenUntil.ACCEPTED),
}


def test_it_holds_one_of_each_damage_that_can_be_seeded_through_the_api() -> None:
    expected = [finding for damage in contents().damage for finding in damage.expected]
    assert {finding.kind for finding in expected} == set(Kind) - SEEN_ONLY_IN_BROKEN_STORAGE
    assert {*Hidden, *Unreachable} <= {finding.reason_or_cause for finding in expected}
    assert {finding.reason_or_cause for finding in expected if finding.kind is Kind.VERSION_GAP} == {
        Cause.MALFORMED,
        Cause.HIDDEN,
        Cause.FOREIGN,
        Cause.DELETED,
        Cause.UNKNOWN,
    }


def test_every_message_is_on_its_own_subjects_and_all_fit_into_the_stream() -> None:
    messages = contents().messages
    assert all(message.subject.startswith(f"{CANARY}.".encode()) for message in messages)
    assert 2 * sum(len(message.data) + len(message.subject) for message in messages) < MAX_BYTES
    assert contents().deleted


def test_it_is_the_same_in_every_run_and_recognised_by_its_description() -> None:
    first = contents().fingerprint
    contents.cache_clear()
    assert contents().fingerprint == first
    assert first in settings(3)["description"]
    assert settings(3)["num_replicas"] == 3


def test_a_canary_that_was_created_before_fingerprints_had_a_format_is_recognised() -> None:
    assert contents().fingerprint in EARLIER_FINGERPRINTS
    assert contents().is_described_by("Planted by aether-auditor to prove that it still sees, contents 77954c95ee3b")


def test_a_stream_with_another_description_is_not_recognised() -> None:
    assert contents().is_described_by(contents().description)
    assert not contents().is_described_by("")
    assert not contents().is_described_by(
        "Planted by aether-auditor to prove that it still sees, contents 000000000000"
    )


def test_a_fingerprint_tells_one_byte_from_another_and_a_body_from_a_header() -> None:
    def of(*messages: SeedMessage) -> str:
        return Contents((), messages).fingerprint

    fingerprints = {
        of(),
        of(SeedMessage(b"s", b"ab")),
        of(SeedMessage(b"sa", b"b")),
        of(SeedMessage(b"s", b"b", b"a")),
        of(SeedMessage(b"s", b"ab", deleted=True)),
        of(SeedMessage(b"s", b"a"), SeedMessage(b"s", b"b")),
    }
    assert len(fingerprints) == 6
