"""Describes and deletes the saved state of an audit."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.core.state.checkpoint import CheckpointKind
from auditor.errors import StateFormatError, StateNewerError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auditor.app import App
    from auditor.config import AuditConfig
    from auditor.core.model.findings import Kind


@dataclass(frozen=True, slots=True)
class SavedState:
    """What was saved last."""

    saved_ns: int
    """Nanoseconds since 1970."""
    version: str
    """Version of the auditor that saved it."""
    size: int
    """Bytes of all parts."""
    checkpoints: Mapping[CheckpointKind, Mapping[str, object]]
    """The saved summary of each checkpoint: `stream`, `first_seq`, `last_seq`, `actors`, `full_pass_at`."""


@dataclass(frozen=True, slots=True)
class StateDescription:
    """The saved state and the acceptances of one audit."""

    saved: SavedState | None
    """None if nothing is saved."""
    accepted: tuple[Kind, ...]
    """Kinds with an acceptance, sorted."""


async def describe_state(app: App, audit: AuditConfig) -> StateDescription:
    """The saved state of `audit`. Raises StateFormatError if it is damaged, StateNewerError, and the AuditorErrors of a request."""
    manifest = await app.part_store(audit).load_manifest()
    accepted = tuple(sorted(await app.acceptances(audit).load()))
    if manifest is None or not manifest.parts:
        return StateDescription(None, accepted)
    saved = SavedState(
        saved_ns=manifest.saved_ns,
        version=manifest.auditor,
        size=sum(part.size for part in manifest.parts.values()),
        checkpoints={kind: manifest.parts[kind].about for kind in CheckpointKind if kind in manifest.parts},
    )
    return StateDescription(saved, accepted)


async def reset_state(app: App, audit: AuditConfig) -> bool:
    """Delete the saved state of `audit`, damaged or not, but no acceptance. Returns whether anything was saved.

    Raises the AuditorErrors of a request.
    """
    checkpoints = app.part_store(audit)
    try:
        manifest = await checkpoints.load_manifest()
    except (StateFormatError, StateNewerError):
        await checkpoints.save({}, time.time_ns())  # an empty manifest replaces the one that cannot be read
        return True
    if manifest is None or not manifest.parts:
        return False
    await checkpoints.save(dict.fromkeys(manifest.parts), time.time_ns())
    return True
