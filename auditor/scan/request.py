"""What a pass is asked to do."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING

from auditor.core.model.passes import Progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from auditor.config import AuditConfig

MIN_FINDINGS_LISTED = 1000
"""Findings of each kind that a checkpoint keeps one by one, at least; more are only counted."""


class StartFrom(Enum):
    """What a pass starts from."""

    AUTO = auto()
    """The full pass in progress if there is one, a new full pass if one is due, else the last completed pass."""
    INCREMENTAL = auto()
    """The last completed pass; the full pass in progress or a new one only if there is none."""
    BEGINNING = auto()
    """The start of the stream, whatever is saved."""


@dataclass(frozen=True, slots=True)
class PassRequest:
    """One pass of one audit, and how its caller observes and ends it."""

    audit: AuditConfig
    start_from: StartFrom = StartFrom.AUTO
    max_findings: int = MIN_FINDINGS_LISTED
    """Findings listed in the report, at most."""
    should_yield: Callable[[], bool] = lambda: False
    """Called at each checkpoint of a full pass: whether the pass should stop there, to be continued by another pass."""
    interrupt: asyncio.Event = field(default_factory=asyncio.Event)
    """Set to end the walk early. The pass is then inconclusive, unless it is corrupt already."""
    progress: Progress = field(default_factory=Progress)
    """Written by the walk."""

    @property
    def detail_limit(self) -> int:
        """Findings of each kind that the checkpoint keeps one by one."""
        return max(MIN_FINDINGS_LISTED, self.max_findings)
