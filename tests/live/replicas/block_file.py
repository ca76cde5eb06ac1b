"""Reads and damages the block files in which nats-server keeps the messages of a stream. Only of a server that is stopped.

A record has its length (4 bytes; the highest bit says that the message has headers), sequence (8), time (8), length of the subject (2), subject,
length of the header block (4) if there is one, header block, body and checksum (8). Numbers have the lowest byte first.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.live.replicas.highwayhash import highwayhash64

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

START = struct.Struct("<IQQH")
CHECKSUM = 8
HAS_HEADERS = 1 << 31
NO_MESSAGE = 0b11 << 62
"""Either bit in a sequence: the record is not of a message that is stored."""


@dataclass(frozen=True, slots=True)
class Record:
    """One message in a block file."""

    seq: int
    at: int
    """Where the record begins, in bytes from the start of the file."""
    size: int
    """Bytes of the record."""


def stream_blocks(stream_folder: Path) -> list[Path]:
    """Return the block files of a stream, in stream order."""
    return sorted((stream_folder / "msgs").glob("*.blk"), key=lambda block: int(block.stem))


def records(data: bytes) -> Iterator[Record]:
    """Yield the stored messages of a block file, in order."""
    at = 0
    while at < len(data):
        length, seq, _, _ = START.unpack_from(data, at)
        size = length & ~HAS_HEADERS
        if not seq & NO_MESSAGE:
            yield Record(seq, at, size)
        at += size


def checksum(stream: str, block: Path, record: bytes) -> bytes:
    """Return the checksum that nats-server computes for a record of this stream and file."""
    length, _, _, subject = START.unpack_from(record)
    hashed = record[4 : START.size - 2] + record[START.size : START.size + subject]
    rest = record[START.size + subject : -CHECKSUM]
    hashed += rest[4:] if length & HAS_HEADERS else rest
    return highwayhash64(hashlib.sha256(f"{stream}-{block.stem}".encode()).digest(), hashed)


def find_record(stream_folder: Path, seq: int) -> tuple[Path, Record]:
    """Return the block file that has the message, and its record. Raises LookupError."""
    for block in stream_blocks(stream_folder):
        for record in records(block.read_bytes()):
            if record.seq == seq:
                return block, record
    raise LookupError(f"no block of {stream_folder} has the message {seq}")


def flip_bit(stream_folder: Path, seq: int) -> None:
    """Flip one bit in the last byte of the body, as a bad disk does. The checksum no longer fits."""
    block, record = find_record(stream_folder, seq)
    data = bytearray(block.read_bytes())
    data[record.at + record.size - CHECKSUM - 1] ^= 1
    block.write_bytes(data)


def replace_text(stream_folder: Path, seq: int, old: bytes, new: bytes) -> None:
    """Replace bytes of a message by as many others, with the checksum that fits."""
    assert len(old) == len(new)
    block, record = find_record(stream_folder, seq)
    data = block.read_bytes()
    message = data[record.at : record.at + record.size]
    assert old in message
    changed = message.replace(old, new, 1)
    changed = changed[:-CHECKSUM] + checksum(stream_folder.name, block, changed)
    block.write_bytes(data[: record.at] + changed + data[record.at + record.size :])


def cut_block(block: Path, seq: int) -> None:
    """Cut off the block file before the message `seq`, which it has."""
    data = block.read_bytes()
    (at,) = (record.at for record in records(data) if record.seq == seq)
    block.write_bytes(data[:at])


def remove_index(stream_folder: Path) -> None:
    """Remove the index of the blocks, as after a kill: the server then reads every block at its start."""
    (stream_folder / "msgs" / "index.db").unlink()
