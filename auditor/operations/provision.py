"""Creates the streams of the auditor's own as an administrator, so that the auditor needs no right to create streams."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.canary.stream import CANARY
from auditor.errors import StreamNotFoundError
from auditor.jetstream.api import stream_info
from auditor.operations.selftest import create_canary

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from auditor.app import App
    from auditor.config import QuarantineConfig, StateConfig


async def provision(app: App) -> AsyncIterator[tuple[str, bool]]:
    """Create the quarantine stream, the state stream and the canary. Yields the name of each, and whether it was created.

    Raises QuarantineStreamError or StateError for an existing stream that could lose messages, CanaryError for a canary
    with other contents, and the AuditorErrors of a request.
    """
    own = (app.config.quarantine, app.config.state)
    before = {each.stream: await _exists(app, each) for each in own}
    await app.ensure_own_streams()
    for name, existed in before.items():
        yield name, not existed
    yield CANARY, await create_canary(app)


async def _exists(app: App, own: QuarantineConfig | StateConfig) -> bool:
    try:
        await stream_info(app.client_for(own), own.stream)
    except StreamNotFoundError:
        return False
    return True
