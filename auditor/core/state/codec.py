"""Encodes a checkpoint as bytes and decodes it, in frames, so that a large checkpoint does not stop the event loop.

    tag (1 byte), length of the body (4 bytes, big-endian), body; all of it as one zlib stream

The first frame is the checkpoint without its actors, in msgpack. Frames of `BATCH` rows of the table of actors follow, encoded
as `actor_rows` describes it, and frames of `BATCH` anomalies and of bad snapshots, in msgpack.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from auditor.core.state.actor_table import Actor
from auditor.core.state.checkpoint import Checkpoint
from auditor.core.state.ledger import Anomalies, Ledger, Snapshot
from auditor.units import format_utc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FORMAT = 5
"""Number of the saved format, saved with the bytes. Increase it when a saved field is added, removed, renamed or gets another meaning."""

BATCH = 20_000
"""Entries in one frame, which take about ten milliseconds to encode."""
ZLIB_LEVEL = 1
"""Compression level: a fifth of the size in a third of a second for a million actors."""
READ_SIZE = 1 << 18
"""Compressed bytes that are decompressed at a time."""
HEADER_SIZE = 5

MAIN_TAG, ROWS_TAG = b"m", b"r"
ANOMALIES_TAG, BAD_SNAPSHOTS_TAG = b"t", b"b"
ACTORS_TAG, SNAPSHOTS_TAG = b"a", b"s"
"""Of format 4, which has no frames of rows and of bad snapshots."""
READABLE_FORMATS = (4, FORMAT)


@dataclass(frozen=True, slots=True)
class EncodedCheckpoint:
    """A checkpoint as bytes."""

    data: bytes
    summary: dict[str, object]
    """A summary of the checkpoint, for people."""


def encode_checkpoint(checkpoint: Checkpoint) -> bytes:
    """The checkpoint as bytes. May run in a thread while nothing changes the checkpoint."""
    stream = zlib.compressobj(ZLIB_LEVEL)
    frames = [stream.compress(each) for each in _frames(checkpoint)]
    return b"".join([*frames, stream.flush()])


def decode_checkpoint(data: bytes) -> Checkpoint:
    """The checkpoint that `encode_checkpoint` encoded. Raises ValueError if `data` is damaged or has another format."""
    checkpoint: Checkpoint | None = None
    try:
        for tag, body in _split(data):
            if tag == MAIN_TAG:
                checkpoint = msgspec.msgpack.decode(body, type=Checkpoint, dec_hook=_decode_ledger)
            elif checkpoint is None:
                raise ValueError("a table comes before the checkpoint")
            else:
                LOADERS[tag](checkpoint.state.ledger, body)
    except (zlib.error, msgspec.MsgspecError, UnicodeDecodeError, RecursionError, KeyError, OverflowError) as error:
        raise ValueError(f"it does not decode ({type(error).__name__})") from error
    if checkpoint is None:
        raise ValueError("it is empty")
    return checkpoint


def _encode_ledger(ledger: Any) -> dict[str, object]:
    """Return what the first frame has of the ledger."""
    return {"unjudged": sorted(ledger.unjudged)}


def _decode_ledger(_type: type, saved: Any) -> Ledger:
    """Return the ledger of the first frame. In format 4 its tables were named there, too, and empty."""
    known = msgspec.convert(saved, _LedgerInFirstFrame)
    return Ledger(known.unjudged)


class _LedgerInFirstFrame(msgspec.Struct, forbid_unknown_fields=True):
    unjudged: set[bytes]
    actors: dict[str, None] = {}
    anomalies: dict[str, None] = {}
    snapshots: dict[str, None] = {}


def _load_rows(ledger: Ledger, body: bytes) -> None:
    ledger.table.load(body)


def _load_anomalies(ledger: Ledger, body: bytes) -> None:
    for key, anomalies in msgspec.msgpack.decode(body, type=dict[bytes, Anomalies]).items():
        ledger.set_anomalies(key, anomalies)


def _load_snapshots(ledger: Ledger, body: bytes) -> None:
    ledger.snapshots.update(msgspec.msgpack.decode(body, type=dict[bytes, Snapshot]))


def _load_actors(ledger: Ledger, body: bytes) -> None:
    ledger.actors.update(msgspec.msgpack.decode(body, type=dict[bytes, Actor]))


LOADERS: dict[bytes, Callable[[Ledger, bytes], None]] = {
    ROWS_TAG: _load_rows,
    ANOMALIES_TAG: _load_anomalies,
    BAD_SNAPSHOTS_TAG: _load_snapshots,
    ACTORS_TAG: _load_actors,
    SNAPSHOTS_TAG: _load_snapshots,
}
"""By tag: enters a frame in the ledger."""


def _frames(checkpoint: Checkpoint) -> Iterator[bytes]:
    ledger = checkpoint.state.ledger
    main = msgspec.msgpack.encode(checkpoint, enc_hook=_encode_ledger)
    yield _frame(MAIN_TAG, main)
    for first in range(0, ledger.table.row_count, BATCH):
        yield _frame(ROWS_TAG, ledger.table.dump(first, BATCH))
    for tag, table in ((ANOMALIES_TAG, ledger.anomalies), (BAD_SNAPSHOTS_TAG, ledger.bad_snapshots)):
        entries = iter(table.items())
        while batch := dict(islice(entries, BATCH)):
            yield _frame(tag, msgspec.msgpack.encode(batch))


def _frame(tag: bytes, body: bytes) -> bytes:
    return tag + len(body).to_bytes(HEADER_SIZE - 1, "big") + body


def _split(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    stream = zlib.decompressobj()
    rest = b""
    for at in range(0, len(data), READ_SIZE):
        rest += stream.decompress(data[at : at + READ_SIZE])
        begin = 0
        while len(rest) - begin >= HEADER_SIZE:
            end = begin + HEADER_SIZE + int.from_bytes(rest[begin + 1 : begin + HEADER_SIZE], "big")
            if end > len(rest):
                break
            yield rest[begin : begin + 1], rest[begin + HEADER_SIZE : end]
            begin = end
        rest = rest[begin:]
    if rest or not stream.eof:
        raise ValueError("it ends too soon")


def summary(checkpoint: Checkpoint) -> dict[str, object]:
    """Returns a summary of a checkpoint, for people."""
    return {
        "stream": checkpoint.stream,
        "first_seq": checkpoint.first_seq,
        "last_seq": checkpoint.next_seq - 1,
        "actors": checkpoint.state.ledger.actor_count(),
        "full_pass_at": format_utc(checkpoint.full_pass_started_ns),
    }
