"""The example of docs/event-store.md works."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auditor.embedded_server import EmbeddedServer

PAGE = Path(__file__).parent.parent.parent / "docs" / "event-store.md"


async def test_the_example_runs_unchanged(server: EmbeddedServer) -> None:
    example = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    program = example[1].replace("nats://127.0.0.1:4222", server.url)
    outputs = []
    for _ in range(2):
        running = await asyncio.create_subprocess_exec(
            sys.executable,
            "-W",
            "always",
            "-c",
            program,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        outputs.append(await asyncio.wait_for(running.communicate(), 30))
    assert outputs[0] == (b"1 OrderPlaced\n", b"")
    assert b"DuplicateEventError: event 'evt-1': not stored" in outputs[1][1]  # the same id, for another version
