"""`auditor quarantine`: lists, prints and exports records."""

from __future__ import annotations

import asyncio
import json
import sys
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from rich import box
from rich.console import Console
from rich.table import Table

from auditor.app import open_app
from auditor.cli.exit_codes import ExitCode
from auditor.cli.log_output import configure_log
from auditor.cli.tables import print_line, result_console, safe
from auditor.config import load
from auditor.core.model.findings import subject_text
from auditor.errors import AuditorError, StreamNotFoundError
from auditor.operations.quarantine import get_record, list_records

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from auditor.app import App
    from auditor.config import Config

Result = TypeVar("Result")

ROW = 16
"""Bytes in a row of the hexdump."""
ROWS_AROUND = 8
"""Rows shown on each side of the error."""


def list_command(config_file: Path, *, as_json: bool) -> int:
    """Print every record but those of the self-test, and messages that are not the auditor's. Raises AuditorError."""
    configure_log("warning", "console")
    records, foreign = asyncio.run(_with_app(load(config_file), list_records))
    if as_json:
        for each in [record.to_json() for record in records] + [message.to_json() for message in foreign]:
            print(json.dumps(each))  # noqa: T201 - the result
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
        table.add_row(*(safe(cell) for cell in cells))
    for message in foreign:
        cells = (message.key, "not a record", "", message.stored_at, "", message.size)
        table.add_row(*(safe(cell) for cell in cells))
    result_console().print(table)
    print_line(result_console(), f"{len(records)} records")
    if foreign:
        print_line(
            result_console(),
            f"{len(foreign)} messages that are not the auditor's: another client publishes there",
            "bold red",
        )
    return ExitCode.CLEAN


async def _with_app(config: Config, operation: Callable[[App], Awaitable[Result]]) -> Result:
    async with open_app(config, ensure_own_streams=False) as app:
        try:
            return await operation(app)
        except StreamNotFoundError as error:
            remedy = (
                "run a pass, or `auditor provision` as an administrator"
                if config.quarantine.create
                else "run `auditor provision` as an administrator, or set quarantine.create to true"
            )
            raise StreamNotFoundError(
                f"quarantine stream {config.quarantine.stream} does not exist: {remedy}"
            ) from error


def show_command(config_file: Path, key: str) -> int:
    """Print where a record came from, and its bytes around the error. Raises AuditorError."""
    configure_log("warning", "console")
    located = asyncio.run(_with_app(load(config_file), partial(get_record, key=key)))
    record, console = located.record, result_console()
    origin = record.origin
    rows = {
        "key": origin.key,
        "stream": f"{origin.stream}, sequence {origin.sequence}",
        "subject": subject_text(origin.subject),
        "stored at": origin.stored_at,
        "finding": origin.kind + (f" ({origin.reason})" if origin.reason else ""),
        "error": origin.error,
        "payload": f"{origin.size} bytes, SHA-256 {origin.sha256}",
        "headers": f"{len(record.headers)} bytes" if record.headers is not None else "none",
    }
    for name, text in rows.items():
        print_line(console, f"{name:<10}{text}")
    if record.problem:
        print_line(console, f"the record itself is damaged: {record.problem}", "bold red")
    if record.headers:
        print_line(console, "header block:")
        for header in record.headers.split(b"\r\n"):
            print_line(console, f"  {header.decode('utf-8', 'backslashreplace')}")
    print_line(console, "payload:")
    for line in hexdump(record.data, located.error_offset):
        print_line(console, line)
    return ExitCode.CLEAN


def hexdump(data: bytes, offset: int) -> Iterator[str]:
    """Returns rows of bytes and text around `offset`. An arrow marks the byte at `offset`."""
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


def export_command(config_file: Path, key: str, out: Path) -> int:
    """Write the payload, byte for byte. Raises AuditorError."""
    configure_log("warning", "console")
    record = asyncio.run(_with_app(load(config_file), partial(get_record, key=key))).record
    if record.problem:
        raise AuditorError(f"{record.origin.key}: {record.problem}; nothing was written")
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
