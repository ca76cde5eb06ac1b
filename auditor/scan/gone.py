"""Asks the server whether messages that it no longer returns were removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.core.model.ranges import intersects_open_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.core.model.message import StreamInfo
    from auditor.scan.ports import Source


async def first_unexplained(source: Source, info: StreamInfo, gone: Sequence[int]) -> int | None:
    """Returns the first sequence of `gone` that was neither deleted nor has expired; None if there is none.

    Raises the AuditorErrors of a source.
    """
    now, listed = await source.deleted(info)
    explained = [(0, now.first_seq - 1), *listed]
    return next((seq for seq in gone if not intersects_open_interval(explained, seq - 1, seq + 1)), None)
