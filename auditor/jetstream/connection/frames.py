"""Parses the NATS protocol as a server sends it: bytes in, frames out. Pure.

The parser of nats-py splits at all that Python calls whitespace. A server splits only at space, tab, CR and LF. So a
stored subject may hold a vertical tab, a NUL, or bytes that are not UTF-8. This parser passes them on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from auditor.core.model.batch import Batch
    from auditor.jetstream.connection.cutter import Cutter

MAX_LINE_BYTES = 1 << 20
"""Bytes after which a line without an end is an error. The INFO line of a large cluster has tens of KiB."""

MAX_MESSAGE_BYTES = (64 << 20) + (1 << 16)
"""Bytes of the longest message with its header block. A server holds at most 64 MiB for a client by default.

A limit from max_payload would be too low: stored messages may be older than a lowered max_payload, and replies with lists are
longer.
"""

CONTROL = frozenset({b"PING", b"PONG", b"+OK", b"-ERR", b"INFO"})

RawMessage = tuple[bytes, bytes, bytes | None, bytes]
"""Subject, reply subject (empty if none), header block (None if none) and payload, as sent. A plain tuple, for speed."""


class MsgFrame(NamedTuple):
    """A message for a subscription without a handler."""

    sid: int
    subject: bytes
    reply: bytes
    headers: bytes | None
    payload: bytes


class ControlFrame(NamedTuple):
    """A line that is not a message, such as PING or -ERR."""

    op: bytes
    argument: bytes


class Delivery(NamedTuple):
    """The messages of one consumer: what cuts them into batches, and the function that receives the batches."""

    cutter: Cutter
    handler: Callable[[Batch], object]


class ProtocolError(ValueError):
    """The bytes do not follow the protocol, or some are missing, so the connection cannot be used any more."""


class FrameParser:
    """Splits the bytes of one connection into frames, wherever reads have split them."""

    def __init__(
        self,
        handlers: Mapping[bytes, Callable[[RawMessage], object]],
        deliveries: Mapping[bytes, Delivery] | None = None,
    ) -> None:
        """`handlers`: by subscription id, the function that receives its messages. It may change between two calls.

        `deliveries`: by subscription id, who receives in batches what its cutter takes; the handler receives the rest.
        """
        self._handlers = handlers
        self._deliveries = {} if deliveries is None else deliveries
        self._parts: list[bytes] = []
        self._held = 0
        self._needed = 0

    def feed(self, data: bytes) -> list[MsgFrame | ControlFrame]:
        """Call the handlers with their complete messages, and return the other complete frames in order.

        Raises ProtocolError, after which the parser must not be used.
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
        """Return where in `data` the first incomplete frame begins. One flat loop, because every stored message passes it."""
        handlers, deliveries, find, end = self._handlers, self._deliveries, data.find, len(data)
        at = 0
        while True:
            for cutter, receive in deliveries.values():
                batch, at = cutter.cut(data, at)
                if batch is not None:
                    receive(batch)
            eol = find(b"\r\n", at)
            if eol < 0:
                break
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
                raise ProtocolError("a line that the protocol does not have") from None
            if not start <= body <= stop:
                raise ProtocolError("a message line with sizes that contradict each other")
            if stop - start > MAX_MESSAGE_BYTES:
                raise ProtocolError(
                    f"a message of {stop - start} bytes, more than the {MAX_MESSAGE_BYTES} of the largest one"
                )
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
    """Parse a line that is not a message. Raises ValueError."""
    op, _, argument = line.partition(b" ")
    if op not in CONTROL:
        raise ValueError
    return ControlFrame(op, argument)
