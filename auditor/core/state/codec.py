"""A memory as bytes and back, in pieces: a million actors are neither packed nor read in one go that stops everything else.

    tag (1 byte), length of the body (4 bytes, big-endian), body (msgpack); all of it as one zlib stream

The first piece is the memory without its actors; the tables of the ledger follow, a batch a piece.
"""

from __future__ import annotations

import zlib
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from auditor.core.state.checkpoint import Checkpoint
from auditor.core.state.examiner import AuditState
from auditor.core.state.ledger import Actor, Anomalies, Ledger, Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator

FORMAT = 2
"""Format of the bytes, saved beside them: it changes whenever a saved field is added, removed, renamed or gets another meaning."""

BATCH = 20_000
"""Entries in one piece: about ten milliseconds."""
LEVEL = 1
"""Of compression: a fifth of the size in a third of a second for a million actors."""
FEED = 1 << 18
"""Compressed bytes that are taken at a time."""
HEADER = 5

MAIN = b"m"
TABLES: dict[bytes, tuple[str, Any]] = {
    b"a": ("actors", dict[bytes, Actor]),
    b"t": ("anomalies", dict[bytes, Anomalies]),
    b"s": ("snapshots", dict[bytes, Snapshot]),
}
"""By tag: a table of the ledger, and its type."""


def encode_checkpoint(memory: Checkpoint) -> bytes:
    """`memory` as bytes. May run in a thread while nobody changes the memory."""
    stream = zlib.compressobj(LEVEL)
    pieces = [stream.compress(each) for each in _frames(memory)]
    return b"".join([*pieces, stream.flush()])


def decode_checkpoint(data: bytes) -> Checkpoint:
    """The memory that `encode_checkpoint` made `data` of. Raises ValueError if it is none, or of another format."""
    memory: Checkpoint | None = None
    try:
        for tag, body in _split(data):
            if tag == MAIN:
                memory = msgspec.msgpack.decode(body, type=Checkpoint)
            elif memory is None:
                raise ValueError("a table comes before the memory")
            else:
                name, kind = TABLES[tag]
                getattr(memory.state.ledger, name).update(msgspec.msgpack.decode(body, type=kind))
    except (zlib.error, msgspec.MsgspecError, KeyError) as error:
        raise ValueError(f"it is not what was packed ({type(error).__name__})") from error
    if memory is None:
        raise ValueError("it is empty")
    return memory


def _frames(memory: Checkpoint) -> Iterator[bytes]:
    ledger = memory.state.ledger
    bare = AuditState(Ledger(unjudged=ledger.unjudged), memory.state.segments)
    yield _piece(MAIN, msgspec.structs.replace(memory, state=bare))
    for tag, (name, _) in TABLES.items():
        entries = iter(getattr(ledger, name).items())
        while batch := dict(islice(entries, BATCH)):
            yield _piece(tag, batch)


def _piece(tag: bytes, value: object) -> bytes:
    body = msgspec.msgpack.encode(value)
    return tag + len(body).to_bytes(HEADER - 1, "big") + body


def _split(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    stream = zlib.decompressobj()
    rest = b""
    for at in range(0, len(data), FEED):
        rest += stream.decompress(data[at : at + FEED])
        begin = 0
        while len(rest) - begin >= HEADER:
            end = begin + HEADER + int.from_bytes(rest[begin + 1 : begin + HEADER], "big")
            if end > len(rest):
                break
            yield rest[begin : begin + 1], rest[begin + HEADER : end]
            begin = end
        rest = rest[begin:]
    if rest or not stream.eof:
        raise ValueError("it ends too soon")
