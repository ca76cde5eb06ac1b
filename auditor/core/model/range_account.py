"""How many messages a stream holds on a subject, and how many of them nobody is given."""

from __future__ import annotations

import msgspec


class SubjectCount(msgspec.Struct, array_like=True):
    """A subject of an audit that reads only some."""

    stored: int = 0
    """Messages that the stream must count there if it holds what came and what did not."""
    unreadable: int = 0
    """Those that did not come."""
    noticed_seq: int = 0
    """Where the stream ended when that was noticed."""
