"""The exit codes of the commands, and the word for each in a report."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from auditor.core.model.passes import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from auditor.core.report.pass_report import PassReport


class ExitCode(IntEnum):
    """The exit codes of every command, in every output format."""

    CLEAN = 0
    COULD_NOT_RUN = 1
    CORRUPT = 2
    INCONCLUSIVE = 3


def exit_code(reports: Iterable[PassReport | None]) -> ExitCode:
    """Returns the exit code for passes of several audits; None stands for a pass that could not run."""
    passes = list(reports)
    verdicts = [report.verdict for report in passes if report]
    if Verdict.CORRUPT in verdicts:
        return ExitCode.CORRUPT
    if not verdicts:
        return ExitCode.COULD_NOT_RUN
    if len(verdicts) < len(passes) or Verdict.INCONCLUSIVE in verdicts:
        return ExitCode.INCONCLUSIVE
    return ExitCode.CLEAN


def overall_verdict(code: ExitCode) -> str:
    """Returns the verdict over all audits, for the JSON report of a command that ends with `code`."""
    return {
        ExitCode.CLEAN: Verdict.CLEAN,
        ExitCode.CORRUPT: Verdict.CORRUPT,
        ExitCode.INCONCLUSIVE: Verdict.INCONCLUSIVE,
        ExitCode.COULD_NOT_RUN: "failed",
    }[code]
