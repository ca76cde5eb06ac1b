"""Sequences that a walk did not deliver are deleted, expired, unreadable or unknown."""

from __future__ import annotations

import asyncio
import time
from itertools import count

import pytest

import auditor.scan.account
from auditor.config import VersionsConfig
from auditor.core.model.findings import Cause, Kind
from auditor.core.model.passes import Verdict
from auditor.core.model.range_account import RangeAccount
from auditor.scan.account import classify_undelivered
from auditor.units import NANOSECONDS
from tests.core.stories import event
from tests.ports.in_memory import FaultySource, GoneError, InMemorySource
from tests.scan.passes import GOOD, ORDER, a_pass, sums_hold


async def test_a_message_that_the_server_never_delivers_is_corruption_and_the_cause_of_the_gap() -> None:
    stream = InMemorySource(GOOD)
    stream.unreadable = {4, 5}
    report = await a_pass(stream).run()
    assert report.verdict is Verdict.CORRUPT
    found = {finding.kind: finding for finding in report.findings}
    assert (found[Kind.UNREADABLE_MESSAGE].first_seq, found[Kind.UNREADABLE_MESSAGE].count) == (4, 2)
    assert found[Kind.VERSION_GAP].cause is Cause.UNREADABLE


async def test_a_readable_message_that_was_not_delivered_makes_the_pass_inconclusive() -> None:
    stream = InMemorySource(GOOD)
    stream.unreadable = {4}
    stream.is_readable = lambda _: asyncio.sleep(0, result=True)  # type: ignore[method-assign]
    report = await a_pass(stream, versions=VersionsConfig(contiguous=False)).run()
    assert report.verdict is Verdict.INCONCLUSIVE
    assert "sequence 4 is stored but was not delivered" in str(report.incomplete)
    assert report.coverage < 1


@pytest.mark.parametrize("what", ["deleted", "is_readable"])
async def test_if_the_server_does_not_answer_about_a_message_it_is_unjudged(what: str) -> None:
    stream = FaultySource([*GOOD[:3], (ORDER, b"{"), *GOOD[3:]])
    stream.unreadable = {2}
    stream.silent[what] = GoneError("not allowed to ask")
    report = await a_pass(stream).run()
    assert (report.verdict, report.incomplete) == (Verdict.CORRUPT, "not allowed to ask")
    assert report.findings_total == {Kind.MALFORMED_EVENT: 1}
    assert (report.messages.unjudged, report.messages.unreadable, sums_hold(report)) == (1, 0, True)


@pytest.mark.parametrize("gone", [False, True])
async def test_sequences_of_a_large_block_about_which_the_server_is_not_asked_are_unread(
    monkeypatch: pytest.MonkeyPatch, *, gone: bool
) -> None:
    monkeypatch.setattr(auditor.scan.account, "MAX_UNDELIVERED_CHECKED", 2)
    monkeypatch.setattr(auditor.scan.account, "MAX_CONCURRENT_REQUESTS", 2)
    stream = FaultySource(GOOD)
    block = {2, 3, 5, 6}
    (stream.unreadable if gone else stream.forgotten).update(block)
    report = await a_pass(stream).run()
    assert report.messages.unreadable == (2 if gone else 0)
    assert report.messages.unjudged == (2 if gone else 4)
    assert report.incomplete is not None
    assert report.verdict is (Verdict.CORRUPT if gone else Verdict.INCONCLUSIVE)


async def test_more_than_a_thousand_sequences_are_requested_one_by_one() -> None:
    stream = FaultySource([(ORDER, event("order-1", version)) for version in range(1, 1_502)])
    stream.unreadable = set(range(1, 1_301))
    stream.forgotten = {1_400}
    account = await classify_undelivered(
        stream, await stream.info(), [(1, 1_300), (1_400, 1_400)], 1_501, time.monotonic_ns, filtered=False
    )
    assert (account.unreadable, account.unread) == ([(1, 1_300)], [(1_400, 1_400)])


async def test_sequences_are_not_requested_for_longer_than_the_limit_and_the_rest_is_unread() -> None:
    stream = FaultySource([(ORDER, event("order-1", version)) for version in range(1, 1_502)])
    stream.unreadable = set(range(1, 1_301))
    seconds = count(0, 10 * NANOSECONDS)  # as if 32 requests took ten seconds
    account = await classify_undelivered(
        stream, await stream.info(), [(1, 1_300)], 1_501, lambda: next(seconds), filtered=False
    )
    assert (account.unreadable, account.unread) == ([(1, 96)], [(97, 1_300)])


async def test_if_every_message_is_delivered_the_server_gets_no_further_request() -> None:
    stream = FaultySource(GOOD)
    stream.silent = {"deleted": GoneError("asked"), "is_readable": GoneError("asked")}
    assert (await a_pass(stream).run()).verdict is Verdict.CLEAN


async def test_each_sequence_that_was_not_delivered_is_in_one_range_of_the_account() -> None:
    stream = InMemorySource(GOOD)
    info = await stream.info()
    stream.purge(1)
    stream.delete(3)
    stream.unreadable = {4}
    account = await classify_undelivered(stream, info, [(1, 1), (3, 4), (7, 7)], 6, time.monotonic_ns, filtered=False)
    assert account == RangeAccount(
        first_seq=2, removed=[(1, 1), (3, 3)], deleted=[(3, 3)], unreadable=[(4, 4)], unread=[(7, 7)]
    )


async def test_in_a_filtered_pass_only_sequences_that_were_not_reached_are_unread() -> None:
    stream = InMemorySource(GOOD)
    stream.delete(3)
    account = await classify_undelivered(
        stream, await stream.info(), [(3, 4), (7, 7)], 6, time.monotonic_ns, filtered=True
    )
    assert account == RangeAccount(first_seq=1, removed=[(3, 3)], deleted=[(3, 3)], unread=[(7, 7)])


@pytest.mark.parametrize(
    ("what", "removed", "unread"), [("deleted", [], [(3, 4)]), ("is_readable", [(3, 3)], [(4, 4)])]
)
async def test_an_account_that_is_not_complete_holds_the_error_and_the_ranges_known_before_it(
    what: str, removed: list[tuple[int, int]], unread: list[tuple[int, int]]
) -> None:
    stream = FaultySource(GOOD)
    stream.delete(3)
    stream.silent[what] = GoneError("no answer")
    account = await classify_undelivered(stream, await stream.info(), [(3, 4)], 7, time.monotonic_ns, filtered=False)
    assert (account.removed, account.unread, account.error) == (removed, unread, "no answer")
