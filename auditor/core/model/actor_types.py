"""Which actor types get a label value of their own, so that the number of time series stays bounded."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet

OTHER = "other"
"""Stands for every type without a value of its own."""

MIN_ACTORS_PER_TYPE = 3
"""A type that fewer actors share may be an id itself: the type of a UUID or of a person's name is part of it."""

MAX_TYPES = 100
"""Label values that an audit may add by itself."""


class ActorTypes:
    """The `actor_type` label. Types that were configured are the only ones; without them, types that actors share."""

    def __init__(self, configured: Iterable[str] = ()) -> None:
        self._configured = frozenset(configured)
        self._known: AbstractSet[str] = self._configured

    @property
    def remembered(self) -> frozenset[str]:
        """The types found so far, to be handed to the next pass: a series that exists does not vanish."""
        return frozenset() if self._configured else frozenset(self._known)

    def remember(self, types: Iterable[str]) -> None:
        """Types that were found before."""
        if not self._configured:
            self._known = {*self._known, *types}

    def learn(self, types: Iterable[str]) -> None:
        """`types`: one entry for each actor."""
        if self._configured:
            return
        counts: dict[str, int] = {}
        for name in types:
            counts[name] = counts.get(name, 0) + 1
            if counts[name] == MIN_ACTORS_PER_TYPE and len(self._known) < MAX_TYPES:
                self._known = {*self._known, name}

    def label(self, name: str) -> str:
        """The label value for actors of type `name`."""
        return name if name in self._known else OTHER
