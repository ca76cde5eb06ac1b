"""The settings of the quarantine stream, under which it keeps every record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.errors import QuarantineStreamError
from auditor.jetstream.own_streams import OwnedStream

if TYPE_CHECKING:
    from auditor.config import QuarantineConfig

REQUIRED = {
    "retention": "limits",
    "storage": "file",
    "discard": "new",
    "discard_new_per_subject": True,
    "max_msgs_per_subject": 1,
}
"""With these the server keeps the first record of a key and refuses every further one."""


def quarantine_stream(config: QuarantineConfig) -> OwnedStream:
    """Return the quarantine stream of `config`. Its settings let an administrator delete records."""
    return OwnedStream(
        section="quarantine",
        config=config,
        error=QuarantineStreamError,
        what_is_lost="records",
        description="Messages that aether-auditor has quarantined, byte for byte",
        required=REQUIRED,
        forbidden=("allow_rollup_hdrs",),  # one publish with a rollup header could remove every record
        max_bytes=config.max_bytes,
        max_age_ns=config.max_age_ns,
    )
