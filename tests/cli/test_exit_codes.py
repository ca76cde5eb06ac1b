"""Exit codes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from auditor.cli.exit_codes import ExitCode, exit_code, overall_verdict
from auditor.core.model.passes import Verdict
from tests.core.reports import report

if TYPE_CHECKING:
    from auditor.core.report.pass_report import PassReport

CLEAN, CORRUPT, INCONCLUSIVE = (
    replace(report(), verdict=verdict) for verdict in (Verdict.CLEAN, Verdict.CORRUPT, Verdict.INCONCLUSIVE)
)


@pytest.mark.parametrize(
    ("passes", "code"),
    [
        ([CLEAN], 0),
        ([CLEAN, CLEAN], 0),
        ([CORRUPT], 2),
        ([CLEAN, CORRUPT, None, INCONCLUSIVE], 2),
        ([CORRUPT, None], 2),
        ([None], 1),
        ([None, None], 1),
        ([], 1),
        ([CLEAN, None], 3),
        ([INCONCLUSIVE], 3),
        ([CLEAN, INCONCLUSIVE], 3),
        ([INCONCLUSIVE, None], 3),
    ],
)
def test_the_exit_code_follows_from_all_audits_together(passes: list[PassReport | None], code: int) -> None:
    assert exit_code(passes) == ExitCode(code)


def test_each_exit_code_has_a_verdict_and_only_the_code_of_a_failed_run_has_none_of_a_pass() -> None:
    words = {code: overall_verdict(code) for code in ExitCode}
    assert words.pop(ExitCode.COULD_NOT_RUN) == "failed"
    assert set(words.values()) == set(Verdict)
