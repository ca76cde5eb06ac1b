"""Turns the signals that stop a process into an event."""

from __future__ import annotations

import asyncio
import signal


def stop_signal() -> asyncio.Event:
    """Returns an event that SIGTERM and SIGINT set from now on, instead of ending the process."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop
