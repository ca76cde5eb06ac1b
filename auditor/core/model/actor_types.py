"""Chooses the actor types that become label values of metrics, so that the number of time series is bounded."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet

OTHER = "other"
"""The label value of every type that has none of its own."""

MIN_ACTORS_PER_TYPE = 3
"""Fewer actors do not make a type, because their type may be part of an id, as in a UUID or a name."""

MAX_TYPES = 100
"""Label values that an audit without configured types may add."""


class ActorTypes:
    """The values of the `actor_type` label: the configured types or, if none is configured, types that actors share."""

    def __init__(self, configured: Iterable[str] = ()) -> None:
        self._configured = frozenset(configured)
        self._known: AbstractSet[str] = self._configured

    @property
    def learned(self) -> frozenset[str]:
        """The types learned so far. They are saved, so that a time series that exists does not end."""
        return frozenset() if self._configured else frozenset(self._known)

    def restore(self, types: Iterable[str]) -> None:
        """Add types that an earlier pass learned."""
        if not self._configured:
            self._known = {*self._known, *types}

    def learn(self, types: Iterable[str]) -> None:
        """Add the types that enough actors share. `types` has one entry for each actor."""
        if self._configured:
            return
        counts: dict[str, int] = {}
        for name in types:
            counts[name] = counts.get(name, 0) + 1
            if counts[name] == MIN_ACTORS_PER_TYPE and len(self._known) < MAX_TYPES:
                self._known = {*self._known, name}

    def label(self, name: str) -> str:
        """Returns the label value for actors of type `name`."""
        return name if name in self._known else OTHER
