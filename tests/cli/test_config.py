"""`auditor config` as a function."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from auditor.cli.config import check_command, schema_command
from auditor.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

AUDITS = """audits:
  - {name: often, stream: S, schedule: {every: 90s}}
  - {name: fridays, stream: T, schedule: {cron: "0 0 * * fri"}}
"""


def test_a_good_file_is_ok_and_the_next_three_runs_of_each_audit_are_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(AUDITS)
    before = datetime.now(UTC).replace(microsecond=0)
    assert check_command(path, connect=False) == 0
    after = datetime.now(UTC)
    first, often, fridays = capsys.readouterr().out.splitlines()
    assert first == f"{path}: ok, audits: often, fridays"
    name, _, runs = often.partition(": runs at the start, then ")
    times = [datetime.strptime(run, "%Y-%m-%d %H:%M:%S UTC").replace(tzinfo=UTC) for run in runs.split(", ")]
    assert name == "often"
    assert before <= times[0] - timedelta(seconds=90) <= after
    assert [later - earlier for earlier, later in zip(times, times[1:], strict=False)] == [timedelta(seconds=90)] * 2
    name, _, runs = fridays.partition(": runs at the start, then ")
    times = [datetime.strptime(run, "%Y-%m-%d %H:%M:%S UTC").replace(tzinfo=UTC) for run in runs.split(", ")]
    assert (name, len(times), {f"{time:%a %H:%M}" for time in times}) == ("fridays", 3, {"Fri 00:00"})


def test_a_file_whose_audit_never_runs_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(AUDITS.replace("0 0 * * fri", "0 0 31 4 *"))
    with pytest.raises(ConfigError) as caught:
        check_command(path, connect=False)
    assert caught.value.problems == ['audits[1].schedule.cron: "0 0 31 4 *" does not fire within five years']


def test_the_schema_is_printed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert schema_command() == 0
    assert json.loads(capsys.readouterr().out)["title"] == "Config"
