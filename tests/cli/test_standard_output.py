"""Output to a closed pipe is discarded, and output that cannot be written is a failure of the command."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from auditor.cli.standard_output import StandardOutput

LONG = 'print("x" * 1_000_000)'
READER_GONE = "import select; gone = select.poll(); gone.register(1, 0); gone.poll(10_000)"
"""Waits until the reader of stdout has closed the pipe."""
PROGRAM = """
import sys
from unittest.mock import patch
from auditor.cli import entry
def command(*_, **__):
    {code}
    return 2
with patch("auditor.cli.entry.app", command):
    entry.main()
"""


def run(code: str, redirections: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a command that executes `code` and ends with 2, in a shell."""
    shell = f'"$0" -c "$1" {redirections}; echo "code $?" >&3'
    arguments = ["bash", "-c", f"exec 3>&1; {shell}", sys.executable, PROGRAM.format(code=code)]
    environment = {**os.environ, **environ}
    return subprocess.run(arguments, capture_output=True, text=True, timeout=30, check=False, env=environment)


def test_what_is_written_arrives() -> None:
    reader, writer = os.pipe()
    output = StandardOutput(writer)
    assert output.write(b"abc") == 3
    os.close(writer)
    assert os.read(reader, 10) == b"abc"
    os.close(reader)
    assert output.failure is None


def test_a_full_pipe_that_does_not_block_is_waited_for() -> None:
    ended = run(f"import os; os.set_blocking(1, False); {LONG}", "| (sleep 0.2; wc -c)")
    assert ended.stdout.splitlines()[0].strip() == "1000001"
    assert ended.stderr == ""


def test_what_the_encoding_of_the_locale_does_not_have_is_escaped() -> None:
    ended = run("print(chr(0x2713), ascii(1), chr(0xd800), chr(0xe9))", "2>&1")
    assert "✓ 1 \\ud800 é" in ended.stdout
    with_ascii = run("print(chr(0x2713), chr(0xe9))", "2>&1", PYTHONIOENCODING="ascii")
    assert with_ascii.stdout.splitlines() == ["\\u2713 \\xe9", "code 2"]


def test_after_the_reader_has_gone_output_is_discarded() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    output = StandardOutput(writer)
    assert [output.write(b"abc"), output.write(b"de")] == [3, 2]
    os.close(writer)
    assert output.failure is None


def test_a_full_disk_is_kept_as_the_failure() -> None:
    with open("/dev/full", "wb") as full:
        output = StandardOutput(full.fileno())
        assert [output.write(b"abc"), output.write(b"de")] == [3, 2]
    assert output.failure == "No space left on device"


@pytest.mark.parametrize("code", ['print("x")', LONG, "sys.stdout.buffer.write(bytes(100_000))"])
def test_a_command_whose_reader_has_gone_is_silent_and_keeps_its_exit_code(code: str) -> None:
    ended = run(f"{READER_GONE}; {code}", "> >(exec true)")
    assert (ended.stdout, ended.stderr) == ("code 2\n", "")


@pytest.mark.parametrize("code", ['print("x")', LONG, "sys.stdout.buffer.write(bytes(100_000))"])
def test_a_result_that_cannot_be_written_is_one_line_and_exit_code_1(code: str) -> None:
    ended = run(code, ">/dev/full")
    assert ended.stdout == "code 1\n"
    assert ended.stderr == "auditor: stdout: the result could not be written: No space left on device\n"


@pytest.mark.parametrize(
    "redirections", [">&-", "2>&- >/dev/null", ">&- 2>&-", "2>/dev/full >/dev/null", "2> >(exec true) >/dev/null"]
)
def test_a_closed_or_full_output_for_messages_changes_no_exit_code(redirections: str) -> None:
    ended = run('print("x"); print("y" * 100_000, file=sys.stderr)', redirections)
    assert ended.stdout.endswith("code 2\n")
    assert "Traceback" not in ended.stderr


def test_messages_for_a_closed_stderr_do_not_go_to_stdout() -> None:
    ended = run('print("y", file=sys.stderr)', "2>&-")
    assert ended.stdout == "code 2\n"
