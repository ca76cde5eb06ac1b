"""The result of a command becomes an exit code, and each error one line on stderr."""

from __future__ import annotations

import pytest

import auditor
from auditor.cli import entry
from auditor.core.model.findings import Kind
from auditor.errors import AuditorError, ConfigError
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


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.run(["--version"]) == 0
    assert capsys.readouterr() == (f"auditor {auditor.__version__} (speedups: {TWINS})\n", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fly"], "No such command 'fly' (see auditor --help)"),
        (["quarantine", "fly"], "No such command 'fly' (see auditor quarantine --help)"),
        (["scan"], "Missing option '--config' (see auditor scan --help)"),
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
