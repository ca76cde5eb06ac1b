"""`auditor quarantine`: the condemned messages, and what is wrong with each."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table

from auditor.aether import Malformed, decode_event, decode_snapshot
from auditor.app import connected
from auditor.canary.stream import CANARY
from auditor.cli.log_output import configure_log
from auditor.cli.tables import plain, print_line, results
from auditor.config import load
from auditor.core.model.findings import SNAPSHOT_KINDS, subject_text
from auditor.core.report.pass_report import ExitCode
from auditor.errors import AuditorError
from auditor.jetstream.quarantine.reader import get_record, list_records
from auditor.jetstream.reading.stream_source import StreamSource

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from auditor.jetstream.quarantine.record import Record, RecordOrigin

ROW = 16
"""Bytes in a row of the hexdump."""
ROWS_AROUND = 8
"""Rows shown on each side of the error."""


def list_all(config_file: Path, *, as_json: bool) -> int:
    """Print every record. Raises AuditorError."""
    configure_log("warning", "console")
    records = asyncio.run(_list(config_file))
    if as_json:
        for record in records:
            print(json.dumps(record.to_json()))  # noqa: T201 - the result
        return ExitCode.CLEAN
    table = Table(box=box.SIMPLE, show_edge=False, pad_edge=False)
    for column in ("key", "kind", "reason", "stored at", "subject", "bytes"):
        table.add_column(column, overflow="fold")
    for record in records:
        cells = (
            record.key,
            record.kind,
            record.reason or "",
            record.stored_at,
            subject_text(record.subject),
            record.size,
        )
        table.add_row(*(plain(cell) for cell in cells))
    results().print(table)
    print_line(results(), f"{len(records)} records")
    return ExitCode.CLEAN


async def _list(config_file: Path) -> list[RecordOrigin]:
    """All but those of the self-test: what is planted in the canary is nobody's loss."""
    config = load(config_file)
    async with connected(config, writes=False) as auditor:
        records = list_records(StreamSource(auditor.client, config.quarantine.stream))
        return [record async for record in records if record.stream != CANARY]


async def _get(config_file: Path, key: str) -> Record:
    config = load(config_file)
    async with connected(config, writes=False) as auditor:
        return await get_record(auditor.client, config.quarantine, key)


def show(config_file: Path, key: str) -> int:
    """Print where a record came from, and its bytes around the error. Raises AuditorError."""
    configure_log("warning", "console")
    record = asyncio.run(_get(config_file, key))
    console = results()
    of = record.provenance
    rows = {
        "key": of.key,
        "stream": f"{of.stream}, sequence {of.sequence}",
        "subject": subject_text(of.subject),
        "stored at": of.stored_at,
        "finding": of.kind + (f" ({of.reason})" if of.reason else ""),
        "error": of.error,
        "payload": f"{of.size} bytes, SHA-256 {of.sha256}",
        "headers": f"{len(record.headers)} bytes" if record.headers is not None else "none",
    }
    for name, text in rows.items():
        print_line(console, f"{name:<10}{text}")
    if record.damage:
        print_line(console, f"this record is damaged itself: {record.damage}", "bold red")
    if record.headers:
        print_line(console, "header block:")
        for header in record.headers.split(b"\r\n"):
            print_line(console, f"  {header.decode('utf-8', 'backslashreplace')}")
    print_line(console, "payload:")
    for line in hexdump(record.data, _offset(record)):
        print_line(console, line)
    return ExitCode.CLEAN


def _offset(record: Record) -> int:
    """Where in the payload the trouble was seen."""
    snapshot = record.provenance.kind in SNAPSHOT_KINDS
    judged = decode_snapshot(record.data) if snapshot else decode_event(record.data)
    return judged.offset if isinstance(judged, Malformed) else 0


def hexdump(data: bytes, offset: int) -> Iterator[str]:
    """Rows of bytes and text around `offset`, which an arrow marks."""
    if not data:
        yield "(empty)"
        return
    at = min(offset, len(data) - 1) // ROW
    first = max(0, at - ROWS_AROUND)
    last = min((len(data) - 1) // ROW, at + ROWS_AROUND)
    if first > 0:
        yield f"  ... {first * ROW} bytes before"
    for row in range(first, last + 1):
        piece = data[row * ROW : (row + 1) * ROW]
        text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in piece)
        yield f"{'>' if row == at else ' '} {row * ROW:08x}  {piece.hex(' '):<{3 * ROW - 1}}  {text}"
        if row == at:
            column = 2 + 8 + 2 + 3 * (min(offset, len(data) - 1) % ROW)
            yield f"{'':{column}}^^ byte {offset}{' (the end)' if offset >= len(data) else ''}"
    if (last + 1) * ROW < len(data):
        yield f"  ... {len(data) - (last + 1) * ROW} bytes after"


def export(config_file: Path, key: str, out: Path) -> int:
    """Write the payload, byte for byte. Raises AuditorError."""
    configure_log("warning", "console")
    record = asyncio.run(_get(config_file, key))
    if record.damage:
        raise AuditorError(f"{record.provenance.key}: {record.damage}; nothing was written")
    if str(out) == "-":
        sys.stdout.buffer.write(record.data)
        sys.stdout.buffer.flush()
        return ExitCode.CLEAN
    try:
        out.write_bytes(record.data)
    except OSError as error:
        raise AuditorError(f"{out}: cannot be written: {error.strerror}") from error
    print_line(Console(stderr=True), f"{len(record.data)} bytes written to {out}")
    return ExitCode.CLEAN
