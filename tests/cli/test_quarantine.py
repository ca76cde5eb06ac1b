"""The hexdump of a payload."""

from __future__ import annotations

import pytest

from auditor.cli.quarantine import ROW, hexdump


def test_an_arrow_marks_the_row_and_the_byte_of_the_error() -> None:
    lines = list(hexdump(bytes(range(64)), 20))
    assert lines[1].startswith("> 00000010  10 11 12 13 14")
    arrow = lines[2]
    assert lines[1][arrow.index("^^") :].startswith("14 ")
    assert arrow.endswith("byte 20")


def test_an_error_at_the_end_is_marked_after_the_last_byte() -> None:
    assert any(line.endswith("byte 5 (the end)") for line in hexdump(b"12345", 5))


def test_a_long_payload_is_shown_only_around_the_error() -> None:
    lines = list(hexdump(bytes(100_000), 50_000))
    assert len(lines) < 30
    assert (lines[0], lines[-1]) == (
        f"  ... {(50_000 // ROW - 8) * ROW} bytes before",
        f"  ... {100_000 - (50_000 // ROW + 9) * ROW} bytes after",
    )


def test_only_printable_ascii_reaches_the_terminal() -> None:
    assert all(" " <= char <= "~" for line in hexdump(bytes(range(256)), 27) for char in line)


@pytest.mark.parametrize("offset", [0, 7])
def test_an_empty_payload_is_shown_as_empty(offset: int) -> None:
    assert list(hexdump(b"", offset)) == ["(empty)"]
