"""Saved state, as the operations describe and delete it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import auditor
from auditor.core.model.findings import Kind
from auditor.core.state.checkpoint import CheckpointKind
from auditor.errors import StateFormatError, StateNewerError
from auditor.operations.accept import accept_findings
from auditor.operations.saved_state import StateDescription, describe_state, reset_state
from auditor.scan.request import PassRequest
from tests.operations.conftest import AUDIT

if TYPE_CHECKING:
    from auditor.app import App


async def test_before_the_first_pass_nothing_is_saved(app: App) -> None:
    assert await describe_state(app, AUDIT) == StateDescription(None, ())
    assert await reset_state(app, AUDIT) is False


async def test_what_a_pass_saved_is_described_and_deleted_and_acceptances_stay(app: App) -> None:
    await app.run_to_end(PassRequest(AUDIT))
    await accept_findings(app, AUDIT, Kind.MALFORMED_EVENT, None, "known")
    state = await describe_state(app, AUDIT)
    assert state.accepted == (Kind.MALFORMED_EVENT,)
    assert state.saved is not None
    assert state.saved.version == auditor.__version__
    assert state.saved.size > 0
    assert state.saved.saved_ns == app.state_store(AUDIT).saved_ns
    (kind, summary), *others = state.saved.checkpoints.items()
    assert (kind, others) == (CheckpointKind.COMPLETED, [])
    assert (summary["stream"], summary["first_seq"], summary["last_seq"], summary["actors"]) == ("S", 1, 5, 1)
    assert await reset_state(app, AUDIT) is True
    assert await describe_state(app, AUDIT) == StateDescription(None, (Kind.MALFORMED_EVENT,))


@pytest.mark.parametrize(
    ("manifest", "error"),
    [(b"{", StateFormatError), (b'{"schema": "aether-auditor/state/2"}', StateNewerError)],
)
async def test_state_that_cannot_be_read_is_an_error_and_can_be_deleted(
    app: App, manifest: bytes, error: type[Exception]
) -> None:
    await app.run_to_end(PassRequest(AUDIT))
    await app.client.request("aether.audit.orders.head", manifest)  # answered once it is stored
    with pytest.raises(error):
        await describe_state(app, AUDIT)
    assert await reset_state(app, AUDIT) is True
    assert await describe_state(app, AUDIT) == StateDescription(None, ())
