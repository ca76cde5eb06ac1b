"""A line reports that the connection is lost, and one that it is restored."""

from __future__ import annotations

import asyncio
import io

import pytest
from rich.console import Console

from auditor.cli import connection_messages as messages


class Connection:
    """A connection that a test sets."""

    is_connected = True
    last_error_text = ""


@pytest.mark.parametrize("terminal", [True, False])
async def test_a_lost_and_a_restored_connection_are_each_one_line_also_without_a_terminal(
    terminal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "POLL_SECONDS", 0.01)
    out, connection = io.StringIO(), Connection()
    console = Console(file=out, force_terminal=terminal, color_system=None, width=200)

    async def printed(text: str) -> None:
        async with asyncio.timeout(5):
            while text not in out.getvalue():
                await asyncio.sleep(0.01)

    async with messages.connection_messages(console, connection):
        await asyncio.sleep(0.05)
        assert out.getvalue() == ""
        connection.is_connected, connection.last_error_text = False, "connection refused"
        await printed("lost")
        await asyncio.sleep(0.05)
        connection.is_connected = True
        await printed("again")
    assert out.getvalue() == (
        "auditor: connection to NATS lost, waiting (connection refused); Ctrl-C ends the scan\nauditor: connected again\n"
    )


async def test_the_messages_end_with_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "POLL_SECONDS", 0.01)
    before = asyncio.all_tasks()
    async with messages.connection_messages(Console(file=io.StringIO()), Connection()):
        assert asyncio.all_tasks() != before
    assert asyncio.all_tasks() == before
