"""The NATS wire protocol as a server speaks it: bytes in, frames out. Pure.

nats-py's own parser splits at whatever Python calls whitespace. A server splits at space, tab, CR and LF alone, so a
stored subject may hold a vertical tab, a NUL or bytes that are no UTF-8; here they are bytes like any other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_LINE_BYTES = 1 << 20
"""Bytes of a line without an end that are no longer waited for; the INFO of a large cluster has tens of KiB."""

CONTROL = frozenset({b"PING", b"PONG", b"+OK", b"-ERR", b"INFO"})

RawMessage = tuple[bytes, bytes, bytes | None, bytes]
"""Subject, reply (empty if none), header block (None if none) and payload, untouched. A bare tuple: millions are made."""


class MsgFrame(NamedTuple):
    """A message for a subscription that takes no raw ones."""

    sid: int
    subject: bytes
    reply: bytes
    headers: bytes | None
    payload: bytes


class ControlFrame(NamedTuple):
    """A line that is no message, such as PING or -ERR."""

    op: bytes
    argument: bytes


class ProtocolError(ValueError):
    """These bytes do not come from a NATS server, or some are missing: the connection is of no more use."""


class FrameParser:
    """Cuts the bytes of one connection into frames, wherever reads happened to cut them."""

    def __init__(self, handlers: Mapping[bytes, Callable[[RawMessage], object]]) -> None:
        """`handlers`: by subscription id, what takes that subscription's messages; it may change between two calls."""
        self._handlers = handlers
        self._parts: list[bytes] = []
        self._held = 0
        self._needed = 0

    def feed(self, data: bytes) -> list[MsgFrame | ControlFrame]:
        """Everything that is complete now and has no handler, in order; what has one has then been given to it.

        Raises ProtocolError; the parser must not be fed again after that.
        """
        if self._parts:
            self._parts.append(data)
            self._held += len(data)
            if self._held < self._needed:
                return []
            data = b"".join(self._parts)
        others: list[MsgFrame | ControlFrame] = []
        at = self._parse(data, others)
        rest = data[at:]
        self._parts = [rest] if rest else []
        self._held = len(rest)
        return others

    def _parse(self, data: bytes, others: list[MsgFrame | ControlFrame]) -> int:
        """Where in `data` the first incomplete frame begins. Every stored message passes here, so this loop is flat."""
        handlers, find, end = self._handlers, data.find, len(data)
        at = 0
        while (eol := find(b"\r\n", at)) >= 0:
            start = eol + 2
            words = data[at:eol].split(b" ")
            op, reply = words[0], b""
            try:
                if op == b"HMSG":
                    if len(words) == 6:
                        _, subject, sid, reply, header_size, size = words
                    else:
                        _, subject, sid, header_size, size = words
                    body, stop = start + int(header_size), start + int(size)
                elif op == b"MSG":
                    if len(words) == 5:
                        _, subject, sid, reply, size = words
                    else:
                        _, subject, sid, size = words
                    body, stop = start, start + int(size)
                else:
                    others.append(_control(data[at:eol]))
                    at = start
                    continue
            except ValueError:
                raise ProtocolError("a line that is none of the protocol's") from None
            if not start <= body <= stop:
                raise ProtocolError("a message line that contradicts itself")
            if stop + 2 > end:
                self._needed = stop + 2 - at
                return at
            headers = data[start:body] if op == b"HMSG" else None
            at = stop + 2
            handler = handlers.get(sid)
            if handler is not None:
                handler((subject, reply, headers, data[body:stop]))
            elif sid.isdigit():
                others.append(MsgFrame(int(sid), subject, reply, headers, data[body:stop]))
            else:
                raise ProtocolError("a message without a subscription id")
        if end - at > MAX_LINE_BYTES:
            raise ProtocolError("a line without an end")
        self._needed = end - at + 1
        return at


def _control(line: bytes) -> ControlFrame:
    """Raises ValueError."""
    op, _, argument = line.partition(b" ")
    if op not in CONTROL:
        raise ValueError
    return ControlFrame(op, argument)
