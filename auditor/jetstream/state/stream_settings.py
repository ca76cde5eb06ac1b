"""The settings of the state stream, under which it keeps what is saved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.errors import StateError
from auditor.jetstream.own_streams import OwnedStream

if TYPE_CHECKING:
    from auditor.config import StateConfig

MAX_BYTES = 1 << 29
"""Enough for several audits of a million actors.

Such an audit takes up to 64 MB in two generations, and as much again during a full pass.
"""

REQUIRED = {"retention": "limits", "storage": "file", "discard": "new", "allow_rollup_hdrs": True}
"""With these the server refuses what does not fit, and lets the auditor replace what it saved before."""

MUST_BE_UNLIMITED = ("max_age", "max_msgs", "max_msgs_per_subject")
"""Limits under which the server would remove parts of what is saved."""


def state_stream(config: StateConfig) -> OwnedStream:
    """Return the state stream of `config`."""
    return OwnedStream(
        section="state",
        config=config,
        error=StateError,
        what_is_lost="saved state",
        description="The saved state of aether-auditor",
        required=REQUIRED,
        forbidden=("deny_purge", *MUST_BE_UNLIMITED),  # a rollup removes messages, which deny_purge forbids
        max_bytes=MAX_BYTES,
    )
