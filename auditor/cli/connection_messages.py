"""Prints a line when the connection to NATS is lost during a command, and when it is restored."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Protocol

from auditor.cli.tables import print_line

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from rich.console import Console

POLL_SECONDS = 0.5


class Connection(Protocol):
    """The connection to NATS, as the messages need it."""

    @property
    def is_connected(self) -> bool:
        """Whether the connection is established."""

    @property
    def last_error_text(self) -> str:
        """The last error of the connection; empty if there was none."""


@asynccontextmanager
async def connection_messages(console: Console, connection: Connection) -> AsyncIterator[None]:
    """Print a line for each change of the connection while the block runs, also without a terminal."""
    following = asyncio.create_task(_print_changes(console, connection), name="connection messages")
    try:
        yield
    finally:
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following


async def _print_changes(console: Console, connection: Connection) -> None:
    was_connected = True
    while True:
        if connection.is_connected is not was_connected:
            was_connected = connection.is_connected
            if was_connected:
                print_line(console, "auditor: connected again")
            else:
                reason = connection.last_error_text or "no answer"
                print_line(console, f"auditor: connection to NATS lost, waiting ({reason}); Ctrl-C ends the scan")
        await asyncio.sleep(POLL_SECONDS)
