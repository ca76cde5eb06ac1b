"""The result of a command becomes an exit code, and each error one line on stderr."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import auditor
from auditor.cli import INTERRUPTED, entry
from auditor.cli.exit_codes import ExitCode
from auditor.core.model.findings import Kind
from auditor.errors import AuditorError, ConfigError

if TYPE_CHECKING:
    from pathlib import Path
from auditor.speedups import TWINS


@pytest.mark.parametrize(
    ("result", "code", "message"),
    [
        (0, 0, ""),
        (2, 2, ""),
        (None, 0, ""),
        (AuditorError("no such stream"), 1, "auditor: no such stream\n"),
        (AuditorError("a\x1b[31m\nb"), 1, "auditor: a\\x1b[31m\\x0ab\n"),
        (ConfigError("f.yaml", ["a: bad", "b: bad"]), 1, "auditor: f.yaml: a: bad\nauditor: f.yaml: b: bad\n"),
        (ValueError("hunter2"), 1, "auditor: internal error (ValueError): please report it"),
        (KeyboardInterrupt(), 3, ""),
    ],
)
def test_an_error_is_one_line_and_every_result_has_its_exit_code(
    result: object, code: int, message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def command(*_: object, **__: object) -> object:
        if isinstance(result, BaseException):
            raise result
        return result

    monkeypatch.setattr("auditor.cli.entry.app", command)
    assert entry.run([]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(message)
    assert "hunter2" not in err


@pytest.mark.parametrize("group", [[], ["quarantine"], ["state"], ["config"]])
def test_without_a_command_the_help_is_printed_for_people_and_the_exit_code_is_1(
    group: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert entry.run(group) == 1
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert lines[0] == " ".join(["Usage:", "auditor", *group, "[OPTIONS] COMMAND [ARGS]..."])
    assert "Commands:" in lines
    assert "\\x0a" not in err


def test_an_interrupt_during_the_imports_ends_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("raise KeyboardInterrupt")
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    ended = subprocess.run(
        [sys.executable, "-c", "from auditor.cli import main; main()"],
        env=environ,
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (ExitCode.INCONCLUSIVE, b"", b"")
    assert INTERRUPTED == ExitCode.INCONCLUSIVE


def test_an_interrupted_command_has_the_exit_code_of_an_inconclusive_scan(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("auditor.cli.config.schema_command", interrupted)
    assert entry.run(["config", "schema"]) == ExitCode.INCONCLUSIVE
    assert capsys.readouterr() == ("", "")


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.run(["--version"]) == 0
    assert capsys.readouterr() == (f"auditor {auditor.__version__} (speedups: {TWINS})\n", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fly"], "No such command 'fly' (see auditor --help)"),
        (["quarantine", "fly"], "No such command 'fly' (see auditor quarantine --help)"),
        (["config", "check"], "Missing argument 'F' (see auditor config check --help)"),
        (
            ["scan", "--config", "f", "--fulll"],
            "No such option: --fulll (Possible options: --full) (see auditor scan --help)",
        ),
        (
            ["scan", "--config", "f", "--timeout", "5"],
            '--timeout: "5" is not a duration (write 5m, 1h30m, 30s, 500ms or 0)',
        ),
        (
            ["accept", "--config", "f", "--audit", "a", "--list", "--undo"],
            "Invalid value: use --list or --undo, not both (see auditor accept --help)",
        ),
        (
            ["accept", "--config", "f", "--audit", "a", "--list", "--kind", "version_gap"],
            "Invalid value: --list lists all acceptances: leave out --kind, --up-to-seq and --reason (see auditor accept --help)",
        ),
        (
            ["accept", "--config", "f", "--audit", "a", "--undo", "--kind", "version_gap", "--up-to-seq", "5"],
            "Invalid value: --undo withdraws the whole acceptance: leave out --up-to-seq and --reason (see auditor accept --help)",
        ),
        (
            ["accept", "--config", "f", "--audit", "a", "--kind", "version_gap", "--reason", "x" * 1001],
            "Invalid value: --reason has 1001 characters: at most 1000 are stored (see auditor accept --help)",
        ),
        (
            ["actor", "order-1", "--config", "f", "--from-version", "-1"],
            "Invalid value for '--from-version': Input should be greater than or equal to 0 (see auditor actor --help)",
        ),
        (["scan", "--config", "f", "--timeout", "0"], "--timeout: must be more than 0"),
        (
            ["accept", "--config", "none.yaml", "--audit", "a", "--kind", "gap", "--reason", "known"],
            f'--kind: "gap" is no kind of finding: they are {", ".join(Kind)}',
        ),
        (
            ["accept", "--config", "none.yaml", "--audit", "a", "--kind", "gap", "--undo"],
            f'--kind: "gap" is no kind of finding: they are {", ".join(Kind)}',
        ),
    ],
)
def test_a_usage_error_names_the_help_of_its_command(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert entry.run(arguments) == 1
    assert capsys.readouterr() == ("", f"auditor: {message}\n")
