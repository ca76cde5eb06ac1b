"""Cuts the bytes of a connection into batches of the messages that one consumer delivers.

A cutter takes messages of one exact form and stops at anything else, which `FrameParser` then parses:

    [H]MSG <subject> <sid> <prefix><sequence>.<consumer sequence>.<time>.<pending>[.<token>] [<header size>] <size>

Both twins take the same messages.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.core.model.batch import ListBatch
from auditor.core.model.message import StoredMessage
from auditor.speedups import compiled

MAX_NUMBER = 1 << 62
"""The largest number that is taken."""
MAX_LINE_BYTES = 4_200
"""Bytes that a message line has at most after its operation, with CR. A server allows 4,096 by default."""


class PythonCutter:
    """Takes the messages for one subscription whose reply subjects begin with one prefix."""

    def __init__(self, sid: bytes, prefix: bytes) -> None:
        number = rb"([0-9]{1,19})"
        numbers = rb"\.".join([number] * 4)
        line = rb"(H)?MSG ([^ \r]+) %b %b%b(?:\.[^ \r]*)?(?(1) ([0-9]{1,19})) ([0-9]{1,19})\r\n"
        self._match = re.compile(line % (re.escape(sid), re.escape(prefix), numbers)).match

    def cut(self, data: bytes, at: int) -> tuple[ListBatch | None, int]:
        """Return the messages at offset `at` of `data`, and the offset behind them; None if there is no message."""
        messages: list[StoredMessage] = []
        first_consumer_seq = expected = last_seq = pending = 0
        end = len(data)
        while line := self._match(data, at):
            has_headers, subject, *texts, header_text, size_text = line.groups()
            seq, consumer_seq, time_ns, to_deliver = map(int, texts)
            header_size, size = int(header_text or b"0"), int(size_text)
            start = line.end()
            body, stop = start + header_size, start + size
            if header_size > size or stop + 2 > end or data[stop : stop + 2] != b"\r\n":
                break
            if max(seq, consumer_seq, time_ns, to_deliver) > MAX_NUMBER or start - 2 - line.start(2) >= MAX_LINE_BYTES:
                break
            if messages:
                if consumer_seq != expected or seq <= last_seq:
                    break
            elif seq < 1 or consumer_seq < 1:
                break
            else:
                first_consumer_seq = consumer_seq
            messages.append(
                StoredMessage(seq, time_ns, subject, data[start:body] if has_headers else None, data[body:stop])
            )
            expected, last_seq, pending, at = consumer_seq + 1, seq, to_deliver, stop + 2
        return (ListBatch(messages, first_consumer_seq, pending) if messages else None), at


class CompiledCutter:
    """The compiled twin of `PythonCutter`."""

    def __init__(self, sid: bytes, prefix: bytes) -> None:
        assert compiled is not None
        self._cut, self._sid, self._prefix = compiled.cut, sid, prefix

    def cut(self, data: bytes, at: int) -> tuple[ListBatch | None, int]:
        """As `PythonCutter.cut`."""
        return self._cut(data, at, self._sid, self._prefix, StoredMessage)  # type: ignore[no-any-return]


if TYPE_CHECKING:
    Cutter = PythonCutter
else:
    Cutter = PythonCutter if compiled is None else CompiledCutter
