"""Whatever happens becomes one clear line and the exit code of the contract."""

from __future__ import annotations

import pytest

from auditor.cli import entry
from auditor.errors import AuditorError, ConfigError


@pytest.mark.parametrize(
    ("happens", "code", "told"),
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
def test_what_happens_is_told_in_a_line(
    happens: object, code: int, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def verb(*_: object, **__: object) -> object:
        if isinstance(happens, BaseException):
            raise happens
        return happens

    monkeypatch.setattr("auditor.cli.entry.app", verb)
    assert entry.run([]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(told)
    assert "hunter2" not in err
