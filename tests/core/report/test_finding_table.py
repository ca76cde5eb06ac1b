"""Open findings are counted exactly and listed up to a limit, each with its severity."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.core.model.findings import Kind, Severity
from auditor.core.model.ranges import merged
from auditor.core.model.subject_filter import SubjectFilter
from auditor.core.report.actor_assessment import RangeFacts, Replayability
from auditor.core.report.finding_table import FindingTable
from auditor.core.report.pass_report import finding_json
from auditor.core.state.acceptance import AcceptedFindings
from auditor.core.state.checkpoint import FOREVER
from auditor.core.state.examiner import AuditedStream, AuditState, Examiner
from tests.core.by_the_book import Found, Made, World, findings, messages, replays, stories
from tests.core.findings import acceptance_by_rule
from tests.core.states import saved_and_loaded
from tests.core.stories import event, message, snapshot

ORDER, SNAPSHOT = "S.events.order.order-1", "S.snapshots.order.order-1"
CORRUPTION, NOTICE = Severity.CORRUPTION, Severity.NOTICE


def state_of(*stored: tuple[str | bytes, bytes], limit: int = 1000) -> AuditState:
    audit = Examiner(AuditedStream("S", 0), SubjectFilter(["S.>"]), detail_limit=limit)
    for seq, (subject, data) in enumerate(stored, 1):
        audit.examine(message(seq, subject, data))
    return audit.state


def table_of(state: AuditState, facts: RangeFacts | None = None, most: int = 1000) -> FindingTable:
    return FindingTable(state, "S", facts or RangeFacts(), max_findings=most)


def described(found: FindingTable) -> Counter[Found]:
    return Counter(
        Found(
            one.kind,
            one.severity,
            one.reason or one.cause,
            one.seq,
            one.version,
            None if one.before_seq is None else (one.after_seq, one.before_seq),
            None if one.missing is None else (one.after_version, one.before_version, one.missing),
            one.ids,
        )
        for one in found.listed
    )


worlds = st.builds(
    World,
    first_seq=st.sampled_from([1, 1, 2]),
    deleted=st.frozensets(st.integers(1, 30), max_size=5),
    unreadable=st.frozensets(st.integers(1, 30), max_size=3),
    first_version=st.sampled_from([1, 1, 3]),
    contiguous=st.booleans(),
)


def stored_in(world: World, stored: list[Made]) -> dict[int, Made]:
    """Return the messages by sequence, without deleted, expired and unreadable ones."""
    numbered = enumerate(stored, world.first_seq)
    return {seq: one for seq, one in numbered if seq not in world.deleted | world.unreadable}


def facts_of(world: World) -> RangeFacts:
    return RangeFacts(
        first_seq=world.first_seq,
        deleted=merged((seq, seq) for seq in world.deleted),
        unreadable=merged((seq, seq) for seq in world.unreadable),
        first_version=world.first_version,
        contiguous=world.contiguous,
    )


def audited(stored: dict[int, Made], state: AuditState | None = None) -> AuditState:
    audit = Examiner(AuditedStream("S", 0), SubjectFilter(["S.>"]), detail_limit=1000, state=state)
    for one in messages(stored):
        audit.examine(one)
    return audit.state


@settings(max_examples=500, deadline=None)
@given(stories, worlds)
def test_the_findings_of_every_list_of_messages_are_those_of_the_model(made: list[Made], world: World) -> None:
    stored = stored_in(world, made)
    table = table_of(audited(stored), facts_of(world))
    expected = findings(stored, world)
    assert described(table) == expected
    assert Counter(table.replayability_counts) == replays(stored, world)
    assert Counter(table.totals) == Counter((one.kind, one.severity) for one in expected.elements())
    gaps = [one.versions[2] for one in expected.elements() if one.kind == "version_gap" and one.versions]
    assert (table.gaps.total(), table.missing_versions.total()) == (len(gaps), sum(gaps))
    assert table.broken_by_type.total() == table.replayability_counts[Replayability.BROKEN]
    assert not table.truncated


@settings(deadline=None)
@given(stories, worlds)
def test_the_findings_of_a_subject_do_not_depend_on_other_subjects(made: list[Made], world: World) -> None:
    stored = stored_in(world, made)
    together = table_of(audited(stored), facts_of(world))
    alone = [
        table_of(audited({seq: one for seq, one in stored.items() if one.key == key}), facts_of(world))
        for key in {one.key for one in stored.values()}
    ]
    assert described(together) == sum(map(described, alone), Counter())
    for tally in ("totals", "gaps", "missing_versions", "replayability_counts", "broken_by_type"):
        assert getattr(together, tally) == sum((getattr(one, tally) for one in alone), Counter())


@settings(deadline=None)
@given(stories, worlds)
def test_a_finding_has_an_id_of_its_own_and_keeps_it_when_it_is_accepted(made: list[Made], world: World) -> None:
    state = audited(stored_in(world, made))
    table = table_of(state, facts_of(world))
    table.add_ranges(Kind.DELETED_MESSAGES, facts_of(world).deleted)
    ids = [each.id for each in table.listed]
    assert len(set(ids)) == len(ids)
    everything = (acceptance_by_rule(kind, FOREVER, accepted_ns=FOREVER) for kind in Kind)
    accepting = FindingTable(state, "S", facts_of(world), max_findings=1000, accepted=AcceptedFindings(everything))
    accepting.add_ranges(Kind.DELETED_MESSAGES, facts_of(world).deleted)
    assert (accepting.listed, accepting.accepted_listed) == ((), table.listed)


def test_a_finding_that_is_listed_and_not_identified_has_an_id(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditor.core.state.segments.MAX_IDENTITIES", 1)
    listed = table_of(state_of((ORDER, b"{"), (ORDER, b"["))).listed
    assert len({each.id for each in listed}) == 2


@settings(deadline=None)
@given(stories, worlds, st.integers(0, 30))
def test_a_state_that_is_continued_has_the_findings_of_one_that_read_everything(
    made: list[Made], world: World, at: int
) -> None:
    stored = stored_in(world, made)
    half = audited({seq: one for seq, one in stored.items() if seq < at})
    carried = saved_and_loaded(half)
    whole = audited({seq: one for seq, one in stored.items() if seq >= at}, carried)
    table, expected = (table_of(state, facts_of(world)) for state in (whole, audited(stored)))
    assert (table.listed, table.totals, table.replayability_counts) == (
        expected.listed,
        expected.totals,
        expected.replayability_counts,
    )


@pytest.mark.parametrize(
    ("stored", "totals"),
    [
        ([(SNAPSHOT, b"{")], {(Kind.MALFORMED_SNAPSHOT, CORRUPTION): 1}),
        ([(SNAPSHOT, b"{"), (SNAPSHOT, b"[]")], {(Kind.MALFORMED_SNAPSHOT, CORRUPTION): 1, (Kind.MALFORMED_SNAPSHOT, NOTICE): 1}),
        ([(SNAPSHOT, b"{"), (SNAPSHOT, snapshot("x-1", 1))], {(Kind.MALFORMED_SNAPSHOT, NOTICE): 1, (Kind.FOREIGN_SNAPSHOT, CORRUPTION): 1}),
        ([(ORDER, event("order-1", 1)), (SNAPSHOT, b"{"), (SNAPSHOT, snapshot("order-1", 1))], {(Kind.MALFORMED_SNAPSHOT, NOTICE): 1}),
        ([(SNAPSHOT, snapshot("order-1", 3))], {(Kind.SNAPSHOT_AHEAD, CORRUPTION): 1}),
        ([(ORDER, event("order-1", 2))], {(Kind.MISSING_HEAD, CORRUPTION): 1}),
        ([("S.events.x", b"")], {(Kind.UNREACHABLE_EVENT, NOTICE): 1}),
    ],
)  # fmt: skip
def test_a_finding_has_the_severity_of_its_rule(
    stored: list[tuple[str | bytes, bytes]], totals: dict[tuple[Kind, Severity], int]
) -> None:
    found = table_of(state_of(*stored))
    assert {key: count for key, count in found.totals.items() if count} == totals
    assert {(f.kind, f.severity) for f in found.listed} == totals.keys()


def test_expired_first_events_are_a_notice_and_break_the_actor() -> None:
    found = table_of(state_of((ORDER, event("order-1", 2))), RangeFacts(first_seq=9))
    assert dict(found.totals) == {(Kind.MISSING_HEAD, NOTICE): 1}
    assert (found.replayability_counts[Replayability.BROKEN], dict(found.broken_by_type)) == (1, {"order": 1})


def test_gaps_of_unknown_cause_are_notices_if_the_audit_allows_gaps() -> None:
    state = state_of((ORDER, event("order-1", 1)), (ORDER, event("order-1", 5)))
    assert dict(table_of(state, RangeFacts(contiguous=False)).totals) == {(Kind.VERSION_GAP, NOTICE): 1}
    deleted = RangeFacts(contiguous=False, deleted=[(2, 2)])
    state.ledger.anomalies[b"order.order-1"].gaps[0].before_seq = 3
    assert dict(table_of(state, deleted).totals) == {(Kind.VERSION_GAP, CORRUPTION): 1}


def test_a_gap_is_listed_with_its_versions_and_its_sequences() -> None:
    (gap,) = table_of(state_of((ORDER, event("order-1", 1)), (ORDER, event("order-1", 4)))).listed
    assert finding_json(gap) == {
        "kind": "version_gap",
        "severity": "corruption",
        "cause": "unknown",
        "subject": ORDER,
        "actor": "order-1",
        "detail": "versions 2 to 3 are missing between sequences 1 and 2",
        "after_version": 1,
        "before_version": 4,
        "missing": 2,
        "after_seq": 1,
        "before_seq": 2,
    }


def test_a_collision_names_its_ids_and_no_version_is_judged() -> None:
    stored = [
        ("S.events.unknown.a_b", event(actor, version)) for actor, version in (("a.b", 1), ("a_b", 9), ("a b", 1))
    ]
    (collision,) = table_of(state_of(*stored)).listed
    assert (collision.kind, collision.ids) == (Kind.SUBJECT_COLLISION, ("a.b", "a_b", "a b"))


def test_corruption_is_listed_before_notices_up_to_the_limit() -> None:
    state = state_of(*[("S.events.x", b"")] * 5, *[(ORDER, b"{")] * 5, limit=3)
    found = table_of(state, most=3)
    assert [finding.seq for finding in found.listed] == [6, 7, 8]
    assert found.truncated
    assert found.totals[Kind.MALFORMED_EVENT, CORRUPTION] == found.totals[Kind.UNREACHABLE_EVENT, NOTICE] == 5
    assert not table_of(state_of((ORDER, b"{")), most=1).truncated


def test_ranges_are_counted_by_messages_and_listed_as_ranges() -> None:
    found = table_of(AuditState())
    found.add_ranges(Kind.DELETED_MESSAGES, [(3, 5), (9, 9)])
    assert dict(found.totals) == {(Kind.DELETED_MESSAGES, NOTICE): 4}
    assert [(f.first_seq, f.last_seq, f.count) for f in found.listed] == [(3, 5, 3), (9, 9, 1)]


def test_every_finding_is_valid_unicode_even_if_the_subject_is_not() -> None:
    state = state_of((b"S.events.order.\xff\x00\x1b[31m", b""), ("S.events.unknown.<script>", b"{"))
    for finding in table_of(state).listed:
        json.dumps(finding_json(finding), ensure_ascii=False).encode()


def test_the_last_snapshot_is_listed_before_those_that_it_supersedes() -> None:
    found = table_of(state_of(*[(SNAPSHOT, b"{")] * 9, limit=3), most=3)
    assert [(finding.seq, finding.severity) for finding in found.listed] == [(9, CORRUPTION), (1, NOTICE), (2, NOTICE)]
    assert dict(found.totals) == {(Kind.MALFORMED_SNAPSHOT, CORRUPTION): 1, (Kind.MALFORMED_SNAPSHOT, NOTICE): 8}
    assert found.truncated


def test_a_bad_snapshot_is_a_notice_if_a_later_one_may_be_unread() -> None:
    found = table_of(state_of((SNAPSHOT, b"{")), RangeFacts(unread=[(2, 9)]))
    assert dict(found.totals) == {(Kind.MALFORMED_SNAPSHOT, NOTICE): 1}


def test_a_list_that_the_examiner_limited_is_truncated() -> None:
    state = state_of(*[(ORDER, b"{")] * 5, limit=3)
    assert table_of(state, most=1000).truncated
    assert not table_of(state_of(*[(ORDER, b"{")] * 3, limit=3), most=3).truncated
