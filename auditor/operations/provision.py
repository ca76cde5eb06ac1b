"""What an administrator makes once, so that the auditor needs no right to create streams."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.canary.stream import CANARY
from auditor.errors import StreamNotFoundError
from auditor.jetstream.api import stream_info
from auditor.operations.selftest import create_canary

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from auditor.app import Auditor


async def provision(auditor: Auditor) -> AsyncIterator[tuple[str, bool]]:
    """Make the side stream, the state stream and the canary; each one's name, and whether it was absent.

    Raises QuarantineStreamError and StateError for one that is there and could lose something, CanaryError, other AuditorErrors.
    """
    before = {
        name: await _exists(auditor, name) for name in (auditor.config.quarantine.stream, auditor.config.state.stream)
    }
    await auditor.check_own_streams()
    for name, existed in before.items():
        yield name, not existed
    yield CANARY, await create_canary(auditor)


async def _exists(auditor: Auditor, stream: str) -> bool:
    try:
        await stream_info(auditor.client, stream)
    except StreamNotFoundError:
        return False
    return True
