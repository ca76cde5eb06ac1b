"""Full passes over healthy copies while others change the stream: no copy is called damaged.

Deleted and expired messages give the findings of the stream that they always give. Each workload has a stream of its own, and all
run at the same time.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from auditor.core.model.passes import Verdict
from auditor.scan.request import PassRequest, StartFrom
from tests.live.replicas.accused import accused
from tests.live.replicas.laboratory import ReplicaLaboratory, event_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.core.report.pass_report import PassReport

pytestmark = pytest.mark.asyncio(loop_scope="module")

LAST_SEQ = 10_000
PER_SUBJECT = 900
NANOSECONDS = 10**9
MAX_FINDINGS = 100_000
"""More than there are: each deleted message gives findings of the stream."""


async def append(lab: ReplicaLaboratory, stream: str, rate: int) -> None:
    """Store events, `rate` a second, as versions that continue those that are stored."""
    step = rate // 10
    for first in itertools.count(LAST_SEQ + 1, step):
        await lab.publish(event_at(stream, seq) for seq in range(first, first + step))
        await asyncio.sleep(0.1)


async def _ask(lab: ReplicaLaboratory, subject: str, **body: Any) -> None:
    """Send a request that the server may refuse, as it refuses to delete a message that is gone."""
    await lab.client.request(f"$JS.API.{subject}", json.dumps(body).encode())


async def delete(lab: ReplicaLaboratory, stream: str, _: int) -> None:
    """Delete messages at random and near the end, one by one."""
    chance = random.Random(stream)
    while True:
        state = await lab.state(stream)
        for _ in range(20):
            await _ask(lab, f"STREAM.MSG.DELETE.{stream}", seq=chance.randint(state["first_seq"], state["last_seq"]))
        await _ask(lab, f"STREAM.MSG.DELETE.{stream}", seq=state["last_seq"] - chance.randint(0, 5))


async def purge_subjects(lab: ReplicaLaboratory, stream: str, _: int) -> None:
    for actor in itertools.cycle(range(1, 11)):
        await _ask(lab, f"STREAM.PURGE.{stream}", filter=f"{stream}.events.order.order-{actor}", keep=50)
        await asyncio.sleep(0.1)


async def purge_up_to_a_sequence(lab: ReplicaLaboratory, stream: str, _: int) -> None:
    while True:
        state = await lab.state(stream)
        await _ask(lab, f"STREAM.PURGE.{stream}", seq=state["first_seq"] + state["messages"] // 20 + 1)
        await asyncio.sleep(0.1)


WORKLOADS: dict[str, tuple[dict[str, Any], Sequence[Any]]] = {
    "APPENDS": ({}, [append]),
    "DELETES": ({}, [append, delete]),
    "PURGES-BY-SUBJECT": ({}, [append, purge_subjects]),
    "PURGES-BY-SEQUENCE": ({}, [append, purge_up_to_a_sequence]),
    "MAX-MSGS": ({"max_msgs": LAST_SEQ}, [append]),
    "MAX-BYTES": ({"max_bytes": 2_000_000}, [append]),
    "MAX-PER-SUBJECT": ({"max_msgs_per_subject": PER_SUBJECT}, [append]),
    "MAX-AGE": ({"max_age": 5 * NANOSECONDS, "duplicate_window": NANOSECONDS}, [append]),
}


async def disturbed(lab: ReplicaLaboratory, stream: str, passes: int, rate: int) -> list[PassReport]:
    """Return the reports of full passes over a stream that its workload changes, with `rate` new events a second."""
    settings, disturb = WORKLOADS[stream]
    await lab.create(stream, **settings)
    await lab.store(stream, 1, LAST_SEQ)
    tasks = [asyncio.create_task(each(lab, stream, rate)) for each in disturb]
    try:
        audit = lab.audit(stream)
        async with lab.auditor(audit) as auditor:
            reports = [
                await auditor.run_to_end(PassRequest(audit, StartFrom.BEGINNING, MAX_FINDINGS)) for _ in range(passes)
            ]
        assert not [task for task in tasks if task.done()]
        return reports
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def false_findings(report: PassReport) -> list[object]:
    found: list[object] = list(accused(report))
    found += [
        each for each in report.findings if each.kind in ("unreadable_message", "lost_messages", "history_changed")
    ]
    if report.incomplete is not None and "copies" not in report.incomplete:
        found.append(report.incomplete)
    return found


async def test_what_healthy_copies_do_at_different_times_is_no_damage(lab: ReplicaLaboratory) -> None:
    found = await asyncio.gather(*(disturbed(lab, stream, 3, 1_000) for stream in WORKLOADS))
    for stream, reports in zip(WORKLOADS, found, strict=True):
        assert [false_findings(report) for report in reports] == [[], [], []], stream
        assert reports[0].replicas.read == 3


@pytest.mark.soak
@pytest.mark.parametrize("stream", WORKLOADS)
async def test_in_many_passes_what_healthy_copies_do_at_different_times_is_no_damage(
    lab: ReplicaLaboratory, stream: str
) -> None:
    reports = await disturbed(lab, stream, 25, 5_000)
    assert [found for report in reports if (found := false_findings(report))] == []
    assert sum(report.verdict is not Verdict.INCONCLUSIVE for report in reports) >= 20
