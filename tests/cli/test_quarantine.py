"""The hexdump of a payload, and the list of what the quarantine stream holds."""

from __future__ import annotations

import json

import pytest

from auditor.cli.exit_codes import ExitCode
from auditor.cli.quarantine import ROW, hexdump, list_command
from auditor.jetstream.quarantine.record import ForeignMessage
from auditor.operations.quarantine import Listing


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


def listed_with_a_foreign_message(monkeypatch, tmp_path, capsys, *, as_json):
    foreign = ForeignMessage("aether.quarantine.\x1b[31mx", "2026-01-01T00:00:00Z", 6, "ab")

    async def listing(*_):
        return Listing([], [foreign])

    monkeypatch.setattr("auditor.cli.quarantine._with_app", listing)
    monkeypatch.setattr("auditor.cli.quarantine.load", lambda _: None)
    assert list_command(tmp_path, as_json=as_json) == ExitCode.CLEAN
    return capsys.readouterr().out


def test_a_message_that_is_not_the_auditor_s_is_listed(monkeypatch, tmp_path, capsys):
    text = listed_with_a_foreign_message(monkeypatch, tmp_path, capsys, as_json=False)
    assert "not a record" in text
    assert "0 records" in text
    assert "1 messages that are not the auditor's" in text
    assert "\x1b[31mx" not in text


def test_a_message_that_is_not_the_auditor_s_is_an_object_with_the_keys_of_a_record(monkeypatch, tmp_path, capsys):
    (line,) = listed_with_a_foreign_message(monkeypatch, tmp_path, capsys, as_json=True).splitlines()
    found = json.loads(line)
    assert (found["foreign"], found["key"], found["size"], found["kind"]) == (
        True,
        "aether.quarantine.\x1b[31mx",
        6,
        None,
    )
