"""Counts the copies of a replicated stream: how far each reaches, and how many messages it lacks by its count."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from auditor.core.replicas.census import Census, CopyBehind, CopyCount, lacking
from auditor.retry_delay import RetryDelay

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auditor.core.model.message import StreamInfo
    from auditor.core.replicas.record import ReplicaHistory
    from auditor.scan.ports import Source

BEHIND_SECONDS = 10.0
"""Time that a copy gets to reach the pinned end."""
MIN_WAIT_SECONDS, MAX_WAIT_SECONDS = 0.1, 2.0
"""Bounds of the wait before copies that are behind are counted again."""
COUNT_AGAIN_SECONDS = (0.3, 1.0)
"""Waits before copies whose counts differ are counted again."""
NO_SERVER = "(no server)"


async def take_census(source: Source, info: StreamInfo) -> Census:
    """Count every copy of the stream. Waits for copies that end before the last sequence of `info`.

    Raises the AuditorErrors of a source.
    """
    copies, absent = await _count(source, [peer.name for peer in info.peers if not peer.is_offline])
    absent |= {peer.name: "its server is offline" for peer in info.peers if peer.is_offline}
    clock, delay = asyncio.get_running_loop().time, RetryDelay(MIN_WAIT_SECONDS, MAX_WAIT_SECONDS)
    deadline, before = clock() + BEHIND_SECONDS, copies
    while (behind := _ending_before(info.last_seq, copies)) and clock() < deadline:
        await asyncio.sleep(delay.next())
        again, _ = await _count(source, behind)
        copies = copies | again
    lacks = lacking(copies, copies, info.last_seq)
    for wait in COUNT_AGAIN_SECONDS if lacks else ():
        await asyncio.sleep(wait)
        later, _ = await _count(source, list(copies))
        still = lacking(copies, later, info.last_seq)
        lacks = {name: min(lacks[name], still[name]) for name in lacks.keys() & still.keys()}
        if not lacks:
            break
    for number in range(info.replicas - len(info.peers)):
        absent[NO_SERVER + f" {number + 1}" * bool(number)] = f"the stream has only {len(info.peers)} servers"
    return Census(copies, absent, await _describe(source, behind, before, copies) if behind else {}, lacks)


def _ending_before(last_seq: int, copies: Mapping[str, CopyCount]) -> list[str]:
    return [name for name, each in copies.items() if each.last_seq < last_seq]


async def _describe(
    source: Source, behind: list[str], before: Mapping[str, CopyCount], copies: Mapping[str, CopyCount]
) -> dict[str, CopyBehind]:
    peers = {peer.name: peer for peer in (await source.info()).peers}
    found = {}
    for name in behind:
        reached, peer = copies[name].last_seq, peers.get(name)
        is_current = peer is not None and peer.is_current and not peer.lag
        found[name] = CopyBehind(reached, reached > before[name].last_seq, is_current, peer.lag if peer else 0)
    return found


async def _count(source: Source, names: list[str]) -> tuple[dict[str, CopyCount], dict[str, str]]:
    counted = await source.count_copies(names)
    copies = {name: each for name, each in counted.items() if not isinstance(each, str)}
    return copies, {name: each for name, each in counted.items() if isinstance(each, str)}


def judged_copy(info: StreamInfo, census: Census, known: ReplicaHistory) -> str:
    """The server whose copy a pass judges: the leader, if its copy is whole as far as is known, else one whose copy is."""
    others = sorted(name for name in census.copies if name != info.leader)
    reading = [name for name in (info.leader, *others) if name in census.copies and name not in census.behind]
    whole = [name for name in reading if name not in census.lacking and not known.is_damaged(name)]
    return next(iter((*whole, *reading)), info.leader)


def info_of_best_copy(info: StreamInfo, census: Census | None) -> StreamInfo:
    """Stream info, which describes the leader's copy, with the first sequence of the copy that begins first.

    What the copy of the leader alone has lost at its start has not left the stream.
    """
    if census is None:
        return info
    firsts = [each.first_seq for name, each in census.copies.items() if name not in census.behind]
    return replace(info, first_seq=min([info.first_seq, *firsts]))


def info_of_copy(info: StreamInfo, census: Census | None, name: str) -> StreamInfo:
    """Stream info, which describes the leader's copy, with the first sequence and the count of another copy."""
    if census is None or name == info.leader or name not in census.copies:
        return info
    count = census.copies[name]
    return replace(info, first_seq=count.first_seq, messages=count.count)
