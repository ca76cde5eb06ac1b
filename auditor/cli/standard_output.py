"""Writes to stdout and stderr without exceptions: a reader that has gone is no error, any other failure is kept."""

from __future__ import annotations

import io
import os
import select
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class StandardOutput(io.RawIOBase):
    """A file descriptor for output. After the first failed write it discards what is written."""

    def __init__(self, descriptor: int) -> None:
        """`descriptor` stays open when this object is closed."""
        self._file = io.FileIO(descriptor, "wb", closefd=False)
        self._broken = False
        self.failure: str | None = None
        """Why a write failed, in the words of the system; None if none did or only the reader has closed the pipe."""

    def write(self, data: ReadableBuffer, /) -> int | None:
        """Write `data`, or a part of it, and return how many bytes that were."""
        while not self._broken:
            try:
                written = self._file.write(data)
                if written is not None:
                    return written
                select.select([], [self._file], [])  # the pipe is full, and another process made it non-blocking
            except BrokenPipeError:
                self._broken = True
            except OSError as error:
                self._broken, self.failure = True, error.strerror or type(error).__name__
        return memoryview(data).nbytes

    def writable(self) -> bool:
        """Return True."""
        return True

    def isatty(self) -> bool:
        """Return whether the output is a terminal."""
        return self._file.isatty()

    def fileno(self) -> int:
        """Return the file descriptor."""
        return self._file.fileno()


def replace_standard_output() -> StandardOutput | None:
    """Let sys.stdout and sys.stderr write through `StandardOutput`, and return that of stdout.

    What a caller closed is replaced by the null device. Return None if that is stdout.
    """
    if sys.stderr is None:  # print would write to stdout instead
        sys.stderr = _null()
    else:
        sys.stderr = _text(StandardOutput(sys.stderr.fileno()), sys.stderr, is_line_buffered=True)
    if sys.stdout is None:
        sys.stdout = _null()
        return None
    output = StandardOutput(sys.stdout.fileno())
    sys.stdout = _text(output, sys.stdout, is_line_buffered=output.isatty())
    return output


def _text(output: StandardOutput, like: TextIO, *, is_line_buffered: bool) -> TextIO:
    # What the encoding of the locale does not have is written as an escape sequence.
    return io.TextIOWrapper(
        io.BufferedWriter(output),
        encoding=like.encoding,
        errors="backslashreplace",
        line_buffering=is_line_buffered,
    )


def _null() -> TextIO:
    return Path(os.devnull).open("w", encoding="utf-8")
