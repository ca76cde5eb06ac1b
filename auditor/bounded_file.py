"""Reads small files, up to a limit, so that a wrong path does not fill the memory."""

from __future__ import annotations

import errno
from pathlib import Path


def read_bounded(path: Path | str, max_bytes: int) -> bytes:
    """Return the content of the file at `path`. Raises OSError if it cannot be read, or if it is longer than `max_bytes`."""
    with Path(path).open("rb") as file:
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise OSError(errno.EFBIG, f"it is longer than {max_bytes} bytes")
    return data
