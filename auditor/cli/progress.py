"""Shows a progress bar during a pass, on terminals only."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from rich.console import Console

    from auditor.core.model.passes import Progress as PassProgress

REFRESH_SECONDS = 0.2


@asynccontextmanager
async def progress_bar(console: Console, name: str, progress: PassProgress) -> AsyncIterator[None]:
    """Show the share that is read, the rate and the time left while the block runs; nothing without a terminal."""
    if not console.is_terminal:
        yield
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(show_speed=True),
        TextColumn("{task.fields[rate]}", markup=False),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(name, total=1.0, rate="")

        async def follow() -> None:
            started = asyncio.get_running_loop().time()
            while True:
                await asyncio.sleep(REFRESH_SECONDS)
                seconds = asyncio.get_running_loop().time() - started
                examined = sum(progress.outcomes.values())
                bar.update(task, completed=progress.ratio, rate=f"{examined / seconds:,.0f} messages/s")

        following = asyncio.create_task(follow(), name="progress bar")
        try:
            yield
        finally:
            following.cancel()
            with suppress(asyncio.CancelledError):
                await following
