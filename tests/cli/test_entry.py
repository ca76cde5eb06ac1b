"""The result of a command becomes an exit code, and each error one line on stderr."""

from __future__ import annotations

import pytest

from auditor.cli import entry
from auditor.errors import AuditorError, ConfigError


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
