"""The delay between attempts of one action. Pure: the caller waits."""

from __future__ import annotations

from typing import Generic, TypeVar

Duration = TypeVar("Duration", int, float)


class RetryDelay(Generic[Duration]):
    """Gives the delay after each failure: `minimum` first, then twice the last one, never more than `maximum`."""

    def __init__(self, minimum: Duration, maximum: Duration) -> None:
        """Both in the same unit, which is also that of `next`."""
        self._minimum: Duration = minimum
        self._maximum: Duration = maximum
        self._next: Duration = minimum

    def next(self) -> Duration:
        """Return the delay before the next attempt."""
        delay = self._next
        self._next = min(2 * delay, self._maximum)
        return delay

    def reset(self) -> None:
        """Start again with `minimum`, because an attempt succeeded."""
        self._next = self._minimum
