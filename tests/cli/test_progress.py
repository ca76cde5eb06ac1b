"""The progress bar."""

from __future__ import annotations

import asyncio
import io

from rich.console import Console

from auditor.cli.progress import progress_bar
from auditor.core.model.passes import Outcome, Progress


async def test_a_terminal_shows_the_rate_and_the_time_left() -> None:
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


async def test_without_a_terminal_nothing_is_shown() -> None:
    out = io.StringIO()
    async with progress_bar(Console(file=out, force_terminal=False), "orders", Progress()):
        await asyncio.sleep(0.3)
    assert out.getvalue() == ""
