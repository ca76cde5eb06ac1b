"""Keeps the names of consumers that a connection no longer uses and that may still exist. Pure: the time is an argument, in seconds."""

from __future__ import annotations

EXPIRY_SECONDS = 8.0
"""The server removes an unused consumer after 5 s, and takes some time to see that it is unused."""


class OwnConsumers:
    """The consumers of one connection that are not used any more and that the server may still have."""

    def __init__(self) -> None:
        self.may_delete: dict[str, bool] = {}
        """By stream: whether the user may delete its consumers, once that is known."""
        self.account_limit: dict[str, int] = {}
        """By stream: how many consumers it may have because of its account, once that is known; 0 for any number."""
        self._expiry: dict[tuple[str, str], float] = {}
        self._of_copies: set[tuple[str, str]] = set()

    def add(self, stream: str, name: str, now: float, *, is_of_copy: bool = False) -> None:
        """Keep the name of a consumer that is not used from now on. `is_of_copy`: it was created for one copy of the stream."""
        self._expiry[stream, name] = now + EXPIRY_SECONDS
        if is_of_copy:
            self._of_copies.add((stream, name))

    def remove(self, stream: str, name: str) -> None:
        """Forget a consumer that was deleted."""
        self._expiry.pop((stream, name), None)

    def names(self, stream: str, now: float) -> list[str]:
        """Return the unused consumers of `stream` that may exist, the oldest first."""
        self._expiry = {which: expiry for which, expiry in self._expiry.items() if expiry > now}
        self._of_copies &= self._expiry.keys()
        return [name for on, name in self._expiry if on == stream]

    def walks(self, stream: str, now: float) -> int:
        """Return how many of them were not created for one copy of the stream."""
        return sum((stream, name) not in self._of_copies for name in self.names(stream, now))

    def seconds_to_expiry(self, stream: str, now: float) -> float:
        """Return the time until the next unused consumer of `stream` has expired; 0 if there is none."""
        return max(0.0, min((expiry - now for (on, _), expiry in self._expiry.items() if on == stream), default=0.0))
