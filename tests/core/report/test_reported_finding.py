"""Each finding of a report has an id that it keeps."""

from __future__ import annotations

import re
from dataclasses import fields

from auditor.core.model.finding_identity import Identity, digest_of
from auditor.core.model.findings import Finding, Kind
from auditor.core.report.reported_finding import ReportedFinding, finding_id, reported
from tests.core.findings import finding_of

IDENTITY = Identity(digest_of(Kind.MALFORMED_EVENT, "S", 0, 7))


def test_an_id_is_a_prefix_and_twelve_letters() -> None:
    assert re.fullmatch(r"f-[a-z2-7]{12}", finding_id(IDENTITY))


def test_findings_with_other_digests_have_other_ids() -> None:
    assert finding_id(IDENTITY) == finding_id(Identity(digest_of(Kind.MALFORMED_EVENT, "S", 0, 7)))
    assert finding_id(IDENTITY) != finding_id(Identity(digest_of(Kind.MALFORMED_EVENT, "S", 0, 8)))


def test_a_range_is_named_by_its_end_and_keeps_its_id_while_its_beginning_expires() -> None:
    whole, rest, other = (Identity(IDENTITY.digest, first, last) for first, last in ((5, 9), (7, 9), (5, 8)))
    assert finding_id(whole, 9) == finding_id(rest, 9) != finding_id(other, 8)


def test_the_parts_of_a_gap_have_ids_of_their_own() -> None:
    assert finding_id(Identity(IDENTITY.digest, 4, 4), 4) != finding_id(Identity(IDENTITY.digest, 6, 6), 6)


def test_a_reported_finding_has_all_fields_of_the_finding() -> None:
    for kind in Kind:
        finding = finding_of(kind)
        one = reported(finding, "f-id")
        assert isinstance(one, ReportedFinding)
        assert one.id == "f-id"
        assert all(getattr(one, each.name) == getattr(finding, each.name) for each in fields(Finding))
