"""What a report says about the copies of a stream, in a form that a test compares as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from auditor.core.model.findings import REPLICA_KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from auditor.core.report.pass_report import PassReport


class Accused(NamedTuple):
    """One finding about one copy."""

    kind: str
    replica: str | None
    ranges: tuple[tuple[int, int], ...] | None = None
    """Sequences; None for a copy that was not read."""
    undecided: bool = False


def accused(report: PassReport) -> list[Accused]:
    """Return every finding about a copy. Those of the other kinds are in `others`."""
    assert not report.findings_cut
    found = []
    for each in report.findings:
        if each.kind in REPLICA_KINDS:
            place = None if each.first_seq is None or each.last_seq is None else ((each.first_seq, each.last_seq),)
            found.append(Accused(each.kind, each.replica, each.ranges or place, bool(each.undecided)))
    return sorted(found)


def others(report: PassReport) -> list[str]:
    """Return the kinds of all findings that are not about a copy."""
    return sorted(each.kind for each in report.findings if each.kind not in REPLICA_KINDS)


def verdicts(report: PassReport) -> dict[str, str]:
    """Return the verdict about each copy."""
    return {each.name: str(each.verdict) for each in report.replicas.copies}


def all_but(names: Iterable[str], bad: str, verdict: str) -> dict[str, str]:
    """Return the verdicts of copies of which only one is not clean."""
    return {name: verdict if name == bad else "clean" for name in names}
