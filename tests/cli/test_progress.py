"""The progress bar."""

from __future__ import annotations

import asyncio
import io

from rich.console import Console

from auditor.cli.progress import progress_bar
from auditor.core.model.passes import Outcome, Progress


async def test_a_terminal_sees_rate_and_time_left_move() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=120)
    progress = Progress(first_seq=1, last_seq=100)
    async with progress_bar(console, "orders", progress):
        for seq in range(1, 101, 25):
            progress.seq = seq
            progress.outcomes[Outcome.OK] = seq
            await asyncio.sleep(0.15)
    shown = out.getvalue()
    assert "orders" in shown
    assert "messages/s" in shown


async def test_nothing_is_shown_where_there_is_no_terminal() -> None:
    out = io.StringIO()
    async with progress_bar(Console(file=out, force_terminal=False), "orders", Progress()):
        await asyncio.sleep(0.3)
    assert out.getvalue() == ""
